//! Accounts and URLs.

use std::cell::RefCell;
use std::path::PathBuf;

use esm::config::Network;
use esm::net::accounts::Accounts;
use esm::net::fingerprint::Fingerprint;
use esm::net::http_client::HttpUrl;
use esm::subscription::{DestinationUrl, UrlError};

/// The accounts file: each line gives access or is a fault, whatever stands in it.
pub fn accounts(data: &[u8]) {
    thread_local! {
        static FILE: RefCell<PathBuf> = RefCell::new(scratch_file());
    }
    FILE.with_borrow(|path| {
        std::fs::write(path, data).expect("a scratch file can be written");
        let accounts = Accounts::open(path).expect("the system has random bytes");
        let lines = data.split(|byte| *byte == b'\n').count();
        assert!(accounts.users().len() + accounts.faults().len() <= lines);
    });
}

fn scratch_file() -> PathBuf {
    let name = format!("esm-fuzz-accounts-{}", std::process::id());
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    folder.join(name)
}

/// URLs, networks and fingerprints read back from their text.
pub fn url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(url) = DestinationUrl::parse(&text, 6736) {
        match DestinationUrl::parse(&url.to_string(), 6736) {
            Ok(again) => assert_eq!(again, url),
            // The port, which is always written, may be too much.
            Err(error) => assert_eq!(error, UrlError::TooLong),
        }
    }
    if let Ok(url) = text.parse::<HttpUrl>() {
        assert_eq!(url.to_string().parse().as_ref(), Ok(&url));
    }
    if let Ok(network) = text.parse::<Network>() {
        assert_eq!(network.to_string().parse().ok(), Some(network));
    }
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        assert_eq!(fingerprint.to_string().parse().ok(), Some(fingerprint));
    }
}
