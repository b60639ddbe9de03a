//! The subscriptions that `esm listen` makes itself.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Args;
use crate::cli::connect::{check_clear_text, password};
use crate::cli::destination::{self, Defaults};
use crate::cli::exit::{Exit, Failure};
use crate::cli::length;
use crate::cli::show::duration_text;
use crate::client::instance_name::class_uri;
use crate::client::server::ServerAddress;
use crate::client::wsman::{ClientOptions, Resource, WsmanClient, WsmanError};
use crate::clock::SystemClock;
use crate::manager::report::Content;
use crate::manager::subscriber::{News, Plan, Subscriber, own_address};
use crate::wsman::credentials::{Credential, IssuedToken};
use crate::wsman::eventing::Delivery;
use crate::wsman::identify::HTTPS_BASIC;
use crate::wsman::time::Expires;
use crate::wsman::{DeliveryMode, EndpointReference, Filter, Selector, Subscribe, ns};

/// What to subscribe to, and where.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Subscriptions of its own")]
pub struct SubscriptionArgs {
    /// Subscribe to this agent: https://HOST[:5986][/wsman], or HOST alone. The lease is renewed in time, and the
    /// subscription ended at the end
    #[arg(long, value_name = "URL", value_parser = ServerAddress::parse)]
    subscribe: Vec<ServerAddress>,
    /// The class of events
    #[arg(
        long,
        value_name = "CLASS",
        default_value = "CIM_Indication",
        requires = "subscribe"
    )]
    events: String,
    /// A WQL query for the events, in place of the class
    #[arg(long, value_name = "QUERY", conflicts_with = "events", requires = "subscribe")]
    filter: Option<String>,
    /// A filter that is stored at the agents, such as ESM:AllAlerts, in place of the class
    #[arg(long, value_name = "NAME", conflicts_with_all = ["events", "filter"], requires = "subscribe")]
    filter_name: Option<String>,
    /// The CIM namespace of the class or query [default: root/ESMPRO/AS]
    #[arg(long, value_name = "NAMESPACE", requires = "subscribe")]
    namespace: Option<String>,
    /// The lease to ask for, as 90s, 5m, 1h or 2d
    #[arg(long, value_name = "LENGTH", default_value = "10m", value_parser = length::parse, requires = "subscribe")]
    expires: Duration,
    /// Have a sign of life sent at least that often, as 30s or 5m
    #[arg(long, value_name = "LENGTH", value_parser = length::parse, requires = "subscribe")]
    heartbeat: Option<Duration>,
    /// Where the agents deliver to: https://HOST:PORT/, or HOST alone [default: the address that they are reached from]
    #[arg(long, value_name = "URL", requires = "subscribe")]
    notify_to: Option<String>,
}

impl SubscriptionArgs {
    /// Whether there are any.
    pub const fn is_given(&self) -> bool {
        !self.subscribe.is_empty()
    }
}

/// Every subscription, each kept by a task of its own.
pub struct Subscriptions {
    tasks: JoinSet<Result<(), WsmanError>>,
    /// Who is told of ended subscriptions.
    ended: Vec<mpsc::Sender<String>>,
    news: mpsc::Receiver<(ServerAddress, News)>,
    stop: CancellationToken,
}

/// How much news may wait to be told.
const WAITING: usize = 16;

/// How many ends of subscriptions may wait for a subscriber. One that has a subscription takes them at once.
const ENDS_WAITING: usize = 64;

/// What is longer names no subscription.
const LONGEST_IDENTIFIER: usize = 1024;

impl Subscriptions {
    /// Begins to subscribe. `listening` are the addresses that deliveries can be taken at.
    ///
    /// # Errors
    /// If the arguments are not sound, or an agent's name has no address.
    pub async fn start(args: &Args, listening: &[SocketAddr]) -> Result<Self, Failure> {
        let (tell, news) = mpsc::channel(WAITING);
        let stop = CancellationToken::new();
        let mut subscriptions = Self {
            tasks: JoinSet::new(),
            ended: Vec::new(),
            news,
            stop,
        };
        if !args.subscriptions.is_given() {
            return Ok(subscriptions);
        }
        for address in &args.subscriptions.subscribe {
            check_clear_text(address, &args.login, &args.trust)?;
        }
        let tls = args.trust.tls()?;
        let credentials = args.login.credentials()?;
        for address in &args.subscriptions.subscribe {
            let notify_to = notify_to(args, address, listening).await?;
            let plan = plan(args, &notify_to)?;
            let options = ClientOptions::default();
            let client = WsmanClient::new(address.clone(), &tls, credentials.clone(), options)?;
            let subscriber = Subscriber::new(client, plan, tell.clone(), SystemClock::shared());
            let (ended, told) = mpsc::channel(ENDS_WAITING);
            subscriptions.ended.push(ended);
            let stop = subscriptions.stop.clone();
            subscriptions.tasks.spawn(subscriber.run(told, stop));
        }
        Ok(subscriptions)
    }

