//! A server with very many instances: the real service over a provider that makes them up.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use esm::broker::Broker;
use esm::cim::schema::house;
use esm::cim::{CimError, CimType, Class, Instance, Name, Namespace, Value};
use esm::clock::SystemClock;
use esm::net::accounts::Accounts;
use esm::net::certificate::{self, PairPaths};
use esm::net::tls::server::ServerTls;
use esm::provider::{InstanceProvider, InstanceStream, RequestContext};
use esm::server::contexts::ContextLimits;
use esm::server::enumerations::Enumerations;
use esm::server::wsman::{WsmanOptions, WsmanService};
use esm::server::{Authenticator, HttpService, Listener, Server};

/// Instances of an enumeration.
pub const COUNT: u32 = 100_000;
/// A class of a few properties: an item is about as long as those of the figures that peers publish.
pub const CLASS: &str = "ESM_AgentHealth";
/// The account, and its credential in base64.
pub const ACCOUNT: (&str, &str, &str) = ("ann", "secret", "YW5uOnNlY3JldA==");

const NAMESPACE: Namespace = Namespace::from_static("root/ESMPRO/AS");

/// Makes each instance when it is asked for: nothing is kept.
struct MadeUp(Arc<Class>, u32);

impl InstanceProvider for MadeUp {
    fn class_name(&self) -> &Name {
        &self.0.name
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        let class = Arc::clone(&self.0);
        Ok(Box::new(
            (0..self.1).map(move |number| Ok(Arc::new(instance(&class, number)))),
        ))
    }

    fn estimate(&self) -> Option<u64> {
        Some(self.1.into())
    }
}

/// A broker over that many instances of [`CLASS`].
pub fn broker(count: u32) -> Broker {
    let schema = Arc::new(house().unwrap());
    let class = schema
        .namespace(&NAMESPACE)
        .unwrap()
        .class(&Name::new(CLASS))
        .unwrap();
    let provider = Arc::new(MadeUp(Arc::clone(class), count));
    let broker = Broker::builder(Arc::clone(&schema)).serve(&[NAMESPACE], provider);
    broker.build().unwrap()
}

fn instance(class: &Class, number: u32) -> Instance {
    let mut instance = Instance::with_capacity(class.name.clone(), class.properties.len());
    for declared in &class.properties {
        let value = match declared.ty.cim_type {
            _ if declared.ty.is_array() => None,
            CimType::String if declared.is_key() => Some(Value::from(format!("ESM:AgentHealth:{number}"))),
            CimType::String => Some(Value::from("running")),
            CimType::Uint64 => Some(Value::Uint64(u64::from(number))),
            CimType::Real64 => Some(Value::Real64(f64::from(number) / 8.0)),
            _ => None,
        };
        instance.push(declared.with_value(value));
    }
    instance
}

/// Serves on a port of its own; prints the address when it is ready.
pub fn run(folder: &Path, certificate: &Path, key: &Path) {
    let service = WsmanService::new(
        Arc::new(broker(COUNT)),
        None,
        SystemClock::shared(),
        Enumerations::new(ContextLimits::default()),
        WsmanOptions::default(),
    );
    serve(Arc::new(service), folder, certificate, key);
}

/// Serves `service` in the same way.
pub fn serve(service: Arc<dyn HttpService>, folder: &Path, certificate: &Path, key: &Path) {
    let pair = certificate::read(&PairPaths {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    });
    let tls = Arc::new(ServerTls::new(&pair.unwrap(), None).unwrap());
    let accounts = Accounts::open(folder.join("accounts")).unwrap();
    accounts.set(ACCOUNT.0, ACCOUNT.1.as_bytes()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = Listener::tls("127.0.0.1:0".parse().unwrap(), tls).unwrap();
        let authenticator = Authenticator::new(Some(Arc::new(accounts)), None);
        let server = Server::new(service, authenticator).start(vec![listener]);
        println!("{}", server.addresses()[0]);
        std::io::stdout().flush().unwrap();
        std::future::pending::<()>().await;
    });
}
