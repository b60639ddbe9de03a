//! A running agent: the real binary, with everything it keeps in a folder of its own.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use esm::client::server::ServerAddress;
use esm::client::wsman::{ClientOptions, WsmanClient};
use esm::net::http_client::BasicCredentials;
use esm::net::tls::client::{ClientTls, Trust};
use rustix::process::{Pid, Signal, kill_process};

use crate::command;

/// The account that the agent makes on its first start.
pub const USER: &str = "admin";

/// How long an agent may take to start and to stop; much more than it needs on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `esm serve`. Dropped, it is killed; [`Agent::stop`] stops it as an operator would.
pub struct Agent {
    folder: Home,
    child: Option<Child>,
    greeting: String,
}

/// The folder of an agent: its own, or one that the test keeps beyond the agent's life.
enum Home {
    Own(tempfile::TempDir),
    Kept(PathBuf),
}

impl Agent {
    /// Starts an agent on ports of its own.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one with more configuration, in TOML. What is in the sections `wsman`, `cimxml`, `local` and `syslog` stands
    /// first and as dotted keys (`syslog.enabled = true`): a part of them stands already.
    #[track_caller]
    pub fn start_with(more: &str) -> Self {
        Self::spawn(Home::Own(tempfile::tempdir().unwrap()), more, &[])
    }

    /// Starts one with more variables in its environment.
    #[track_caller]
    pub fn start_with_environment(more: &str, environment: &[(&str, &str)]) -> Self {
        Self::spawn(Home::Own(tempfile::tempdir().unwrap()), more, environment)
    }

    /// Starts one in that folder: again on what an earlier one left there, if there was one.
    #[track_caller]
    pub fn start_in(folder: &Path, more: &str) -> Self {
        Self::spawn(Home::Kept(folder.to_owned()), more, &[])
    }

    /// Starts one in a network of its own, where `ip link` can do what it likes: see [`Agent::in_its_network`].
    #[track_caller]
    pub fn start_in_own_network() -> Self {
        let folder = Home::Own(tempfile::tempdir().unwrap());
        let mut command = command::esm_in_own_network(folder.path(), &["serve"]);
        command.stderr(log_file(folder.path()));
        Self::run(folder, "", command)
    }

    /// Starts one as [`Agent::start_in`] does, on a machine of that name.
    #[track_caller]
    pub fn start_on_host(folder: &Path, host_name: &str, more: &str) -> Self {
        let mut command = command::esm_on_host(folder, host_name, &["serve"]);
        command.stderr(log_file(folder));
        Self::run(Home::Kept(folder.to_owned()), more, command)
    }

    /// A command in the network of an agent that has one of its own.
    pub fn in_its_network(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.pid().as_raw_nonzero().to_string();
        command.args(["--net", "--target", &pid, program]).args(args);
        command
    }

    /// Starts one whose log goes into a pipe, which nobody reads as long as the test does not.
    #[track_caller]
    pub fn start_unread(more: &str) -> (Self, std::io::PipeReader) {
        let (reader, writer) = std::io::pipe().unwrap();
        let folder = Home::Own(tempfile::tempdir().unwrap());
        let mut command = command::esm(folder.path());
        command.arg("serve").stderr(writer);
        (Self::run(folder, more, command), reader)
    }

    #[track_caller]
    fn spawn(folder: Home, more: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = command::esm(folder.path());
        command.arg("serve").envs(environment.iter().copied());
        command.stderr(log_file(folder.path()));
        Self::run(folder, more, command)
    }

    #[track_caller]
    fn run(folder: Home, more: &str, mut command: Command) -> Self {
        let home = folder.path();
        configure(home, more);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = read_lines(child.stdout.take().unwrap());
        let mut agent = Self {
            folder,
            child: Some(child),
            greeting: String::new(),
        };
        agent.wait_until_ready(&lines);
        agent
    }

