//! `esm wsman subscribe`, `renew`, `unsubscribe` and `pull`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::json;

use super::Session;
use super::printer::Printer;
use crate::cli::connect::password;
use crate::cli::destination::{self, Defaults};
use crate::cli::exit::{Exit, Failure};
use crate::cli::length;
use crate::cli::output::{Format, printable};
use crate::cli::show::duration_text;
use crate::client::instance_name::InstanceName;
use crate::client::wsman::{Batch, Received, Resource};
use crate::wsman::credentials::{Credential, IssuedToken};
use crate::wsman::eventing::{Delivery, SubscribeResponse};
use crate::wsman::identify::HTTPS_BASIC;
use crate::wsman::time::Expires;
use crate::wsman::{DeliveryMode, EndpointReference, Fault, FaultCause, Filter, Pull, Subscribe, ns};

/// Subscribe to events; prints the subscription's identifier and the lease that was granted
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm wsman subscribe CIM_AlertIndication --notify-to https://manager:6736/ --expires 1h
  esm wsman subscribe --filter 'select * from CIM_AlertIndication where PerceivedSeverity > 4' \\
      --notify-to https://manager:6736/ --mode push-with-ack
  esm wsman subscribe 'CIM_IndicationFilter?Name=ESM:ESMFSSERVICE' --mode pull

A subscription ends with its lease unless it is renewed (`esm wsman renew`). `esm listen` receives
what is sent.")]
pub struct SubscribeArgs {
    /// The class of events, which a filter names itself; or a filter that is stored at the agent:
    /// CIM_IndicationFilter?Name=NAME
    #[arg(value_name = "CLASS", required_unless_present = "filter")]
    class: Option<InstanceName>,
    /// A query for the events that are wanted
    #[arg(long, value_name = "QUERY")]
    filter: Option<String>,
    /// The language of the query
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "DIALECT",
        requires = "filter"
    )]
    dialect: Dialect,
    /// Where the agent delivers to: https://HOST[:PORT]/, or HOST[:6736] alone
    #[arg(long, value_name = "URL")]
    notify_to: Option<String>,
    /// How events are delivered
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    mode: Mode,
    /// How long the subscription is wanted for, as 90s, 5m, 1h or 2d [default: what the agent gives]
    #[arg(long, value_name = "LENGTH", value_parser = length::parse)]
    expires: Option<Duration>,
    /// Have a sign of life sent at least that often, as 30s or 5m
    #[arg(long, value_name = "LENGTH", value_parser = length::parse)]
    heartbeat: Option<Duration>,
    /// How many events one batch may hold (mode events)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// How long a batch may wait to be filled, as 5s or 1m (mode events)
    #[arg(long, value_name = "LENGTH", value_parser = length::parse)]
    batch_wait: Option<Duration>,
    /// Have bookmarks sent with the events
    #[arg(long)]
    bookmarks: bool,
    /// The account that deliveries log in with; its password is in ESM_NOTIFY_PASSWORD or the file
    #[arg(long, value_name = "NAME")]
    notify_user: Option<String>,
    /// A file whose first line is the password of --notify-user
    #[arg(long, value_name = "FILE", requires = "notify_user")]
    notify_password_file: Option<PathBuf>,
}

/// Prolong a subscription; prints the lease that was granted
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm wsman renew uuid:0059f4d7-9a0b-4b5e-8a54-6cfd5e9e3d11
  esm wsman renew uuid:0059f4d7-9a0b-4b5e-8a54-6cfd5e9e3d11 --expires 1h

The identifier is the one that `esm wsman subscribe` printed. A subscription whose lease has ended
cannot be renewed: subscribe again.")]
pub struct RenewArgs {
    /// The subscription's identifier
    #[arg(value_name = "ID")]
    id: String,
    /// How long it is wanted for, as 90s, 5m, 1h or 2d [default: what the agent gives]
    #[arg(long, value_name = "LENGTH", value_parser = length::parse)]
    expires: Option<Duration>,
}

