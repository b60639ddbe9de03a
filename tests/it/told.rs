//! The main job, with everything real: a file system is filled, a manager on another TLS server is told.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::agent::{Agent, USER};
use crate::manager::{Manager, Pair};

/// A small file system of its own, unmounted when it is dropped.
pub struct Tmpfs(pub PathBuf);

impl Tmpfs {
    #[track_caller]
    pub fn mount(at: &Path, mebibytes: u32) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "esm-test"])
            .arg(at)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&mounted.stderr);
        assert!(
            mounted.status.success(),
            "this test mounts a tmpfs, so run it as root: {said}"
        );
        Self(at.to_owned())
    }

    pub fn fill(&self, name: &str, mebibytes: usize) {
        std::fs::write(self.0.join(name), vec![0; mebibytes << 20]).unwrap();
    }

    pub fn empty(&self, name: &str) {
        std::fs::remove_file(self.0.join(name)).unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Subscribes with curl, as a script of an administrator would, and returns the reply.
#[track_caller]
fn subscribe(agent: &Agent, resource: &str, notify_to: &str, filter: &str) -> String {
    let class = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/";
    let body = format!(
        r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:e="http://schemas.xmlsoap.org/ws/2004/08/eventing"><s:Header><a:Action>http://schemas.xmlsoap.org/ws/2004/08/eventing/Subscribe</a:Action><a:To>{to}</a:To><w:ResourceURI>{class}{resource}</w:ResourceURI><a:MessageID>uuid:1</a:MessageID><a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo></s:Header><s:Body><e:Subscribe><e:Delivery><e:NotifyTo><a:Address>{notify_to}</a:Address><a:ReferenceParameters><t:Tag xmlns:t="urn:test">42</t:Tag></a:ReferenceParameters></e:NotifyTo></e:Delivery><e:Expires>PT600S</e:Expires>{filter}</e:Subscribe></s:Body></s:Envelope>"#,
        to = agent.url(),
    );
    let answer = Command::new("curl")
        .args([
            "-sS",
            "--fail-with-body",
            "-H",
            "Content-Type: application/soap+xml;charset=UTF-8",
        ])
        .arg("--cacert")
        .arg(agent.certificate())
        .args([
            "-u",
            &format!("{USER}:{}", agent.password()),
            "--data-binary",
            &body,
            agent.url(),
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(answer.stdout).unwrap();
    assert!(
        answer.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    text
}

/// The properties of the one event of a delivery.
#[track_caller]
fn event(delivery: &Value) -> &Value {
    let events = delivery["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{delivery}");
    &events[0][1]
}

#[track_caller]
fn check(delivery: &Value, event_id: &str, state: &str, number: &str) {
    let event = event(delivery);
    assert_eq!(
        (&event["EventID"], &event["State"]),
        (&event_id.into(), &state.into()),
        "{delivery}"
    );
    assert_eq!(event["SequenceNumber"], number, "{delivery}");
    assert_eq!(
        delivery["headers"]["Tag"], "42",
        "the reference parameter comes back as a header"
    );
    // From the sample to the manager within two seconds.
    let sampled: jiff::Timestamp = {
        let text = event["EventTime"].as_str().unwrap();
        let date = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S%.f", &text[..21]).unwrap();
        date.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp()
    };
    let told = delivery["at"].as_f64().unwrap() - sampled.as_microsecond() as f64 / 1e6;
    assert!(told < 2.0, "it took {told} s from the sample to the manager");
}

#[test]
fn a_file_system_that_fills_is_told_of_once_per_state_and_its_recovery_too() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Tmpfs::mount(&folder.path().join("disk"), 64);
    let manager = Manager::tls(&Pair::make(folder.path()));
    let agent = Agent::start_with(&format!(
        "subscriptions.allow_destinations = [\"127.0.0.0/8\"]\n\
         [file_systems]\ninclude = ['{}']\n\
         [[monitor]]\nrule = \"file-system\"\ninterval_secs = 1\n",
        disk.0.display()
    ));
    let reply = subscribe(&agent, "CIM_ProcessIndication", &manager.url("/events"), "");
    assert!(reply.contains("<wse:Expires>PT600S</wse:Expires>"), "{reply}");

    disk.fill("most", 59);
    check(&manager.next(), "80000301", "warning", "0");
    disk.fill("rest", 4);
    let critical = manager.next();
    check(&critical, "C0000302", "critical", "1");
    assert_eq!(critical["path"], "/events");
    manager.nothing_more(Duration::from_millis(2500));
    disk.empty("most");
    check(&manager.next(), "40000304", "normal", "2");
    agent.stop();
}

#[test]
fn a_filter_and_a_restart_keep_what_they_should() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Tmpfs::mount(&folder.path().join("disk"), 64);
    let manager = Manager::tls(&Pair::make(folder.path()));
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let more = format!(
        "subscriptions.allow_destinations = [\"127.0.0.0/8\"]\n\
         [file_systems]\ninclude = ['{}']\n\
         [[monitor]]\nrule = \"file-system\"\ninterval_secs = 1\n",
        disk.0.display()
    );
    let agent = Agent::start_in(&home, &more);
    let filter = r#"<w:Filter Dialect="http://schemas.microsoft.com/wbem/wsman/1/WQL">SELECT * FROM ESM_ThresholdIndication WHERE PerceivedSeverity &gt;= 6</w:Filter>"#;
    subscribe(&agent, "ESM_ThresholdIndication", &manager.url("/"), filter);
    disk.fill("most", 59);
    agent.stop();
    // The file system gets worse while nobody watches: that is told once after the start, and the filter
    // lets nothing else through: neither the warning nor the agent's own stop and start.
    disk.fill("rest", 4);
    let agent = Agent::start_in(&home, &more);
    let told = manager.next();
    assert_eq!(event(&told)["EventID"], "C0000302", "{told}");
    agent.stop();
    let agent = Agent::start_in(&home, &more);
    manager.nothing_more(Duration::from_millis(2500));
    agent.stop();
}