    #[track_caller]
    fn wait_until_ready(&mut self, lines: &Receiver<String>) {
        while let Ok(line) = lines.recv_timeout(PATIENCE) {
            self.greeting.push_str(&line);
            self.greeting.push('\n');
            if line.starts_with("READY") {
                return;
            }
        }
        panic!(
            "the agent did not say READY:\n{}\nlog:\n{}",
            self.greeting,
            self.log()
        );
    }

    /// `https://127.0.0.1:PORT/wsman`.
    pub fn url(&self) -> &str {
        self.after("WS-Management  ")
    }

    /// The TCP port of HTTPS.
    pub fn port(&self) -> u16 {
        let authority = self.url().split('/').nth(2).unwrap();
        authority.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// The TCP port of CIM-XML over HTTPS.
    pub fn cimxml_port(&self) -> u16 {
        port_of(self.after("CIM-XML        https"))
    }

    /// The TCP port of CIM-XML in clear text.
    pub fn cimxml_http_port(&self) -> u16 {
        port_of(self.after("CIM-XML        http:"))
    }

    /// SHA-256 of its certificate: hexadecimal digits with colons.
    pub fn fingerprint(&self) -> &str {
        self.after("SHA-256 ")
    }

    /// SHA-256 of the certificate's key.
    pub fn key_fingerprint(&self) -> &str {
        self.after("its key        SHA-256 ")
    }

    /// The certificate, in PEM; it is its own authority.
    pub fn certificate(&self) -> PathBuf {
        self.folder().join("state/certs/cert.pem")
    }

    /// The password of [`USER`].
    pub fn password(&self) -> String {
        let file = self.password_file();
        std::fs::read_to_string(file).unwrap().trim_end().to_owned()
    }

    /// The file that holds the password of [`USER`].
    pub fn password_file(&self) -> PathBuf {
        self.folder().join("state/initial-password")
    }

    /// The Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder().join("esm.sock")
    }

    /// Where the agent keeps everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it printed up to READY.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// What it has logged, and those that ran in its folder before it; nothing if that goes elsewhere.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("running"))
    }

    /// The memory that is its process's own, in KiB. The pages of the program file are none of it: they come in as
    /// code runs for the first time, and other processes share them.
    pub fn own_memory_kib(&self) -> u64 {
        let file = format!("/proc/{}/smaps_rollup", self.pid().as_raw_nonzero());
        let text = std::fs::read_to_string(file).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:"));
        line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// `esm …` with this agent's configuration: what it reads or changes of an agent is this one's.
    pub fn esm(&self, args: &[&str]) -> Command {
        let mut command = command::esm(self.folder());
        command.args(args);
        command
    }

    /// `esm wsman …` over TLS, logged in and with the right pin.
    pub fn wsman(&self, args: &[&str]) -> Command {
        let mut command = self.esm(&["wsman", "--url", self.url(), "--user", USER]);
        command.args(["--pin", self.fingerprint()]).args(args);
        command.env("ESM_PASSWORD", self.password());
        command
    }

    /// A client of it in this process, over TLS and logged in.
    pub fn client(&self) -> WsmanClient {
        self.client_as(USER, &self.password())
    }

    /// The same with other credentials.
    pub fn client_as(&self, user: &str, password: &str) -> WsmanClient {
        let address = ServerAddress::parse(self.url()).unwrap();
        let tls = ClientTls::new(Trust::Pin(self.fingerprint().parse().unwrap())).unwrap();
        let credentials = BasicCredentials::new(user, password).unwrap();
        WsmanClient::new(address, &tls, Some(credentials), ClientOptions::default()).unwrap()
    }

    /// Changes its configuration file to what [`Agent::start_with`] would have made of `more`.
    pub fn configure(&self, more: &str) {
        configure(self.folder(), more);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until it has logged a line with `text`, and returns that line.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            // The last line may be half written.
            if let Some(line) = log
                .split_inclusive('\n')
                .find(|line| line.contains(text) && line.ends_with('\n'))
            {
                return line.to_owned();
            }
            assert!(Instant::now() < until, "nothing with `{text}` in the log:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it with SIGTERM, which must be clean, and returns what it has logged.
    #[track_caller]
    pub fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        self.ends();
        self.log()
    }

    /// Waits for the clean end of one that was told to stop.
    #[track_caller]
    pub fn ends(&mut self) {
        let status = self.wait();
        assert!(status.success(), "{status}:\n{}", self.log());
    }

    /// Kills it, as a power failure would.
    pub fn kill(mut self) {
        self.kill_now();
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("running");
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = child.try_wait().unwrap() {
                self.child = None;
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the agent did not stop:\n{}", self.log());
    }

    fn kill_now(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The word after `label` in the greeting.
    #[track_caller]
    fn after(&self, label: &str) -> &str {
        let rest = self.greeting.split_once(label).map(|(_, rest)| rest);
        let word = rest.and_then(|rest| rest.split_whitespace().next());
        word.unwrap_or_else(|| panic!("no `{label}` in:\n{}", self.greeting))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill_now();
    }
}

fn log_file(folder: &Path) -> std::fs::File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap()
}

/// The port at the end of a URL without a path.
#[track_caller]
fn port_of(url: &str) -> u16 {
    url.rsplit_once(':').unwrap().1.parse().unwrap()
}

impl Home {
    fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Kept(folder) => folder,
        }
    }
}

