//! Looking up the addresses of names, a few at once.
//!
//! `getaddrinfo` holds a thread until the name server answers or is given up, which may take many seconds, whether or
//! not somebody still waits for it. However many names are to be looked up, they leave the other threads alone.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

use tokio::sync::Semaphore;

static LOOK_UPS: Semaphore = Semaphore::const_new(4);

/// The addresses of a name or address literal (IPv6 without brackets), each with `port`.
///
/// # Errors
/// If the name cannot be looked up.
pub async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let host = host.to_owned();
    let look_up = move || (host, port).to_socket_addrs().map(Iterator::collect);
    within(&LOOK_UPS, look_up).await?
}

/// Runs `look_up` on a thread of its own when there is room, which it takes until it has ended.
async fn within<T: Send + 'static>(
    room: &'static Semaphore,
    look_up: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let permit = room.acquire().await.map_err(io::Error::other)?;
    let looked_up = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        look_up()
    });
    looked_up.await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[tokio::test]
    async fn literals_and_names_have_addresses() {
        let literal = addresses("2001:db8::1", 5).await.unwrap();
        assert_eq!(literal, ["[2001:db8::1]:5".parse().unwrap()]);
        let local = addresses("localhost", 6).await.unwrap();
        assert!(!local.is_empty() && local.iter().all(|address| address.ip().is_loopback()));
        assert!(addresses("no such name.invalid", 7).await.is_err());
    }

    /// As from a name server that does not answer, for which nobody waits any more.
    #[tokio::test]
    async fn a_look_up_takes_its_room_until_it_ends() {
        static ROOM: Semaphore = Semaphore::const_new(1);
        let (signal, signalled) = channel::<()>();
        let hangs = tokio::spawn(within(&ROOM, move || signalled.recv().is_err()));
        while ROOM.available_permits() == 1 {
            tokio::task::yield_now().await;
        }
        hangs.abort();
        assert!(hangs.await.unwrap_err().is_cancelled());
        let next = tokio::spawn(within(&ROOM, || 1));
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        drop(signal);
        assert_eq!(next.await.unwrap().unwrap(), 1);
    }
}
