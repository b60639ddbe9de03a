//! Keeps one subscription at one agent alive: makes it, renews it in time, makes it anew when it is gone,
//! ends it when it is no longer wanted.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::client::server::ServerAddress;
use crate::client::wsman::{Resource, WsmanClient, WsmanError};
use crate::clock::{BootTime, SharedClock};
use crate::net::resolve;
use crate::wsman::Subscribe;
use crate::wsman::credentials::IssuedToken;
use crate::wsman::fault::{Fault, FaultCause};
use crate::wsman::time::Expires;

/// The first pause after a failure; it doubles to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long an agent may take to end the subscription when the manager goes down.
const GOODBYE: Duration = Duration::from_secs(3);
/// No lease is looked after more often.
const SHORTEST_HALF_LEASE: Duration = Duration::from_secs(1);

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The class of events, or all of them where the request has a filter.
    pub resource: Resource,
    /// The request.
    pub request: Subscribe,
    /// Credentials for deliveries.
    pub tokens: Vec<IssuedToken>,
}

/// What became of a subscription.
#[derive(Debug)]
pub enum News {
    /// There is a subscription.
    Subscribed {
        /// Its identifier.
        identifier: String,
        /// What was granted; `None` has no end.
        lease: Option<Duration>,
    },
    /// The agent does not know the subscription any more; a new one is asked for.
    Lost {
        /// What it said.
        reason: String,
    },
    /// The agent could not be asked; it is tried again.
    Failed {
        /// Why.
        error: WsmanError,
        /// After this pause.
        pause: Duration,
    },
    /// The subscription was ended.
    Unsubscribed,
}

/// One subscription at one agent.
pub struct Subscriber {
    client: WsmanClient,
    plan: Plan,
    news: mpsc::Sender<(ServerAddress, News)>,
    clock: SharedClock,
}

/// A subscription that the agent has granted.
struct Granted {
    identifier: String,
    /// When it ends; `None` has no end.
    ends_at: Option<BootTime>,
    /// When it is to be renewed.
    renew_at: Option<BootTime>,
}

impl Granted {
    fn new(identifier: String, lease: Option<Duration>, now: BootTime) -> Self {
        let half = lease.map(|lease| (lease / 2).max(SHORTEST_HALF_LEASE));
        Self {
            identifier,
            ends_at: lease.map(|lease| now + lease),
            renew_at: half.map(|half| now + half),
        }
    }

    /// Whether there is no such subscription any more, after the agent did not renew it at `now`. While there may be,
    /// a new one would be told everything a second time.
    fn is_lost(&self, fault: &Fault, now: BootTime) -> bool {
        use FaultCause as C;
        let is_of_the_agent = matches!(
            fault.cause,
            C::AccessDenied
                | C::Concurrency
                | C::EndpointUnavailable
                | C::InternalError
                | C::QuotaLimit
                | C::TimedOut
        );
        !is_of_the_agent || self.ends_at.is_some_and(|end| end <= now)
    }
}

impl Subscriber {
    /// A subscriber that tells its news through `news`.
    pub fn new(
        client: WsmanClient,
        plan: Plan,
        news: mpsc::Sender<(ServerAddress, News)>,
        clock: SharedClock,
    ) -> Self {
        Self {
            client,
            plan,
            news,
            clock,
        }
    }