    /// Tells whom it may concern of a subscription that an agent has ended. Never waits: anybody may send such things,
    /// and a subscriber that does not look has no subscription, or is about to renew it and hears of its end then.
    pub fn note(&self, content: &Content) {
        if let Content::SubscriptionEnd(end) = content
            && end.identifier.len() <= LONGEST_IDENTIFIER
        {
            for subscriber in &self.ended {
                let _ = subscriber.try_send(end.identifier.clone());
            }
        }
    }

    /// Tells the news on standard error; returns only when an agent has refused the first request.
    pub async fn next_refused(&mut self) -> Failure {
        loop {
            tokio::select! {
                Some((address, news)) = self.news.recv() => tell(&address, &news),
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return error.into(),
                    Err(panicked) => return Failure::new(Exit::Local, panicked),
                },
                else => std::future::pending().await,
            }
        }
    }

    /// Ends all subscriptions.
    ///
    /// # Errors
    /// If one was refused.
    pub async fn stop(mut self) -> Result<(), Failure> {
        self.stop.cancel();
        // The news ends when the last task has ended.
        while let Some((address, news)) = self.news.recv().await {
            tell(&address, &news);
        }
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(|panicked| Failure::new(Exit::Local, panicked))??;
        }
        Ok(())
    }
}

/// Where an agent is to deliver to.
async fn notify_to(args: &Args, agent: &ServerAddress, listening: &[SocketAddr]) -> Result<String, Failure> {
    let Some(first) = listening.first() else {
        return Err(Failure::new(
            Exit::Local,
            "there is no address that is listened on",
        ));
    };
    let scheme = if args.plain { "http" } else { "https" };
    if let Some(given) = &args.subscriptions.notify_to {
        let port = first.port();
        return destination::url(given, Defaults { scheme, port });
    }
    let ip = if first.ip().is_unspecified() {
        own_address(agent).await.map_err(|error| {
            Failure::new(
                Exit::Unreachable,
                format!("{agent}: {error}; or give --notify-to URL"),
            )
        })?
    } else {
        first.ip()
    };
    Ok(format!("{scheme}://{}/", SocketAddr::new(ip, first.port())))
}

fn plan(args: &Args, notify_to: &str) -> Result<Plan, Failure> {
    let wanted = &args.subscriptions;
    let resource = match (&wanted.filter, &wanted.filter_name) {
        (Some(_), _) => Resource::new(ns::ALL_CLASSES),
        (None, Some(name)) => stored_filter(name)?,
        (None, None) => Resource::new(class_uri(&wanted.events)?.0),
    };
    let tokens = tokens(args, notify_to)?;
    Ok(Plan {
        resource: resource.in_namespace(wanted.namespace.as_deref()),
        request: Subscribe {
            end_to: Some(EndpointReference::to(notify_to)),
            delivery: Delivery {
                mode: DeliveryMode::PushWithAck,
                notify_to: Some(EndpointReference::to(notify_to)),
                heartbeats: wanted.heartbeat,
                auth_profile: (!tokens.is_empty()).then(|| HTTPS_BASIC.to_owned()),
                ..Delivery::default()
            },
            expires: Some(Expires::After(wanted.expires)),
            filter: wanted.filter.clone().map(Filter::Wql),
            ..Subscribe::default()
        },
        tokens,
    })
}

fn stored_filter(name: &str) -> Result<Resource, Failure> {
    let mut resource = Resource::new(class_uri("CIM_IndicationFilter")?.0);
    resource.selectors.0.push(Selector::text("Name", name));
    Ok(resource)
}

/// The agents are given what deliveries must log in with.
fn tokens(args: &Args, notify_to: &str) -> Result<Vec<IssuedToken>, Failure> {
    let Some(user) = &args.accept_user else {
        return Ok(Vec::new());
    };
    let password = password(user, args.accept_password_file.as_deref(), "ESM_ACCEPT_PASSWORD")?;
    Ok(vec![IssuedToken {
        credential: Credential::UserName {
            user: user.clone(),
            password: password.to_string(),
        },
        applies_to: Some(notify_to.to_owned()),
    }])
}

fn tell(address: &ServerAddress, news: &News) {
    match news {
        News::Subscribed { identifier, lease } => {
            let lease = lease.map_or_else(
                || "without end".to_owned(),
                |lease| format!("for {}", duration_text(lease)),
            );
            eprintln!("esm: {address}: subscribed {lease} as {identifier}");
        }
        News::Lost { reason } => eprintln!("esm: {address}: the subscription is gone: {reason}"),
        News::Failed { error, pause } => {
            eprintln!(
                "esm: {address}: {error}; trying again in {}",
                duration_text(*pause)
            );
        }
        News::Unsubscribed => eprintln!("esm: {address}: unsubscribed"),
    }
}
