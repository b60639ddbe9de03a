//! Requests per second of the agent, side by side with a bare hyper and rustls server that sends the same
//! bytes: kept TLS connections, Basic credentials on each request, every server a process of its own.
//!
//! `cargo bench --bench serve [-- SECONDS]`: the length of a round, 2 if not given.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark fails by panicking"
)]

#[path = "common/agent.rs"]
mod agent;
#[path = "serve/bare.rs"]
mod bare;
#[path = "common/load.rs"]
mod load;
#[path = "serve/many.rs"]
mod many;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent::Agent;
use load::{Connection, Round, measure, post};

const ROUNDS: usize = 5;
const CONNECTIONS: [usize; 2] = [1, 16];
const FILE_SYSTEMS: usize = 10;
const PULL_ELEMENTS: usize = 1000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare", folder, certificate, key] => bare::run(folder.as_ref(), certificate.as_ref(), key.as_ref()),
        ["many", folder, certificate, key] => many::run(folder.as_ref(), certificate.as_ref(), key.as_ref()),
        _ => {
            let seconds = arguments.iter().find_map(|text| text.parse().ok()).unwrap_or(2.0);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(compare(Duration::from_secs_f64(seconds)));
        }
    }
}

async fn compare(length: Duration) {
    let agent = Agent::start(FILE_SYSTEMS, "");
    let recordings = tempfile::tempdir().unwrap();
    let identify = post(&agent.authorization, IDENTIFY);
    let enumerate = post(&agent.authorization, &enumerate("ESM_FileSystemThread"));

    let mut connection = Connection::open(agent.address).await;
    let mut cases = Vec::new();
    for (name, request, body_bytes) in [
        ("Identify", identify, IDENTIFY.len()),
        (
            "Enumerate",
            enumerate,
            self::enumerate("ESM_FileSystemThread").len(),
        ),
    ] {
        let reply = connection.ask(&request).await;
        bare::record(recordings.path(), body_bytes, reply);
        let instances = count(reply, b":ESM_FileSystemThread>") + count(reply, b":ESM_FileSystemThread ");
        println!("{name}: a reply of {} bytes, {} instances", reply.len(), instances / 2);
        cases.push((name, request));
    }
    let (many, pull) = start_many(&agent, recordings.path()).await;
    let bare = Server::start("bare", &agent, recordings.path());

    for (name, request) in &cases {
        for connections in CONNECTIONS {
            let (mut of_bare, mut of_esm) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                of_bare.push(measure(bare.address, bare.pid(), request, connections, length).await);
                of_esm.push(measure(agent.address, agent.pid(), request, connections, length).await);
            }
            print(
                name,
                connections,
                Round::median(of_bare),
                Round::median(of_esm),
                1.0,
            );
        }
    }
    for connections in [1, 4] {
        let (mut of_bare, mut of_esm) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            of_bare.push(measure(bare.address, bare.pid(), &pull, connections, length).await);
            of_esm.push(enumerate_all(&many, connections, length).await);
        }
        let per_reply = PULL_ELEMENTS as f64;
        print(
            "Pull (instances)",
            connections,
            Round::median(of_bare),
            Round::median(of_esm),
            per_reply,
        );
    }
}

fn print(name: &str, connections: usize, bare: Round, esm: Round, factor: f64) {
    println!(
        "{name:16} {connections:3} connections: bare {:8.0}/s {:6.1} us, esm {:8.0}/s {:6.1} us of processor; ratio {:.2}",
        bare.per_second * factor,
        bare.server_micros / factor,
        esm.per_second * factor,
        esm.server_micros / factor,
        esm.per_second / bare.per_second
    );
}

/// A server that this program is itself, started again.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(which: &str, agent: &Agent, folder: &Path) -> Self {
        let (certificate, key) = agent.certificate();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(which)
            .args([folder, certificate.as_path(), key.as_path()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            address: line.trim().parse().unwrap(),
        }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the server of many instances and records one reply to a Pull; returns a Pull of the same length.
async fn start_many(agent: &Agent, recordings: &Path) -> (Server, Vec<u8>) {
    let many = Server::start("many", agent, recordings);
    let mut connection = Connection::open(many.address).await;
    let opened = connection.ask(&ask_many(&enumerate_plain(many::CLASS))).await;
    let pull = pull(context(opened).expect("a context"));
    let request = ask_many(&pull);
    let reply = connection.ask(&request).await;
    let items = count(reply, format!(":{}>", many::CLASS).as_bytes()) / 2;
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
                    let opened = connection.ask(&ask_many(&enumerate_plain(many::CLASS))).await;
                    let request = ask_many(&pull(context(opened).expect("a context")));
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

fn count(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).filter(|window| *window == part).count()
}

const IDENTIFY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
    xmlns:wsmid=\"http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd\">\
    <s:Header/><s:Body><wsmid:Identify/></s:Body></s:Envelope>";

/// An optimised Enumerate of a class, all of it in one reply.
fn enumerate(class: &str) -> String {
    envelope(
        class,
        "Enumerate",
        "<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>1000</w:MaxElements></n:Enumerate>",
    )
}

fn enumerate_plain(class: &str) -> String {
    envelope(class, "Enumerate", "<n:Enumerate/>")
}

fn pull(context: &str) -> String {
    envelope(
        many::CLASS,
        "Pull",
        &format!(
            "<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext>\
             <n:MaxElements>{PULL_ELEMENTS}</n:MaxElements></n:Pull>"
        ),
    )
}

fn envelope(class: &str, action: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope \
         xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
         xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\" \
         xmlns:n=\"http://schemas.xmlsoap.org/ws/2004/09/enumeration\"><s:Header>\
         <a:Action s:mustUnderstand=\"true\">http://schemas.xmlsoap.org/ws/2004/09/enumeration/{action}</a:Action>\
         <a:To s:mustUnderstand=\"true\">https://localhost:5986/wsman</a:To>\
         <w:ResourceURI s:mustUnderstand=\"true\">http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/{class}</w:ResourceURI>\
         <a:MessageID s:mustUnderstand=\"true\">uuid:fc27ca98-60bb-10bb-8002-01000000fc02</a:MessageID>\
         <a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>\
         <w:MaxEnvelopeSize>2000000</w:MaxEnvelopeSize></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}