    /// Keeps the subscription until `stop`, then ends it. `ended` yields the identifiers of subscriptions that
    /// an agent has ended by itself.
    ///
    /// # Errors
    /// If the first request is refused: by a fault or for its login. An agent that cannot be reached is
    /// waited for, and later on everything is.
    pub async fn run(
        mut self,
        mut ended: mpsc::Receiver<String>,
        stop: CancellationToken,
    ) -> Result<(), WsmanError> {
        let mut pause = FIRST_PAUSE;
        let mut granted: Option<Granted> = None;
        let mut was_granted = false;
        loop {
            let outcome = match granted.take() {
                None => self.subscribe(&stop).await,
                Some(held) => match self.hold(held, &mut ended, &stop).await {
                    Held::Stopped(held) => {
                        self.say_goodbye(&held).await;
                        return Ok(());
                    }
                    Held::Goes(outcome) => outcome,
                },
            };
            match outcome {
                Outcome::Stopped => return Ok(()),
                Outcome::Granted(new) => {
                    pause = FIRST_PAUSE;
                    was_granted = true;
                    granted = Some(new);
                }
                Outcome::Lost(reason) => {
                    self.tell(News::Lost { reason }).await;
                    // An agent that ends every subscription at once is not asked without pause.
                    tokio::select! {
                        () = self.clock.sleep(FIRST_PAUSE) => {}
                        () = stop.cancelled() => return Ok(()),
                    }
                }
                Outcome::Failed(error, kept) => {
                    if !was_granted && !is_passing(&error) {
                        return Err(error);
                    }
                    self.tell(News::Failed { error, pause }).await;
                    tokio::select! {
                        () = self.clock.sleep(pause) => {}
                        () = stop.cancelled() => {
                            if let Some(kept) = &kept {
                                self.say_goodbye(kept).await;
                            }
                            return Ok(());
                        }
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    granted = kept;
                }
            }
        }
    }

    async fn subscribe(&mut self, stop: &CancellationToken) -> Outcome {
        let plan = &self.plan;
        let request = self
            .client
            .subscribe(&plan.resource, plan.request.clone(), plan.tokens.clone());
        let answer = tokio::select! {
            answer = request => answer,
            () = stop.cancelled() => return Outcome::Stopped,
        };
        match answer {
            Ok(received) => {
                let response = received.content;
                let lease = self.lease(response.expires);
                let granted = Granted::new(response.identifier, lease, self.clock.boot());
                self.tell(News::Subscribed {
                    identifier: granted.identifier.clone(),
                    lease,
                })
                .await;
                Outcome::Granted(granted)
            }
            Err(error) => Outcome::Failed(error, None),
        }
    }

    /// Waits until something is to be done about a subscription, and does it.
    async fn hold(
        &mut self,
        held: Granted,
        ended: &mut mpsc::Receiver<String>,
        stop: &CancellationToken,
    ) -> Held {
        let clock = self.clock.clone();
        let wake = async {
            match held.renew_at {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let is_ours = |identifier: &String| *identifier == held.identifier;
        tokio::select! {
            () = stop.cancelled() => return Held::Stopped(held),
            Some(_) = next_of(ended, is_ours) => {
                return Held::Goes(Outcome::Lost("the agent has ended the subscription".to_owned()));
            }
            () = wake => {}
        }
        let wanted = self.plan.request.expires;
        let renewed = tokio::select! {
            renewed = self.client.renew(&held.identifier, wanted) => renewed,
            () = stop.cancelled() => return Held::Stopped(held),
        };
        Held::Goes(match renewed {
            Ok(received) => {
                let lease = self.lease(received.content);
                Outcome::Granted(Granted::new(held.identifier, lease, self.clock.boot()))
            }
            Err(error)
                if error
                    .fault()
                    .is_some_and(|fault| held.is_lost(fault, self.clock.boot())) =>
            {
                Outcome::Lost(error.to_string())
            }
            Err(error) => Outcome::Failed(error, Some(held)),
        })
    }

    /// How long a lease is; `None` has no end.
    fn lease(&self, expires: Option<Expires>) -> Option<Duration> {
        expires.map(|expires| match expires {
            Expires::After(length) => length,
            Expires::At(at) => at
                .timestamp()
                .duration_since(self.clock.wall().timestamp())
                .try_into()
                .unwrap_or_default(),
        })
    }

    async fn say_goodbye(&mut self, held: &Granted) {
        let goodbye = self.client.unsubscribe(&held.identifier);
        let news = match tokio::time::timeout(GOODBYE, goodbye).await {
            Ok(Ok(())) => News::Unsubscribed,
            Ok(Err(error)) => News::Lost {
                reason: error.to_string(),
            },
            Err(_) => News::Lost {
                reason: "the agent did not answer the request to end the subscription".to_owned(),
            },
        };
        self.tell(news).await;
    }

    async fn tell(&self, news: News) {
        // Whoever no longer listens needs no news.
        let _ = self.news.send((self.client.address().clone(), news)).await;
    }
}

/// What came of a step.
enum Outcome {
    Granted(Granted),
    Lost(String),
    /// The subscription, if there is one, may still be there.
    Failed(WsmanError, Option<Granted>),
    Stopped,
}

enum Held {
    Stopped(Granted),
    Goes(Outcome),
}

/// The next value that is wanted; `None` once there can be none.
async fn next_of<T>(receiver: &mut mpsc::Receiver<T>, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
    loop {
        let value = receiver.recv().await?;
        if is_wanted(&value) {
            return Some(value);
        }
    }
}

/// Whether waiting may help: an agent that is not there yet, or a network that is not.
fn is_passing(error: &WsmanError) -> bool {
    use crate::net::http_client::ClientError as E;
    match error {
        WsmanError::Http(error) => !matches!(
            error,
            E::BadRequest(_) | E::PinMismatch(_) | E::Tls { .. } | E::MalformedInClear(_)
        ),
        WsmanError::LoginRefused { .. } | WsmanError::Fault(_) => false,
        WsmanError::Status { .. } | WsmanError::Malformed(_) => false,
    }
}

/// The address of this machine that packets to `agent` leave from: where the agent can most likely reach it.
///
/// # Errors
/// If the agent's name has no address, or none of them is reachable from here.
pub async fn own_address(agent: &ServerAddress) -> std::io::Result<IpAddr> {
    let ServerAddress::Url(url) = agent else {
        return Ok(std::net::Ipv4Addr::LOCALHOST.into());
    };
    let port = url.port.unwrap_or(crate::client::server::HTTPS_PORT);
    let mut last = std::io::Error::other("the name has no address");
    for address in resolve::addresses(&url.host, port, "").await? {
        match source_of(address).await {
            Ok(own) => return Ok(own),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connecting a datagram socket sends nothing, but asks the routing table.
async fn source_of(target: SocketAddr) -> std::io::Result<IpAddr> {
    let any: IpAddr = match target {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(target).await?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_is_not_renewed_may_still_be_there() {
        let granted_at = BootTime::from_millis(100_000);
        let check = |lease: Option<u64>, cause, secs: u64, is_lost| {
            let granted = Granted::new("id".to_owned(), lease.map(Duration::from_secs), granted_at);
            let fault = Fault::new(cause, "as the test says");
            let found = granted.is_lost(&fault, BootTime::from_millis(secs * 1_000));
            assert_eq!(found, is_lost, "{cause:?} at {secs}");
        };
        check(Some(60), FaultCause::UnableToRenew, 130, true);
        check(Some(60), FaultCause::InvalidMessage, 130, true);
        check(Some(60), FaultCause::InternalError, 130, false);
        check(Some(60), FaultCause::QuotaLimit, 159, false);
        check(Some(60), FaultCause::TimedOut, 160, true);
        check(None, FaultCause::AccessDenied, 1_000, false);
        check(None, FaultCause::UnableToRenew, 1_000, true);
    }
}
