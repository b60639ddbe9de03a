//! Ten thousand indications to one CIM-XML listener over TLS, one after the other: to one that closes after each, and
//! to one that keeps the connection. Beside each, a bare client that sends the very same bytes the same way.
//!
//! `cargo bench --bench export [-- INDICATIONS]`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    missing_docs,
    reason = "a benchmark fails by panicking; benchmarks share modules"
)]

#[path = "common/child.rs"]
mod child;
#[path = "export/listener.rs"]
mod listener;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use child::Part;
use esm::alert::{Alert, Occasion, Target, catalog};
use esm::cim::schema::house;
use esm::clock::{Clock as _, SystemClock};
use esm::delivery::cimxml::CimXmlCourier;
use esm::delivery::connection::{ConnectionOptions, DestinationTrust};
use esm::delivery::{
    DestinationRule, NewTarget, Publication, Registry, RegistryParts, RetrySchedule, Settings,
    SubscribeRequest,
};
use esm::net::certificate::{self, CertificateNames, PairPaths};
use esm::net::tls::client::{ClientTls, Trust};
use esm::store::Store;
use esm::store::commands::Begin;
use esm::subscription::{Filter, LeaseTerms, Moment, OnFatalError, Protocol};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const INDICATIONS: usize = 10_000;
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["listen", keeps, certificate, key, record] => listener::run(
            keeps == "keeps",
            certificate.as_ref(),
            key.as_ref(),
            record.as_ref(),
        ),
        _ => {
            let count = arguments.iter().find_map(|text| text.parse().ok());
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(compare(count.unwrap_or(INDICATIONS)));
        }
    }
}

async fn compare(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let pair = PairPaths {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    let names = CertificateNames {
        hosts: vec!["localhost".to_owned()],
        addresses: vec!["127.0.0.1".parse().unwrap()],
    };
    certificate::create(&pair, &names, 2, false, SystemClock.wall().timestamp()).unwrap();
    for kind in ["closes", "keeps"] {
        let record = folder.path().join(kind);
        let mut listener = Part::start(&[
            "listen".as_ref(),
            kind.as_ref(),
            pair.certificate.as_os_str(),
            pair.key.as_os_str(),
            record.as_os_str(),
        ]);
        let port: u16 = listener.line().parse().unwrap();
        let agent = Agent::start(&folder.path().join(format!("state-{kind}")), port).await;
        // The first one is recorded, so that the bare client can send it.
        agent.tell(1).await;
        let request = std::fs::read(&record).unwrap();
        let mut bare = Bare::new(port, kind == "keeps");
        let (mut esm_rates, mut bare_rates) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let took = agent.tell(count).await;
            esm_rates.push(count as f64 / took.as_secs_f64());
            let began = Instant::now();
            for _ in 0..count {
                bare.send(&request).await;
            }
            bare_rates.push(count as f64 / began.elapsed().as_secs_f64());
        }
        let (esm, bare) = (median(&mut esm_rates), median(&mut bare_rates));
        println!(
            "a listener that {kind}: {count} indications of {} bytes, esm {esm:.0}/s, bare {bare:.0}/s, ratio {:.2}",
            request.len(),
            esm / bare
        );
        agent.registry.stop(Duration::from_secs(5)).await;
    }
}

/// The part of an agent that delivers: outbox, order, acknowledgement.
struct Agent {
    registry: Registry,
    total: std::cell::Cell<u64>,
}

