//! CIM-XML: EnumerateInstances of few and of many instances, side by side with a bare hyper and rustls server that
//! sends the same bytes; and the memory of the server while a slow client pulls a million instances.
//!
//! `cargo bench --bench cimxml [-- SECONDS]`: the length of a round, 0.5 if not given.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    missing_docs,
    reason = "a benchmark fails by panicking; benchmarks share modules"
)]

#[path = "serve/bare.rs"]
mod bare;
#[path = "common/child.rs"]
mod child;
#[path = "common/load.rs"]
mod load;
#[path = "serve/many.rs"]
mod many;
#[path = "cimxml/requests.rs"]
mod requests;
#[path = "cimxml/synthetic.rs"]
mod synthetic;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use child::Part;
use esm::net::certificate::{self, CertificateNames, PairPaths};
use load::{Comparison, Connection, measure};

const ROUNDS: usize = 11;
/// How many instances, and on how many connections they are asked for.
const CASES: [(u32, &[usize]); 3] = [(3, &[1, 16]), (100, &[1, 16]), (10_000, &[1, 4])];
const MILLION: u32 = 1_000_000;
const PULL_ELEMENTS: u32 = 1000;
/// A client that does something else between two pulls.
const BETWEEN_PULLS: Duration = Duration::from_millis(2);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare", folder, certificate, key] => bare::run(folder.as_ref(), certificate.as_ref(), key.as_ref()),
        ["synthetic", folder, certificate, key, count] => synthetic::run(
            folder.as_ref(),
            certificate.as_ref(),
            key.as_ref(),
            count.parse().unwrap(),
        ),
        _ => {
            let seconds = arguments.iter().find_map(|text| text.parse().ok()).unwrap_or(0.5);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                compare(Duration::from_secs_f64(seconds)).await;
                pull_a_million().await;
            });
        }
    }
}

/// A server that is a part of this benchmark.
struct Server {
    part: Part,
    address: SocketAddr,
}

impl Server {
    fn start(arguments: &[&str], folder: &Path) -> Self {
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let mut all = vec![arguments[0], folder.to_str().unwrap()];
        all.extend([certificate.to_str().unwrap(), key.to_str().unwrap()]);
        all.extend(&arguments[1..]);
        let mut part = Part::start(&all);
        let address = part.line().parse().unwrap();
        Self { part, address }
    }
}

/// A folder with a certificate for all parts.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let paths = PairPaths {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    let names = CertificateNames {
        hosts: vec!["localhost".into()],
        addresses: Vec::new(),
    };
    certificate::create(&paths, &names, 30, false, jiff::Timestamp::now()).unwrap();
    folder
}

async fn compare(length: Duration) {
    for (count, connections) in CASES {
        let folder = folder();
        let esm = Server::start(&["synthetic", &count.to_string()], folder.path());
        let request = requests::enumerate_instances(synthetic::CLASS);
        let (post, body_bytes) = requests::post(&request);
        let mut connection = Connection::open(esm.address).await;
        let reply = connection.ask(&post).await;
        let body = requests::without_chunks(reply);
        let instances = body.split("<VALUE.NAMEDINSTANCE>").count() - 1;
        assert_eq!(instances, count as usize);
        println!(
            "EnumerateInstances: a reply of {} bytes, {instances} instances",
            body.len()
        );
        bare::record(folder.path(), body_bytes, body.as_bytes());
        let bare = Server::start(&["bare"], folder.path());
        for connections in connections {
            let mut comparison = Comparison::default();
            for _ in 0..ROUNDS {
                let of_bare = measure(bare.address, bare.part.pid(), &post, *connections, length).await;
                let of_esm = measure(esm.address, esm.part.pid(), &post, *connections, length).await;
                comparison.push(of_bare, of_esm);
            }
            print(count, *connections, comparison);
        }
    }
}

fn print(count: u32, connections: usize, comparison: Comparison) {
    let ratio = comparison.ratio();
    let (bare, esm) = comparison.medians();
    println!(
        "{count:6} instances, {connections:2} connections: bare {:7.0}/s {:8.1} us, esm {:7.0}/s {:8.1} us of processor; ratio {ratio:.2}",
        bare.per_second, bare.server_micros, esm.per_second, esm.server_micros,
    );
}

async fn pull_a_million() {
    let folder = folder();
    let server = Server::start(&["synthetic", &MILLION.to_string()], folder.path());
    let mut connection = Connection::open(server.address).await;
    let opened = connection
        .ask(&requests::post(&requests::open(synthetic::CLASS)).0)
        .await;
    let context = requests::context(opened).expect("a context");
    let pull = requests::post(&requests::pull(&context, PULL_ELEMENTS)).0;
    println!("a slow client pulls {MILLION} instances, {PULL_ELEMENTS} at a time");
    let (began, mut pulls, mut pulled) = (Instant::now(), 0_u32, 0);
    let (mut least, mut most) = (f64::MAX, 0.0_f64);
    loop {
        let reply = connection.ask(&pull).await;
        let ended = requests::context(reply).is_none();
        pulls += 1;
        pulled += requests::count(reply);
        if pulls.is_multiple_of(100) || ended {
            let memory = own_megabytes(server.part.pid());
            (least, most) = (least.min(memory), most.max(memory));
            println!("  after {pulled:7}: {memory:.2} MB");
        }
        if ended {
            break;
        }
        tokio::time::sleep(BETWEEN_PULLS).await;
    }
    assert_eq!(pulled, MILLION as usize);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{seconds:.1} s, {:.0} instances/s; {least:.2} to {most:.2} MB",
        f64::from(MILLION) / seconds
    );
}

/// The memory that is a process's own.
fn own_megabytes(pid: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).unwrap();
    kib.parse::<f64>().unwrap() * 1024.0 / 1e6
}
