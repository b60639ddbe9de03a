//! A server with as many instances as are asked for: the real service over a provider that makes them up.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use esm::clock::SystemClock;
use esm::net::accounts::Accounts;
use esm::net::certificate::{self, PairPaths};
use esm::net::tls::server::ServerTls;
use esm::server::cimxml::{CimxmlOptions, CimxmlService};
use esm::server::contexts::ContextLimits;
use esm::server::enumerations::Enumerations;
use esm::server::{Authenticator, Listener, Server};

use crate::many::{self, ACCOUNT};

pub const CLASS: &str = many::CLASS;

/// Serves on a port of its own; prints the address when it is ready.
pub fn run(folder: &Path, certificate: &Path, key: &Path, count: u32) {
    let pair = certificate::read(&PairPaths {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    });
    let tls = Arc::new(ServerTls::new(&pair.unwrap(), None).unwrap());
    let accounts = Accounts::open(folder.join("accounts")).unwrap();
    accounts.set(ACCOUNT.0, ACCOUNT.1.as_bytes()).unwrap();
    let service = CimxmlService::new(
        Arc::new(many::broker(count)),
        SystemClock::shared(),
        Enumerations::new(ContextLimits::default()),
        CimxmlOptions::default(),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = Listener::tls("127.0.0.1:0".parse().unwrap(), tls).unwrap();
        let authenticator = Authenticator::new(Some(Arc::new(accounts)), None);
        let server = Server::new(Arc::new(service), authenticator).start(vec![listener]);
        println!("{}", server.addresses()[0]);
        std::io::stdout().flush().unwrap();
        std::future::pending::<()>().await;
    });
}