/// End a subscription
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  esm wsman unsubscribe uuid:0059f4d7-9a0b-4b5e-8a54-6cfd5e9e3d11

The identifier is the one that `esm wsman subscribe` printed. What is queued for the subscription is
dropped.")]
pub struct UnsubscribeArgs {
    /// The subscription's identifier
    #[arg(value_name = "ID")]
    id: String,
}

/// Take the next events of a subscription in the mode pull
///
/// Exits with 1 if there was none in time. The last line on standard error is the context to go on with: by it the
/// agent learns that these events have arrived. With the old one they come again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm wsman subscribe CIM_Indication --mode pull      prints the first context
  esm wsman pull CONTEXT --wait 30s
  next=$(esm wsman pull CONTEXT --output json 2>&1 >>events.json)
  esm wsman pull \"$next\" --output json")]
pub struct PullArgs {
    /// The context that `subscribe` printed, or the last `pull`
    #[arg(value_name = "CONTEXT")]
    context: String,
    /// How long to wait for an event, as 30s or 5m [default: what the agent gives]
    #[arg(long, value_name = "LENGTH", value_parser = length::parse)]
    wait: Option<Duration>,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Dialect {
    /// The WMI query language
    #[default]
    Wql,
    /// The CIM query language
    Cql,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// One message for each event
    #[default]
    Push,
    /// The same, and the receiver acknowledges each
    PushWithAck,
    /// Batches, which the receiver acknowledges
    Events,
    /// `esm wsman pull` fetches them
    Pull,
}

/// Makes a subscription, and prints its identifier and lease.
pub async fn subscribe(args: &SubscribeArgs, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let resource = match &args.class {
        Some(named) => Resource::from(named).in_namespace(session.namespace()),
        None => session.class_resource(ns::ALL_CLASSES),
    };
    let (request, tokens) = args.request()?;
    let received = session.client.subscribe(&resource, request, tokens).await?;
    session.write_subscription(&received)?;
    Ok(Exit::Done)
}

/// Prolongs a subscription.
pub async fn renew(args: &RenewArgs, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let expires = args.expires.map(Expires::After);
    let Received { content, envelope } = session.client.renew(&args.id, expires).await?;
    match session.common.output {
        Format::Table => session.out.line(&format!("Expires  {}", lease_text(content)))?,
        Format::Json => session
            .out
            .json(&json!({ "id": args.id, "expires": lease_json(content) }))?,
        Format::Xml => session.write_body(&envelope)?,
    }
    Ok(Exit::Done)
}

/// Ends a subscription.
pub async fn unsubscribe(args: &UnsubscribeArgs, session: &mut Session<'_>) -> Result<Exit, Failure> {
    session.client.unsubscribe(&args.id).await?;
    Ok(Exit::Done)
}

/// Takes the next events of a subscription in the mode pull.
pub async fn pull(args: &PullArgs, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let request = Pull {
        context: args.context.clone(),
        max_elements: args.max,
        max_time: args.wait,
        ..Pull::default()
    };
    let Received { content, envelope } = match session.client.pull(None, request).await {
        // The time for it is over (WS-Enumeration, 3.3).
        Err(error) if error.fault().is_some_and(is_timeout) => return Ok(Exit::Negative),
        Err(error) if error.fault().is_some_and(is_unknown) => {
            return Err(Failure::from(error).with_advice(
                "a context is what `subscribe --mode pull` printed, or the last `pull`; the subscription's identifier is none",
            ));
        }
        answer => answer?,
    };
    let items = content.items;
    let exit = if items.is_empty() {
        Exit::Negative
    } else {
        Exit::Done
    };
    let Session {
        common, classes, out, ..
    } = session;
    let mut printer = Printer::new(common.output, None, true, classes, out);
    printer.take(Batch { items, envelope })?;
    printer.finish()?;
    if let Some(context) = content.context {
        // They count as taken once the agent is given it: not before they are written.
        out.flush()?;
        eprintln!("{context}");
    }
    Ok(exit)
}

const fn is_timeout(fault: &Fault) -> bool {
    matches!(
        fault.cause,
        FaultCause::TimedOut | FaultCause::EnumerationTimedOut
    )
}

fn is_unknown(fault: &Fault) -> bool {
    fault.cause == FaultCause::InvalidEnumerationContext
}

impl SubscribeArgs {
    fn request(&self) -> Result<(Subscribe, Vec<IssuedToken>), Failure> {
        let mode = match self.mode {
            Mode::Push => DeliveryMode::Push,
            Mode::PushWithAck => DeliveryMode::PushWithAck,
            Mode::Events => DeliveryMode::Events,
            Mode::Pull => DeliveryMode::Pull,
        };
        if mode != DeliveryMode::Pull && self.notify_to.is_none() {
            let message = "--notify-to URL is missing: it says where the agent delivers to";
            return Err(Failure::new(Exit::Usage, message));
        }
        let filter = self.filter.clone().map(|query| match self.dialect {
            Dialect::Wql => Filter::Wql(query),
            Dialect::Cql => Filter::Cql(query),
        });
        let notify_to = self
            .notify_to
            .as_deref()
            .map(|given| destination::url(given, Defaults::default()))
            .transpose()?;
        let tokens = self.tokens(notify_to.as_deref())?;
        let request = Subscribe {
            delivery: Delivery {
                mode,
                notify_to: notify_to.as_deref().map(EndpointReference::to),
                heartbeats: self.heartbeat,
                max_elements: self.batch,
                max_time: self.batch_wait,
                auth_profile: (!tokens.is_empty()).then(|| HTTPS_BASIC.to_owned()),
                ..Delivery::default()
            },
            expires: self.expires.map(Expires::After),
            filter,
            send_bookmarks: self.bookmarks,
            ..Subscribe::default()
        };
        Ok((request, tokens))
    }

