//! Alerts as a real system log takes them: rsyslogd with a socket of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use esm::alert::catalog::{self, table};
use esm::alert::syslog::syslog_line;
use esm::alert::{Alert, Language, Occasion, Target};
use esm::clock::SystemClock;
use esm::syslog::SyslogWriter;
use esm::time::WallTime;

struct Rsyslogd {
    folder: PathBuf,
    process: Child,
}

impl Rsyslogd {
    /// A daemon that reads `log.sock` in `folder` and writes what it understood to `log.txt` there.
    async fn start(folder: &Path) -> Self {
        let shown = folder.display();
        let configuration = format!(
            r#"
global(workDirectory="{shown}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{shown}/log.sock")
template(name="understood" type="string"
         string="%syslogfacility-text%.%syslogseverity-text% %programname%|%msg%\n")
action(type="omfile" file="{shown}/log.txt" template="understood")
"#
        );
        let file = folder.join("rsyslog.conf");
        std::fs::write(&file, configuration).unwrap();
        let process = Command::new("rsyslogd")
            .arg("-n")
            .arg("-f")
            .arg(&file)
            .arg("-i")
            .arg(folder.join("rsyslogd.pid"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("rsyslogd is needed: tests/run installs it");
        let daemon = Self {
            folder: folder.to_owned(),
            process,
        };
        daemon.until(|| folder.join("log.sock").exists()).await;
        daemon
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default()
    }

    async fn until_lines(&self, count: usize) -> Vec<String> {
        self.until(|| self.log().lines().count() >= count).await;
        self.log().lines().map(str::to_owned).collect()
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        for _ in 0..1_500 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("rsyslogd did not do it; its log: {}", self.log());
    }

    fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // A killed daemon leaves its socket behind, which nobody answers.
        let _ = std::fs::remove_file(self.folder.join("log.sock"));
    }
}

impl Drop for Rsyslogd {
    fn drop(&mut self) {
        self.end();
    }
}

fn alert(number: u16, values: &[&str]) -> Alert {
    let occasion = Occasion {
        id: uuid::Uuid::nil(),
        at: WallTime::from_unix_micros(1_769_860_800_000_000),
        system_name: "agent.example".to_owned(),
    };
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    catalog::find(number)
        .unwrap()
        .alert(occasion, Target::default(), values)
}

fn send(writer: &SyslogWriter, alert: &Alert, language: Language) {
    writer.send(alert.at, syslog_line(alert, language));
}

#[tokio::test]
async fn a_real_daemon_understands_facility_severity_tag_and_text() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Rsyslogd::start(folder.path()).await;
    let writer = SyslogWriter::start(folder.path().join("log.sock"), SystemClock::shared());
    send(&writer, &alert(table::agent::TEST, &[]), Language::English);
    send(&writer, &alert(0x301, &["/var", "9", "10"]), Language::English);
    send(&writer, &alert(0x302, &["/var", "2.5", "3"]), Language::Japanese);
    send(
        &writer,
        &alert(table::common::PROCESSORS_DEGRADED, &["3", "4"]),
        Language::English,
    );
    assert_eq!(
        daemon.until_lines(4).await,
        [
            "user.info esm| SRC:ESMAGENT, ID:4000060B, MSG:This is a test of the alert path.",
            "user.warning esm| SRC:ESMFSSERVICE, ID:80000301, MSG:The free space of the file system /var has \
             fallen to 9 %: the warning level of 10 % is reached.",
            "user.err esm| SRC:ESMFSSERVICE, ID:C0000302, MSG:ファイルシステム /var の空き容量が 2.5 % となり、異常のしきい値 \
             3 % に達しました。",
            "user.warning esm| SRC:ESMCommonService, ID:80000501, MSG:3 processors are online; there were 4 before.",
        ]
    );
}

#[tokio::test]
async fn a_daemon_that_is_restarted_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Rsyslogd::start(folder.path()).await;
    let writer = SyslogWriter::start(folder.path().join("log.sock"), SystemClock::shared());
    send(&writer, &alert(table::agent::STARTED, &["1"]), Language::English);
    daemon.until_lines(1).await;
    daemon.stop();
    send(&writer, &alert(table::agent::STARTED, &["2"]), Language::English);
    let daemon = Rsyslogd::start(folder.path()).await;
    send(&writer, &alert(table::agent::STARTED, &["3"]), Language::English);
    let lines = daemon.until_lines(3).await;
    let told: Vec<_> = lines
        .iter()
        .map(|line| line.rsplit("MSG:").next().unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "The agent 1 has started.",
            "The agent 2 has started.",
            "The agent 3 has started."
        ]
    );
}
