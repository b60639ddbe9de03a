//! A thousand subscribers told of one alert: the time from the call that raises it to the last delivery,
//! beside a bare client that posts the same bytes over as many connections to the same listener.
//!
//! `cargo bench --bench fanout [-- SUBSCRIBERS]`

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
#[path = "common/child.rs"]
mod child;
#[path = "fanout/listener.rs"]
mod listener;
#[path = "common/load.rs"]
mod load;
#[path = "common/message.rs"]
mod message;

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use agent::Agent;
use child::Part;
use load::{Connection, cpu_seconds, post};

const SUBSCRIBERS: usize = 1000;
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["listen", count, certificate, key, record] => listener::run(
            count.parse().unwrap(),
            certificate.as_ref(),
            key.as_ref(),
            record.as_ref(),
        ),
        _ => {
            let count = arguments.iter().find_map(|text| text.parse().ok());
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(compare(count.unwrap_or(SUBSCRIBERS)));
        }
    }
}

async fn compare(count: usize) {
    let agent = Agent::start(0, "[subscriptions]\nallow_destinations = [\"127.0.0.0/8\"]\n");
    let (certificate, key) = agent.certificate();
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("delivery");
    let mut listener = Part::start(&[
        "listen".as_ref(),
        count.to_string().as_ref(),
        certificate.as_os_str(),
        key.as_os_str(),
        record.as_os_str(),
    ]);
    let to: SocketAddr = listener.line().parse().unwrap();

    let mut manager = Connection::open(agent.address).await;
    let began = SystemTime::now();
    for number in 0..count {
        let url = format!("https://127.0.0.1:{}/subscriber/{number}", to.port());
        let subscribe = message::subscribe(&url);
        manager.ask(&post(&agent.authorization, &subscribe)).await;
    }
    println!(
        "{count} subscriptions made in {:.2} s",
        began.elapsed().unwrap().as_secs_f64()
    );

    let raise = post(&agent.authorization, &message::send_test_alert());
    let mut told = Vec::new();
    for round in 0..ROUNDS {
        let (began, cpu) = (SystemTime::now(), cpu_seconds(agent.pid()));
        manager.ask(&raise).await;
        let took = last_delivery(&mut listener, began);
        let cpu = cpu_seconds(agent.pid()) - cpu;
        println!(
            "esm, {}: {:6.1} ms, {:.2} s of processor",
            connections(round),
            millis(took),
            cpu
        );
        told.push(took);
    }
    drop(manager);
    drop(agent);

    let body = std::fs::read_to_string(&record).unwrap();
    println!("a delivery is {} bytes", body.len());
    let request = post("Basic YW5uOnNlY3JldA==", &body);
    let mut clients = Vec::new();
    let mut posted = Vec::new();
    for round in 0..ROUNDS {
        let (began, cpu) = (SystemTime::now(), cpu_seconds(std::process::id()));
        clients = post_all(clients, count, to, &request).await;
        let took = last_delivery(&mut listener, began);
        let cpu = cpu_seconds(std::process::id()) - cpu;
        println!(
            "bare, {}: {:6.1} ms, {:.2} s of processor",
            connections(round),
            millis(took),
            cpu
        );
        posted.push(took);
    }
    for (kind, rounds) in [("new", 0..1), ("kept", 1..ROUNDS)] {
        let (esm, bare) = (median(&told[rounds.clone()]), median(&posted[rounds]));
        println!(
            "{kind} connections: esm {:.1} ms, bare {:.1} ms, ratio {:.2}",
            millis(esm),
            millis(bare),
            bare.as_secs_f64() / esm.as_secs_f64()
        );
    }
}

const fn connections(round: usize) -> &'static str {
    if round == 0 {
        "new connections"
    } else {
        "kept connections"
    }
}

/// The listener tells the time of every last delivery by its own clock, which is this process's, too.
fn last_delivery(listener: &mut Part, began: SystemTime) -> Duration {
    let micros = listener.line().parse().unwrap();
    let at = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
    at.duration_since(began).unwrap_or_default()
}

/// Posts the same request once over each connection, all at once; opens them where there are none.
async fn post_all(open: Vec<Connection>, count: usize, to: SocketAddr, request: &[u8]) -> Vec<Connection> {
    let mut open = open.into_iter();
    let posts: Vec<_> = (0..count)
        .map(|_| {
            let (connection, request) = (open.next(), request.to_vec());
            tokio::spawn(async move {
                let mut connection = match connection {
                    Some(connection) => connection,
                    None => Connection::open(to).await,
                };
                connection.ask(&request).await;
                connection
            })
        })
        .collect();
    let mut kept = Vec::with_capacity(count);
    for post in posts {
        kept.push(post.await.unwrap());
    }
    kept
}

fn median(rounds: &[Duration]) -> Duration {
    let mut sorted = rounds.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
