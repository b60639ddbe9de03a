//! The agent under test: the release binary as a process of its own, with everything it keeps in a
//! temporary folder.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A running `esm serve`; killed when it is dropped.
pub struct Agent {
    child: Child,
    /// Where HTTPS is served.
    pub address: SocketAddr,
    /// The value of the `Authorization` header that it takes.
    pub authorization: String,
    folder: tempfile::TempDir,
}

impl Agent {
    /// Starts an agent that sees `mounts` small file systems of its own, with more configuration in TOML: whole
    /// sections, or dotted keys beside those that stand here.
    pub fn start(mounts: usize, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let shown = home.display();
        let included: Vec<String> = (0..mounts)
            .map(|mount| format!("'{shown}/mount{mount}'"))
            .collect();
        let config = format!(
            "state_dir = '{shown}/state'\nlocal.socket = '{shown}/socket'\nsyslog.enabled = false\n\
             wsman.listen = [\"127.0.0.1:0\"]\ncimxml.https_listen = [\"127.0.0.1:0\"]\n\
             cimxml.http_listen = []\nfile_systems.include = [{}]\n{more}\n",
            included.join(", ")
        );
        std::fs::write(home.join("esm.toml"), config).unwrap();
        let mut child = in_mount_namespace(mounts)
            .arg(binary())
            .args(["--config", "esm.toml", "serve"])
            .current_dir(home)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(home.join("log")).unwrap())
            .spawn()
            .unwrap();
        let address = first_address(&mut child, home);
        let password = std::fs::read_to_string(home.join("state/initial-password")).unwrap();
        let credential = STANDARD.encode(format!("admin:{}", password.trim_end()));
        Self {
            child,
            address,
            authorization: format!("Basic {credential}"),
            folder,
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its certificate and key, in PEM.
    pub fn certificate(&self) -> (PathBuf, PathBuf) {
        let folder = self.folder.path().join("state/certs");
        (folder.join("cert.pem"), folder.join("key.pem"))
    }
}

/// The program that is measured: what the variable `ESM_BINARY` names, or the one that was built for benchmarks.
pub fn binary() -> PathBuf {
    let built = || PathBuf::from(env!("CARGO_BIN_EXE_esm"));
    let named = std::env::var_os("ESM_BINARY").map(|path| std::path::absolute(path).unwrap());
    named.unwrap_or_else(built)
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that runs its arguments where `mounts` small file systems are mounted, which nobody else sees. The
/// process stays the same.
fn in_mount_namespace(mounts: usize) -> Command {
    let mut command = Command::new("unshare");
    command.arg(if rustix::process::geteuid().is_root() {
        "-m"
    } else {
        "-rm"
    });
    let script = format!(
        "i=0; while [ $i -lt {mounts} ]; do mkdir mount$i; mount -t tmpfs -o size=1m tmpfs mount$i; \
         i=$((i + 1)); done; exec \"$@\""
    );
    command.args(["sh", "-ec", &script, "sh"]);
    command
}

/// Reads the start-up lines to their end and returns the address among them.
fn first_address(child: &mut Child, home: &Path) -> SocketAddr {
    let mut address = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(url) = line.trim_start().strip_prefix("WS-Management  https://") {
            address = url.split('/').next().and_then(|text| text.parse().ok());
        }
        if line == "READY" {
            return address.expect("an address in the start-up lines");
        }
    }
    let log = std::fs::read_to_string(home.join("log")).unwrap_or_default();
    panic!("the agent did not start: {log}");
}