/// Writes the configuration file, whole at once: an agent may be reading it.
fn configure(home: &Path, more: &str) {
    let shown = home.display();
    // What a test's agent has to say is not for the log of the machine.
    let syslog = if more.contains("syslog.") {
        ""
    } else {
        "syslog.enabled = false\n"
    };
    let listen = if more.contains("wsman.listen") {
        ""
    } else {
        "wsman.listen = [\"127.0.0.1:0\"]\n"
    };
    let cimxml = if more.contains("cimxml.") {
        ""
    } else {
        "cimxml.https_listen = [\"127.0.0.1:0\"]\ncimxml.http_listen = [\"127.0.0.1:0\"]\n"
    };
    let socket = if more.contains("local.socket") {
        String::new()
    } else {
        format!("local.socket = '{shown}/esm.sock'\n")
    };
    let config = format!("state_dir = '{shown}/state'\n{socket}{listen}{cimxml}{syslog}{more}\n");
    let new = home.join("esm.toml.new");
    std::fs::write(&new, config).unwrap();
    std::fs::rename(new, home.join("esm.toml")).unwrap();
}

/// Reads lines apart, so that waiting for one can have an end.
fn read_lines(from: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // Once nobody listens the rest is read all the same: the agent must not wait for a reader.
            let _ = sender.send(line);
        }
    });
    receiver
}

#[test]
fn an_agent_needs_no_set_up_and_stops_cleanly() {
    let agent = Agent::start();
    assert_ne!(agent.port(), 0);
    assert_eq!(agent.fingerprint().len(), 32 * 3 - 1);
    assert!(agent.greeting().contains(USER));
    assert!(agent.password().len() >= 12);
    assert!(agent.certificate().is_file());
    assert!(agent.socket().exists());
    assert!(agent.greeting().ends_with("READY\n"));
    let shown = command::run(&mut agent.esm(&["cert", "show"]));
    assert!(shown.out.contains(agent.fingerprint()), "{shown:?}");
    agent.stop();
}

#[test]
fn an_agent_is_itself_after_it_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let first = Agent::start_in(folder.path(), "");
    let (fingerprint, password) = (first.fingerprint().to_owned(), first.password());
    first.kill();
    let again = Agent::start_in(folder.path(), "[log]\nlevel = \"debug\"");
    assert_eq!((again.fingerprint(), again.password()), (&*fingerprint, password));
    again.stop();
}
