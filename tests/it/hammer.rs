//! Many managers at once for a minute: no error, nothing left over, memory that stays flat.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use esm::client::instance_name::InstanceName;
use esm::client::wsman::{EnumerationRequest, Resource, WsmanClient};
use esm::wsman::addressing::EndpointReference;
use esm::wsman::eventing::Delivery;
use esm::wsman::time::Expires;
use esm::wsman::{Invoke, Subscribe};
use tokio::runtime::{Builder, Runtime};

use crate::agent::Agent;
use crate::manager::{Manager, Pair};

const MANAGERS: usize = 8;
const LENGTH: Duration = Duration::from_secs(60);
const BETWEEN_ALERTS: Duration = Duration::from_millis(200);
/// How long what is on its way may take to arrive after the end, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the floor of the agent's own memory may rise by from the third quarter of the minute to the last. Up to 64
/// idle connections to managers are kept, some tens of kilobytes each, and the last of them come late in the
/// minute: that is less. Each quarter sees more than a thousand visits where the machine is free, so that two
/// forgotten kilobytes per visit (a subscription, an enumeration, a connection) are more.
const MOST_GROWTH_KIB: u64 = 2048;

/// Runs it to its end in this thread.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    runtime().block_on(work)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn class(name: &str) -> Resource {
    Resource::from(&name.parse::<InstanceName>().unwrap())
}

fn one_by_one() -> EnumerationRequest {
    EnumerationRequest {
        batch: Some(1),
        ..EnumerationRequest::default()
    }
}

async fn subscribe(client: &mut WsmanClient, notify_to: &str) -> String {
    let request = Subscribe {
        delivery: Delivery {
            notify_to: Some(EndpointReference::to(notify_to)),
            ..Delivery::default()
        },
        expires: Some(Expires::After(Duration::from_secs(300))),
        ..Subscribe::default()
    };
    let events = class("CIM_AlertIndication");
    let subscribed = client.subscribe(&events, request, Vec::new());
    subscribed.await.unwrap().content.identifier
}

/// Enumerates to the end and returns how many there were.
async fn count(client: &mut WsmanClient, name: &str, request: EnumerationRequest) -> usize {
    let mut enumeration = client.enumerate(class(name), request);
    let mut items = 0;
    while let Some(batch) = enumeration.next_batch().await.unwrap() {
        items += batch.items.len();
    }
    items
}

/// What a manager does with an agent, once through.
async fn visit(client: &mut WsmanClient, notify_to: &str) {
    let identifier = subscribe(client, notify_to).await;
    assert!(count(client, "ESM_Processor", one_by_one()).await >= 2);
    let granted = client.get_status(&identifier).await.unwrap().content;
    assert!(matches!(granted, Some(Expires::After(left)) if left <= Duration::from_secs(300)));
    let longer = Some(Expires::After(Duration::from_secs(600)));
    assert_eq!(client.renew(&identifier, longer).await.unwrap().content, longer);
    assert!(count(client, "CIM_LogicalDevice", EnumerationRequest::default()).await >= 3);
    client.unsubscribe(&identifier).await.unwrap();
    let gone = client.get_status(&identifier).await.unwrap_err();
    assert!(gone.fault().is_some(), "{gone}");
}

async fn raise_test_alert(client: &mut WsmanClient) {
    let alive = class("ESM_Alive?InstanceID=ESM:Alive:agent");
    let call = Invoke::new(&alive.uri, "SendTestAlert");
    let answer = client.invoke(&alive, call).await.unwrap().content;
    assert_eq!(answer.text("ReturnValue"), Some("0"));
}

/// Subscriptions in force, and deliveries that wait.
async fn left_over(client: &mut WsmanClient) -> (String, String) {
    let alive = client
        .get(&class("ESM_Alive?InstanceID=ESM:Alive:agent"))
        .await
        .unwrap();
    let text = |name| alive.content.text(name).unwrap().to_owned();
    (text("LeaseCount"), text("QueueLength"))
}

#[test]
fn eight_managers_at_once_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let listener = Manager::tls(&Pair::make(folder.path()));
    // As many enumerations as are open at once by intent; one that was left over would push out the oldest.
    let agent = Agent::start_with(&format!(
        "wsman.max_contexts_per_account = {}\nsubscriptions.allow_destinations = [\"127.0.0.0/8\"]\n",
        MANAGERS + 1
    ));
    let mut steady = agent.client();
    let steady_subscription = block_on(subscribe(&mut steady, &listener.url("/steady")));
    let runtime = runtime();
    let mut oldest_client = agent.client();
    let mut oldest = oldest_client.enumerate(class("ESM_Processor"), one_by_one());
    runtime.block_on(oldest.next_batch()).unwrap().unwrap();

    let visits = AtomicU64::new(0);
    let passing = listener.url("/passing");
    let end = Instant::now() + LENGTH;
    let (raised, memory) = std::thread::scope(|scope| {
        for _ in 0..MANAGERS {
            scope.spawn(|| {
                block_on(async {
                    let mut client = agent.client();
                    while Instant::now() < end {
                        visit(&mut client, &passing).await;
                        visits.fetch_add(1, Ordering::Relaxed);
                    }
                });
            });
        }
        alerts_until(end, &agent)
    });
    let visits = visits.into_inner();
    println!("{visits} visits, {raised} alerts, KiB in the quarters: {memory:?}");
    assert!(visits >= 10 * MANAGERS as u64, "only {visits} visits");
    assert!(
        memory[3] <= memory[2] + MOST_GROWTH_KIB,
        "memory grows: {memory:?} KiB in the quarters of the minute, {visits} visits"
    );

    // The lasting subscriber was told of everything, in order.
    let mut told = 0;
    while told < raised {
        let delivery = listener.next();
        if delivery["path"] == "/steady" {
            assert_eq!(delivery["events"][0][1]["SequenceNumber"], told.to_string());
            assert_eq!(delivery["events"][0][1]["EventID"], "4000060B");
            told += 1;
        }
    }
    block_on(async {
        let mut client = agent.client();
        client.unsubscribe(&steady_subscription).await.unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            let left = left_over(&mut client).await;
            if left == ("0".to_owned(), "0".to_owned()) {
                break;
            }
            assert!(
                Instant::now() < until,
                "left over (subscriptions, deliveries): {left:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // With these, as many enumerations are open as may be: was one left over, the oldest had to give way.
        for _ in 0..MANAGERS {
            let mut client = agent.client();
            let mut enumeration = client.enumerate(class("ESM_Processor"), one_by_one());
            enumeration.next_batch().await.unwrap().unwrap();
        }
    });
    let second = runtime
        .block_on(oldest.next_batch())
        .expect("an enumeration was left open");
    assert_eq!(second.unwrap().items.len(), 1);

    let log = agent.stop();
    let trouble = log
        .lines()
        .find(|line| line.contains(" ERROR ") || line.contains(" WARN "));
    assert_eq!(trouble, None);
}

/// Raises alerts until `end`. Returns how many, and the least memory that was seen in each quarter of the time.
fn alerts_until(end: Instant, agent: &Agent) -> (u64, [u64; 4]) {
    let mut raised = 0;
    let mut memory = [u64::MAX; 4];
    let quarter = LENGTH.as_millis() / 4;
    block_on(async {
        let mut client = agent.client();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let now = 3 - usize::try_from(left.as_millis() / quarter).unwrap().min(3);
            memory[now] = memory[now].min(agent.own_memory_kib());
            raise_test_alert(&mut client).await;
            raised += 1;
            tokio::time::sleep(BETWEEN_ALERTS).await;
        }
    });
    (raised, memory)
}
