//! A server with a service that echoes, on a port of its own, and the tools to ask it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use esm::net::accounts::Accounts;
use esm::net::certificate::{self, CertificateNames, PairPaths};
use esm::net::local_peer::LocalPeers;
use esm::net::principal::Principal;
use esm::net::tls::server::{ClientCertificates, ServerTls};
use esm::server::{
    Authenticator, BoxFuture, HttpReply, HttpRequest, HttpService, Limits, Listener, ReplyBody, RequestHead,
    Route, Server, ServerHandle, StreamAborted,
};

pub const USER: &str = "ann";
pub const PASSWORD: &str = "right horse";

/// What no socket's buffers hold.
const LARGE_BYTES: usize = 32 * 1024 * 1024;

/// Serves `/echo` to the authenticated, `/open` to all, and misbehaves on demand.
pub struct EchoService;

impl HttpService for EchoService {
    fn route(&self, head: &RequestHead) -> Route {
        match head.path() {
            "/echo" if head.method != hyper::Method::POST => Route::WrongMethod { allow: "POST" },
            "/echo" | "/panic" | "/panic-late" | "/slow" | "/slower" | "/large" | "/stream"
            | "/broken-stream" => Route::Authenticated,
            "/open" => Route::Anonymous,
            _ => Route::Unknown,
        }
    }

    fn call<'a>(&'a self, request: HttpRequest, principal: Principal) -> BoxFuture<'a, HttpReply> {
        if request.head.path() == "/panic" {
            panic!("as asked");
        }
        Box::pin(async move {
            let _worked_on = request.slot;
            match request.head.path() {
                "/panic-late" => panic!("as asked"),
                path @ ("/stream" | "/broken-stream") => return stream(path == "/broken-stream"),
                "/large" => return HttpReply::new(200, "application/octet-stream", vec![b'x'; LARGE_BYTES]),
                "/slow" => tokio::time::sleep(Duration::from_millis(300)).await,
                "/slower" => tokio::time::sleep(Duration::from_secs(4)).await,
                _ => {}
            }
            let mut body = format!("{principal}:").into_bytes();
            body.extend_from_slice(&request.body);
            HttpReply::new(200, "application/octet-stream", body)
        })
    }

    fn call_anonymous<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, HttpReply> {
        Box::pin(async move { HttpReply::new(200, "application/octet-stream", request.body) })
    }
}

/// A reply of three pieces, made one after the other.
fn stream(broken: bool) -> HttpReply {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for piece in ["one ", "two ", "three"] {
            tokio::time::sleep(Duration::from_millis(20)).await;
            sender.send(Ok(piece.into())).await.unwrap();
        }
        if broken {
            sender.send(Err(StreamAborted)).await.unwrap();
        }
    });
    HttpReply {
        body: ReplyBody::Stream(receiver),
        ..HttpReply::new(200, "text/plain", "")
    }
}

/// A running server and the folder with its certificate and accounts.
pub struct TestServer {
    pub handle: Option<ServerHandle>,
    pub tls: Arc<ServerTls>,
    pub address: SocketAddr,
    pub plain: SocketAddr,
    pub folder: tempfile::TempDir,
    pub runtime: tokio::runtime::Runtime,
}

impl TestServer {
    pub fn start() -> Self {
        Self::start_with(Limits::default(), |_| None)
    }

    pub fn start_with(limits: Limits, clients: impl FnOnce(&Path) -> Option<ClientCertificates>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = certificate::read(&make_pair(folder.path())).unwrap();
        let accounts = Accounts::open(folder.path().join("accounts")).unwrap();
        accounts.set(USER, PASSWORD.as_bytes()).unwrap();
        let tls = Arc::new(ServerTls::new(&pair, clients(folder.path())).unwrap());
        let authenticator = Authenticator::new(Some(Arc::new(accounts)), Some(LocalPeers::new(None)));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let any_port = "127.0.0.1:0".parse().unwrap();
        let handle = {
            let _entered = runtime.enter();
            let listeners = vec![
                Listener::tls(any_port, Arc::clone(&tls)).unwrap(),
                Listener::plain(any_port).unwrap(),
                Listener::local(&folder.path().join("socket")).unwrap(),
            ];
            Server::new(Arc::new(EchoService), authenticator)
                .with_limits(limits)
                .start(listeners)
        };
        let (address, plain) = (handle.addresses()[0], handle.addresses()[1]);
        Self {
            handle: Some(handle),
            tls,
            address,
            plain,
            folder,
            runtime,
        }
    }

    /// `curl` against this server's TLS port, trusting its certificate; `args` end with the path.
    pub fn curl(&self, args: &[&str]) -> Output {
        let (path, options) = args.split_last().unwrap();
        let certificate = self.folder.path().join("server.pem");
        let url = format!("https://localhost:{}{path}", self.address.port());
        run(Command::new("curl")
            .args(["-sS", "--cacert"])
            .arg(certificate)
            .args(options)
            .arg(url))
    }
}

/// Writes `server.pem` and `server.key` into `folder`, for `localhost` and ::1.
pub fn make_pair(folder: &Path) -> PairPaths {
    create_pair(folder, false)
}

/// Writes another pair in the place of the first.
pub fn make_pair_again(folder: &Path) -> PairPaths {
    create_pair(folder, true)
}

fn create_pair(folder: &Path, force: bool) -> PairPaths {
    let paths = PairPaths {
        certificate: folder.join("server.pem"),
        key: folder.join("server.key"),
    };
    let names = CertificateNames {
        hosts: vec!["localhost".into()],
        addresses: vec![std::net::Ipv6Addr::LOCALHOST.into()],
    };
    certificate::create(&paths, &names, 30, force, jiff::Timestamp::now()).unwrap();
    paths
}

pub fn credentials() -> String {
    format!("{USER}:{PASSWORD}")
}

pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program that the tests need; its absence fails the test.
pub fn run(command: &mut Command) -> Output {
    let program = PathBuf::from(command.get_program());
    command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}: install it with tests/run", program.display()))
}
