//! Requests per second of the agent, side by side with a bare hyper and rustls server that sends the same
//! bytes: kept TLS connections, Basic credentials on each request, every server a process of its own.
//!
//! `cargo bench --bench serve [-- SECONDS]`: the length of a round, 0.5 if not given.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    missing_docs,
    reason = "a benchmark fails by panicking; benchmarks share modules"
)]

#[path = "common/agent.rs"]
mod agent;
#[path = "serve/bare.rs"]
mod bare;
#[path = "common/child.rs"]
mod child;
#[path = "common/load.rs"]
mod load;
#[path = "serve/many.rs"]
mod many;
#[path = "common/message.rs"]
mod message;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use agent::Agent;
use child::Part;
use load::{Comparison, Connection, Round, measure, post};
use message::{IDENTIFY, enumerate, pull};

const ROUNDS: usize = 11;
const CONNECTIONS: [usize; 2] = [1, 16];
const FILE_SYSTEMS: usize = 10;
const FILE_SYSTEM: &str = "ESM_FileSystemThread";
const PULL_ELEMENTS: usize = 1000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare", folder, certificate, key] => bare::run(folder.as_ref(), certificate.as_ref(), key.as_ref()),
        ["many", folder, certificate, key] => many::run(folder.as_ref(), certificate.as_ref(), key.as_ref()),
        _ => {
            let seconds = arguments.iter().find_map(|text| text.parse().ok()).unwrap_or(0.5);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(compare(Duration::from_secs_f64(seconds)));
        }
    }
}

async fn compare(length: Duration) {
    let agent = Agent::start(FILE_SYSTEMS, "");
    let recordings = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(agent.address).await;
    let mut cases = Vec::new();
    for (name, body) in [
        ("Identify", IDENTIFY.to_owned()),
        ("Enumerate", enumerate(FILE_SYSTEM, true)),
    ] {
        let request = post(&agent.authorization, &body);
        let reply = connection.ask(&request).await;
        bare::record(recordings.path(), body.len(), reply);
        let instances = count(reply, FILE_SYSTEM);
        println!("{name}: a reply of {} bytes, {instances} instances", reply.len());
        cases.push((name, request));
    }
    let (many, pull) = start_many(&agent, recordings.path()).await;
    let bare = Server::start("bare", &agent, recordings.path());

    for (name, request) in &cases {
        for connections in CONNECTIONS {
            let mut comparison = Comparison::default();
            for _ in 0..ROUNDS {
                let of_bare = measure(bare.address, bare.pid(), request, connections, length).await;
                let of_esm = measure(agent.address, agent.pid(), request, connections, length).await;
                comparison.push(of_bare, of_esm);
            }
            print(name, connections, comparison, 1.0);
        }
    }
    for connections in [1, 4] {
        let mut comparison = Comparison::default();
        for _ in 0..ROUNDS {
            let of_bare = measure(bare.address, bare.pid(), &pull, connections, length).await;
            let of_esm = enumerate_all(&many, connections, length).await;
            comparison.push(of_bare, of_esm);
        }
        print("Pull (instances)", connections, comparison, PULL_ELEMENTS as f64);
    }
}

fn print(name: &str, connections: usize, comparison: Comparison, factor: f64) {
    let ratio = comparison.ratio();
    let (bare, esm) = comparison.medians();
    println!(
        "{name:16} {connections:3} connections: bare {:8.0}/s {:6.1} us, esm {:8.0}/s {:6.1} us of processor; ratio {ratio:.2}",
        bare.per_second * factor,
        bare.server_micros / factor,
        esm.per_second * factor,
        esm.server_micros / factor,
    );
}

/// A server that is a part of this benchmark.
struct Server {
    part: Part,
    address: SocketAddr,
}

impl Server {
    fn start(which: &str, agent: &Agent, folder: &Path) -> Self {
        let (certificate, key) = agent.certificate();
        let mut part = Part::start(&[
            which.as_ref(),
            folder.as_os_str(),
            certificate.as_ref(),
            key.as_ref(),
        ]);
        let address = part.line().parse().unwrap();
        Self { part, address }
    }

    fn pid(&self) -> u32 {
        self.part.pid()
    }
}

/// Starts the server of many instances and records one reply to a Pull; returns a Pull of the same length.
async fn start_many(agent: &Agent, recordings: &Path) -> (Server, Vec<u8>) {
    let many = Server::start("many", agent, recordings);
    let mut connection = Connection::open(many.address).await;
    let opened = connection.ask(&ask_many(&enumerate(many::CLASS, false))).await;
    let pull = pull_from(opened);
    let request = ask_many(&pull);
    let reply = connection.ask(&request).await;
    let items = count(reply, many::CLASS);
    println!("Pull: a reply of {} bytes, {items} instances", reply.len());
    assert_eq!(items, PULL_ELEMENTS);
    bare::record(recordings, pull.len(), reply);
    (many, request)
}

/// Enumerations from end to end, over and over on each connection; a round counts the replies.
async fn enumerate_all(server: &Server, connections: usize, length: Duration) -> Round {
    let (started, cpu) = (Instant::now(), load::cpu_seconds(server.pid()));
    let address = server.address;
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await;
                let mut replies = 0;
                while started.elapsed() < length {
                    let opened = connection.ask(&ask_many(&enumerate(many::CLASS, false))).await;
                    let request = ask_many(&pull_from(opened));
                    loop {
                        let reply = connection.ask(&request).await;
                        replies += 1;
                        if context(reply).is_none() {
                            break;
                        }
                    }
                }
                replies
            })
        })
        .collect();
    let mut replies = 0;
    for worker in workers {
        replies += worker.await.unwrap();
    }
    let replies = f64::from(replies);
    Round {
        per_second: replies / started.elapsed().as_secs_f64(),
        server_micros: (load::cpu_seconds(server.pid()) - cpu) * 1e6 / replies,
    }
}

fn ask_many(body: &str) -> Vec<u8> {
    post(&format!("Basic {}", many::ACCOUNT.2), body)
}

/// A Pull that goes on after that reply.
fn pull_from(opened: &[u8]) -> String {
    pull(many::CLASS, context(opened).expect("a context"), PULL_ELEMENTS)
}

/// The enumeration context of a reply; it stands before the items or behind them.
fn context(reply: &[u8]) -> Option<&str> {
    let near = 2048.min(reply.len());
    [&reply[..near], &reply[reply.len() - near..]]
        .into_iter()
        .find_map(|part| {
            let text = std::str::from_utf8(part).ok()?;
            let rest = text.split_once("EnumerationContext>")?.1;
            let context = rest.split_once('<')?.0;
            (!context.is_empty()).then_some(context)
        })
}

/// How many instances of a class a reply holds: each ends with a tag of the class's name.
fn count(reply: &[u8], class: &str) -> usize {
    let text = std::str::from_utf8(reply).unwrap();
    let ends = text.split("</").skip(1);
    ends.filter(|end| {
        end.split_once('>')
            .is_some_and(|(name, _)| name.ends_with(&format!(":{class}")))
    })
    .count()
}