    fn tokens(&self, notify_to: Option<&str>) -> Result<Vec<IssuedToken>, Failure> {
        let Some(user) = &self.notify_user else {
            return Ok(Vec::new());
        };
        let file = self.notify_password_file.as_deref();
        let password = password(user, file, "ESM_NOTIFY_PASSWORD")?;
        Ok(vec![IssuedToken {
            credential: Credential::UserName {
                user: user.clone(),
                password: password.to_string(),
            },
            applies_to: notify_to.map(str::to_owned),
        }])
    }
}

impl Session<'_> {
    fn write_subscription(&mut self, received: &Received<SubscribeResponse>) -> Result<(), Failure> {
        let response = &received.content;
        match self.common.output {
            Format::Table => {
                self.out
                    .line(&format!("Subscription  {}", printable(&response.identifier)))?;
                self.out
                    .line(&format!("Expires       {}", lease_text(response.expires)))?;
                if let Some(context) = &response.enumeration_context {
                    self.out.line(&format!("Context       {}", printable(context)))?;
                }
            }
            Format::Json => self.out.json(&json!({
                "id": response.identifier,
                "expires": lease_json(response.expires),
                "context": response.enumeration_context,
            }))?,
            Format::Xml => self.write_body(&received.envelope)?,
        }
        Ok(())
    }
}

fn lease_text(expires: Option<Expires>) -> String {
    match expires {
        None => "never".to_owned(),
        Some(Expires::After(length)) => format!("in {}", duration_text(length)),
        Some(Expires::At(at)) => format!("at {at}"),
    }
}

/// Seconds from now, or the moment.
fn lease_json(expires: Option<Expires>) -> serde_json::Value {
    match expires {
        None => serde_json::Value::Null,
        Some(Expires::After(length)) => length.as_secs().into(),
        Some(Expires::At(at)) => at.to_string().into(),
    }
}
