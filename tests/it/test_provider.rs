//! The provider for public suites of CIM clients: indications on request, heard by pywbem's own listener, and a
//! method that takes its time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::{Agent, USER};
use crate::command::run;
use crate::peers::Peer;

/// Deliveries go to this machine, in clear text: pywbem's listener is what is tested against, not TLS.
const LOOPBACK: &str = "[subscriptions]\nallow_destinations = [\"127.0.0.0/8\"]\n";

#[test]
fn indications_come_to_a_listener_complete_and_in_order() {
    let agent = Agent::start_with(LOOPBACK);
    let mut listener = Peer::pywbem("pywbem_indications.py", &agent);
    for count in [1, 2, 10, 100, 1_000, 10_000] {
        let mut told = listener.ask(&json!(count));
        let seconds = told.as_object_mut().unwrap().remove("seconds");
        println!("{count} in {} s", seconds.unwrap_or(Value::Null));
        let expect = json!({
            "returned": 0, "came": count, "contexts": 1, "in_order": true, "rising_by_one": true,
        });
        assert_eq!(told, expect, "{count}");
    }
}

#[test]
fn a_method_answers_when_its_time_is_over() {
    let agent = Agent::start();
    let url = format!(
        "http://{USER}:{}@127.0.0.1:{}/test/TestProvider:Test_CLITestProviderClass",
        agent.password(),
        agent.cimxml_http_port()
    );
    let began = Instant::now();
    let mut command = std::process::Command::new("wbemcli");
    command.args(["cm", &url, "delayedMethodResponse.delayInSeconds=2"]);
    let ended = run(&mut command);
    assert!(
        ended.out.trim_end().ends_with("delayedMethodResponse: 0"),
        "{ended:?}"
    );
    assert!(began.elapsed() >= Duration::from_secs(2));
}
