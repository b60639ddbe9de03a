//! TCP connections to names with several addresses, as RFC 8305 has it in its simple form: an address that does not
//! answer holds up the next one for a moment only.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{AddressRule, ClientError, ClientLimits};
use crate::net::resolve;

/// How long an address is waited for before the next one is begun with (RFC 8305, section 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How many addresses of a name are tried at most.
const MAX_ADDRESSES: usize = 16;

/// Connects to one of the addresses of `host` that the rule allows, within the time of `limits`. The name is looked up
/// for the account `whose`.
pub(super) async fn connect(
    host: &str,
    port: u16,
    limits: &ClientLimits,
    whose: &str,
    allowed: Option<&AddressRule>,
) -> Result<TcpStream, ClientError> {
    let to = || super::address::authority(host, port, 0);
    let limit = limits.connect;
    let connected = tokio::time::timeout(limit, connect_any(host, port, whose, allowed)).await;
    let stream = connected.unwrap_or_else(|_| Err(ClientError::ConnectTimeout { to: to(), limit }))?;
    stream
        .set_nodelay(true)
        .map_err(|error| ClientError::Connect { to: to(), error })?;
    Ok(stream)
}

async fn connect_any(
    host: &str,
    port: u16,
    whose: &str,
    allowed: Option<&AddressRule>,
) -> Result<TcpStream, ClientError> {
    let resolved = resolve::addresses(host, port, whose).await;
    let addresses = resolved.map_err(|error| ClientError::Resolve {
        host: host.to_owned(),
        error,
    })?;
    let addresses = permitted(addresses, allowed).map_err(|reason| ClientError::Forbidden {
        host: host.to_owned(),
        reason,
    })?;
    let connected = first_to_connect(alternating(addresses), TcpStream::connect).await;
    connected.map_err(|error| ClientError::Connect {
        to: super::address::authority(host, port, 0),
        error,
    })
}

/// The addresses that may be connected to; where there are some and none may, why not.
fn permitted(addresses: Vec<SocketAddr>, allowed: Option<&AddressRule>) -> Result<Vec<SocketAddr>, String> {
    let Some(rule) = allowed else {
        return Ok(addresses);
    };
    let mut forbidden = None;
    let mut permitted = Vec::new();
    for address in addresses {
        match rule(address.ip().to_canonical()) {
            Ok(()) => permitted.push(address),
            Err(reason) => forbidden = Some(reason),
        }
    }
    match forbidden {
        Some(reason) if permitted.is_empty() => Err(reason),
        _ => Ok(permitted),
    }
}

/// The families of addresses by turns, each in the order in which it came, beginning with the one that came first
/// (RFC 8305, section 4): where one of them leads nowhere, the other one is not far.
fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == first_is_ipv4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut alternating = Vec::new();
    loop {
        let turn = [first.next(), second.next()];
        if turn == [None, None] {
            return alternating;
        }
        alternating.extend(turn.into_iter().flatten());
    }
}

/// Begins with one address after the other: the next when an attempt has failed or [`ATTEMPT_DELAY`] is over. The first
/// that connects wins, and the other attempts are dropped. The error is that of the last attempt to fail.
async fn first_to_connect<T, F>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut failure = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    let mut addresses = addresses.into_iter().take(MAX_ADDRESSES);
    let mut attempts = JoinSet::new();
    loop {
        let next = addresses.next();
        let may_be_more = next.is_some();
        if let Some(address) = next {
            attempts.spawn(connect(address));
        }
        tokio::select! {
            attempt = attempts.join_next() => match attempt {
                Some(Ok(Ok(connected))) => return Ok(connected),
                Some(Ok(Err(error))) => failure = error,
                Some(Err(failed)) => failure = io::Error::other(failed),
                None => return Err(failure),
            },
            () = tokio::time::sleep(ATTEMPT_DELAY), if may_be_more => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// What an attempt comes to, by the port of its address.
    async fn attempt(address: SocketAddr) -> io::Result<SocketAddr> {
        match address.port() {
            1 => std::future::pending().await,
            2 => Err(io::ErrorKind::ConnectionRefused.into()),
            3 => panic!("as a test"),
            _ => Ok(address),
        }
    }

    /// How long it took.
    async fn check(ports: &[u16], expect: Result<u16, io::ErrorKind>) -> Duration {
        let addresses = ports.iter().map(|port| SocketAddr::from(([192, 0, 2, 1], *port)));
        let began = std::time::Instant::now();
        let connecting = first_to_connect(addresses.collect(), attempt);
        let came = tokio::time::timeout(Duration::from_secs(10), connecting).await;
        let came = came.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let came = came.map(|address| address.port()).map_err(|error| error.kind());
        assert_eq!(came, expect, "{ports:?}");
        began.elapsed()
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_holds_up_nobody_for_long() {
        use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, Other};
        assert!(check(&[1, 80], Ok(80)).await >= ATTEMPT_DELAY);
        check(&[1, 1, 2, 81], Ok(81)).await;
        check(&[80, 81], Ok(80)).await;
        check(&[3, 2, 82], Ok(82)).await;
        check(&[2, 3], Err(Other)).await;
        check(&[3, 2, 2], Err(ConnectionRefused)).await;
        check(&[], Err(AddrNotAvailable)).await;
    }

    #[tokio::test]
    async fn a_name_cannot_have_us_try_addresses_without_end() {
        let tries = Arc::new(AtomicUsize::new(0));
        let many = vec![SocketAddr::from(([192, 0, 2, 1], 2)); 1_000];
        let connect = |address| {
            tries.fetch_add(1, Relaxed);
            attempt(address)
        };
        let failed = first_to_connect(many, connect).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(tries.load(Relaxed), MAX_ADDRESSES);
    }

    #[test]
    fn families_take_turns() {
        let check = |given: &[&str], expect: &[&str]| {
            assert_eq!(alternating(addresses(given)), addresses(expect));
        };
        check(&[], &[]);
        check(&["192.0.2.1:1", "192.0.2.2:1"], &["192.0.2.1:1", "192.0.2.2:1"]);
        check(
            &[
                "[2001:db8::1]:1",
                "[2001:db8::2]:1",
                "[2001:db8::3]:1",
                "192.0.2.1:1",
            ],
            &[
                "[2001:db8::1]:1",
                "192.0.2.1:1",
                "[2001:db8::2]:1",
                "[2001:db8::3]:1",
            ],
        );
    }

    #[test]
    fn what_the_rule_refuses_is_not_tried() {
        let rule: AddressRule = Arc::new(|address| {
            let refused = address.to_string();
            if refused == "192.0.2.1" {
                Ok(())
            } else {
                Err(refused)
            }
        });
        let check = |given: &[&str], expect: Result<&[&str], &str>| {
            let expect = expect.map(addresses).map_err(str::to_owned);
            assert_eq!(permitted(addresses(given), Some(&rule)), expect);
        };
        // That one address is refused is no news where another is tried.
        check(&["192.0.2.1:1", "192.0.2.2:1"], Ok(&["192.0.2.1:1"]));
        check(
            &["192.0.2.2:1", "[::ffff:192.0.2.1]:1"],
            Ok(&["[::ffff:192.0.2.1]:1"]),
        );
        check(&["192.0.2.2:1", "192.0.2.3:1"], Err("192.0.2.3"));
        check(&[], Ok(&[]));
    }
}
