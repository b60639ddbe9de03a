//! What the idle agent costs: memory (PSS) and processor time with the default rules, and memory with a
//! thousand subscriptions.
//!
//! `cargo bench --bench memory [-- SECONDS]`: how long processor time is counted, 180 if not given.

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
#[path = "common/load.rs"]
mod load;
#[path = "common/message.rs"]
mod message;

use std::thread::sleep;
use std::time::Duration;

use agent::Agent;
use load::{Connection, post};

/// When the agent counts as idle.
const SETTLED: Duration = Duration::from_secs(60);
const SUBSCRIPTIONS: usize = 1000;

fn main() {
    let seconds = std::env::args().find_map(|text| text.parse().ok()).unwrap_or(180);
    let binary = std::fs::metadata(agent::binary()).unwrap().len();
    println!("the binary is {:.1} MB", binary as f64 / 1e6);

    let agent = Agent::start(0, "[subscriptions]\nallow_destinations = [\"127.0.0.0/8\"]\n");
    println!("started:            {}", memory(agent.pid()));
    sleep(SETTLED);
    println!("after {} s:         {}", SETTLED.as_secs(), memory(agent.pid()));

    let cpu = load::cpu_seconds(agent.pid());
    sleep(Duration::from_secs(seconds));
    let spent = load::cpu_seconds(agent.pid()) - cpu;
    println!(
        "processor:          {spent:.2} s in {seconds} s, {:.2} s in an hour",
        spent * 3600.0 / seconds as f64
    );
    println!("then:               {}", memory(agent.pid()));

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut manager = Connection::open(agent.address).await;
        for number in 0..SUBSCRIPTIONS {
            // Nobody listens there, and nothing is sent.
            let subscribe = message::subscribe(&format!("https://127.0.0.1:9/subscriber/{number}"));
            manager.ask(&post(&agent.authorization, &subscribe)).await;
        }
    });
    sleep(Duration::from_secs(10));
    println!("{SUBSCRIPTIONS} subscriptions: {}", memory(agent.pid()));
}

/// Memory of a process as the kernel accounts it, and how many threads it has.
fn memory(pid: u32) -> String {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let megabytes = |key: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|line| line.split_whitespace().next());
        kib.unwrap().parse::<f64>().unwrap() * 1024.0 / 1e6
    };
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
    format!(
        "{:5.2} MB PSS, of it anonymous {:.2}, of files {:.2}; {threads} threads",
        megabytes("Pss:"),
        megabytes("Pss_Anon:"),
        megabytes("Pss_File:")
    )
}