impl Agent {
    async fn start(folder: &Path, port: u16) -> Self {
        std::fs::create_dir(folder).unwrap();
        let clock = SystemClock;
        let store = Store::open(folder, clock.wall()).unwrap().store;
        let begin = Begin {
            boot_id: "boot".to_owned(),
            now: Moment {
                boot: clock.boot(),
                wall: clock.wall(),
            },
            grace: Duration::ZERO,
        };
        let loaded = store.ask(begin).await.unwrap();
        let rule = DestinationRule::new(vec!["127.0.0.0/8".parse().unwrap()]);
        let courier = CimXmlCourier::new(Arc::new(ConnectionOptions {
            trust: DestinationTrust::Pin,
            connect: Duration::from_secs(10),
            reply: Duration::from_secs(10),
            rule: rule.clone(),
        }));
        let parts = RegistryParts {
            store,
            clock: Arc::new(clock),
            courier: Arc::new(courier),
            schema: Arc::new(house().unwrap()),
            settings: settings(rule),
            on_alert: Arc::new(|_| {}),
        };
        let registry = Registry::start(parts, &loaded);
        let request = SubscribeRequest {
            owner: "bench".to_owned(),
            filter: Filter::Class {
                namespace: "root/ESMPRO/AS".to_owned(),
                class: "CIM_AlertIndication".to_owned(),
            },
            protocol: Protocol::CimXml,
            target: Some(NewTarget {
                url: format!("https://127.0.0.1:{port}/").parse().unwrap(),
                credentials: None,
                thumbprint: None,
            }),
            expires: None,
            bookmark: None,
            from: None,
        };
        registry.subscribe(request).await.unwrap();
        Self {
            registry,
            total: std::cell::Cell::new(0),
        }
    }

    /// From the call that raises that many alerts to the acknowledgement of the last.
    async fn tell(&self, count: usize) -> Duration {
        let alerts: Vec<Alert> = (0..count).map(|_| alert()).collect();
        let began = Instant::now();
        let mut publication = Publication::default();
        publication.alerts = alerts;
        self.registry.publish(publication).await.unwrap();
        self.total.set(self.total.get() + count as u64);
        while self.registry.destinations()[0].fare.delivered < self.total.get() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        began.elapsed()
    }
}

fn settings(rule: DestinationRule) -> Settings {
    Settings {
        terms: LeaseTerms {
            default: Duration::from_secs(86_400),
            min: Duration::from_secs(60),
            max: Duration::from_secs(86_400),
        },
        queue_keep: Duration::from_secs(60),
        max_per_account: 10,
        rule,
        retry: RetrySchedule {
            first: Duration::from_secs(1),
            max: Duration::from_secs(1),
            total: Duration::from_secs(3_600),
            attempts: u16::MAX,
        },
        on_fatal_error: OnFatalError::Remove,
        filter_creation: true,
        default_port: 6736,
        max_queue_bytes: 1 << 30,
        keep_alerts: 10_000,
        system_name: "bench.example".to_owned(),
    }
}

fn alert() -> Alert {
    let occasion = Occasion {
        id: esm::random::uuid(),
        at: SystemClock.wall(),
        system_name: "bench.example".to_owned(),
    };
    let entry = catalog::find(catalog::table::agent::TEST).unwrap();
    entry.alert(occasion, Target::default(), Vec::new())
}

/// A client that knows nothing but one request.
struct Bare {
    port: u16,
    tls: ClientTls,
    keeps: bool,
    open: Option<TlsStream<TcpStream>>,
}

impl Bare {
    fn new(port: u16, keeps: bool) -> Self {
        Self {
            port,
            tls: ClientTls::new(Trust::Off).unwrap(),
            keeps,
            open: None,
        }
    }

    async fn send(&mut self, request: &[u8]) {
        let mut stream = match self.open.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
                stream.set_nodelay(true).unwrap();
                self.tls.connect(stream, "127.0.0.1").await.unwrap().0
            }
        };
        stream.write_all(request).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = Vec::with_capacity(1024);
        while length(&answer).is_none_or(|length| answer.len() < length) {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "no whole answer");
        }
        if self.keeps {
            self.open = Some(stream);
        }
    }
}

/// How long a message is, once its head is there.
fn length(received: &[u8]) -> Option<usize> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&received[..end]).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.trim().parse::<usize>().unwrap());
    Some(end + 4 + length.expect("a Content-Length"))
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
}
