//! A server of WS-Management and CIM-XML in this process: the real one, over classes of the tests' own, with a clock that the
//! test moves.

pub mod classes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use esm::clock::ManualClock;
use esm::net::accounts::Accounts;
use esm::net::certificate;
use esm::net::tls::server::ServerTls;
use esm::server::cimxml::{CimxmlOptions, CimxmlService};
use esm::server::contexts::ContextLimits;
use esm::server::enumerations::Enumerations;
use esm::server::wsman::{WsmanOptions, WsmanService};
use esm::server::{Authenticator, Listener, Router, Server, ServerHandle};
use esm::time::{BootTime, WallTime};

use crate::message::Message;
use crate::raw_http::{Connection, Reply};
use crate::server::harness::make_pair;
use classes::World;

/// The accounts; the password of each is its name.
pub const USERS: [&str; 2] = ["ann", "bob"];

/// A running server.
pub struct Service {
    pub world: Arc<World>,
    pub clock: ManualClock,
    /// The open enumerations of both protocols.
    pub enumerations: Enumerations,
    /// Where it listens with TLS, as `localhost`.
    pub tls: SocketAddr,
    /// Where it listens without.
    pub plain: SocketAddr,
    folder: tempfile::TempDir,
    handle: Option<ServerHandle>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// How it is set up.
#[derive(Default)]
pub struct Options {
    pub wsman: WsmanOptions,
    pub cimxml: CimxmlOptions,
    pub contexts: ContextLimits,
}

impl Service {
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    pub fn start_with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path().join("accounts")).unwrap();
        for user in USERS {
            accounts.set(user, user.as_bytes()).unwrap();
        }
        let pair = certificate::read(&make_pair(folder.path())).unwrap();
        let tls = Arc::new(ServerTls::new(&pair, None).unwrap());
        let world = Arc::new(World::default());
        let broker = Arc::new(classes::broker(&world));
        let clock = ManualClock::new(BootTime::from_millis(1_000_000), WallTime::from_unix_micros(0));
        let enumerations = Enumerations::new(options.contexts);
        let wsman = WsmanService::new(
            Arc::clone(&broker),
            None,
            Arc::new(clock.clone()),
            enumerations.clone(),
            options.wsman,
        );
        let cimxml = CimxmlService::new(
            broker,
            Arc::new(clock.clone()),
            enumerations.clone(),
            options.cimxml,
        );
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let handle = {
            let _entered = runtime.enter();
            let any_port = "127.0.0.1:0".parse().unwrap();
            let listeners = vec![
                Listener::tls(any_port, tls).unwrap(),
                Listener::plain(any_port).unwrap(),
            ];
            let router = Router::new(vec![Arc::new(wsman), Arc::new(cimxml)]);
            Server::new(
                Arc::new(router),
                Authenticator::new(Some(Arc::new(accounts)), None),
            )
            .start(listeners)
        };
        let (tls, plain) = (handle.addresses()[0], handle.addresses()[1]);
        Self {
            world,
            clock,
            enumerations,
            tls,
            plain,
            folder,
            handle: Some(handle),
            runtime: Some(runtime),
        }
    }

    /// The certificate, in PEM; it is for `localhost`.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// How many requests are being worked on.
    pub fn in_flight(&self) -> usize {
        self.handle.as_ref().unwrap().in_flight()
    }

    /// A connection as that account, without TLS.
    #[track_caller]
    pub fn connect_as(&self, user: &str) -> Connection {
        let connection = Connection::open(self.plain);
        connection.logged_in(user, user)
    }

    /// Sends one message as `ann`, on a connection of its own.
    #[track_caller]
    pub fn ask(&self, message: &Message) -> Reply {
        self.connect_as("ann").ask(message)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.world.open();
        drop(self.handle.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
