//! The agent is killed at random moments, again and again, while managers subscribe and alerts are raised: what
//! it has answered it has done, whatever came after.

pub mod instances;
mod ledger;
pub mod load;
mod random;
mod told;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use esm::wsman::time::Expires;
use tokio::runtime::{Builder, Runtime};

use crate::agent::Agent;
use crate::command;
use crate::manager::Manager;
use ledger::{Alerts, Subscriptions};
use load::Load;
use random::Random;
use told::Told;

const KILLS: u32 = 200;
/// Of so many kills one comes while the agent starts.
const EARLY_ONE_IN: u64 = 5;
/// The latest moment of a kill after the start of the process, and after the agent was ready.
const LATEST_EARLY: Duration = Duration::from_millis(150);
const LATEST: Duration = Duration::from_millis(500);
/// How long what waits may take to arrive after the end, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// No part of the load has a limit of its own in the way, and failed deliveries are soon tried again.
const CONFIGURATION: &str = "subscriptions.allow_destinations = [\"127.0.0.0/8\"]\n\
                             delivery.retry_first_secs = 1\ndelivery.retry_max_secs = 1\n";

/// Where the subscriptions that last have their alerts sent: one is made by Subscribe, one as an instance.
const STEADY: [&str; 2] = ["/steady", "/instance/steady"];

fn is_steady(path: &str) -> bool {
    STEADY.contains(&path)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Kills an agent while it starts, wherever it is then.
fn kill_early(home: &Path, after: Duration) {
    let mut child = command::esm(home)
        .arg("serve")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Runs an agent under load for `length`, then kills it.
fn run_and_kill(
    home: &Path,
    length: Duration,
    load: &Load,
    random: &mut Random,
    alerts: &mut Alerts,
    subscriptions: &mut Subscriptions,
) {
    let agent = Agent::start_in(home, CONFIGURATION);
    let (alerting, subscribing) = (load::local_client(&agent), agent.client());
    std::thread::scope(|scope| {
        scope.spawn(|| runtime().block_on(load.alert(alerting, alerts)));
        scope.spawn(|| runtime().block_on(load.subscribe(subscribing, random, subscriptions)));
        std::thread::sleep(length);
        agent.kill();
    });
}

/// Waits until the agent has nothing left to deliver.
async fn drain(agent: &Agent) {
    let mut client = agent.client();
    let until = Instant::now() + PATIENCE;
    loop {
        let waiting = load::queue_length(&mut client).await;
        if waiting == 0 {
            return;
        }
        assert!(Instant::now() < until, "{waiting} deliveries still wait");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn what_was_answered_outlives_two_hundred_kills() {
    let mut random = Random::from_environment();
    println!("ESM_TEST_SEED={}", random.seed());
    let folder = tempfile::tempdir().unwrap();
    let listener = Manager::start(None, &[]);
    let load = Load::new(&listener);
    let mut alerts = Alerts::default();
    let mut subscriptions = Subscriptions::default();

    let first = Agent::start_in(folder.path(), CONFIGURATION);
    runtime().block_on(async {
        let mut client = first.client();
        for path in STEADY {
            let steady = load.make(&mut client, path).await.unwrap();
            subscriptions.made(path, &steady);
        }
    });
    first.kill();
    for _ in 0..KILLS {
        if random.below(EARLY_ONE_IN) == 0 {
            kill_early(folder.path(), random.up_to(LATEST_EARLY));
        } else {
            let length = random.up_to(LATEST);
            run_and_kill(
                folder.path(),
                length,
                &load,
                &mut random,
                &mut alerts,
                &mut subscriptions,
            );
        }
    }
    println!("{alerts}; {subscriptions}");
    assert!(alerts.answered() >= KILLS as usize, "too little load: {alerts}");
    assert!(
        subscriptions.answered() >= KILLS as usize,
        "too little load: {subscriptions}"
    );

    let agent = Agent::start_in(folder.path(), CONFIGURATION);
    runtime().block_on(async {
        let mut client = agent.client();
        load::take_stock(&mut client, &mut subscriptions).await;
        for (path, identifier) in subscriptions.live() {
            let left = client.get_status(identifier).await;
            let left = left
                .unwrap_or_else(|error| panic!("{path} is lost: {error}"))
                .content;
            assert!(
                matches!(left, Some(Expires::After(left)) if left <= load::LEASE),
                "{path}"
            );
        }
        let destinations = instances::destinations(&mut client).await;
        for (path, _) in subscriptions.live().filter(|(path, _)| instances::is_one(path)) {
            assert!(destinations.contains(path), "the destination {path} is lost");
        }
        load::raise(&mut client, &mut alerts).await.unwrap();
        drain(&agent).await;
    });
    // The alert of just now is the last that each subscription is told of.
    let last = alerts.last();
    let mut told = Told::default();
    for (path, _) in subscriptions.live() {
        while !told.has(path, last) {
            told.add(&listener.next());
        }
    }
    told.check_order();
    for (path, since) in subscriptions.live_since() {
        told.check_alerts(path, &alerts, since);
    }
    println!("{told}");
    agent.stop();
}
