//! The server against a bare hyper and rustls server that sends the same bytes: requests per second over
//! TLS with kept connections and Basic credentials, and their ratio.
//!
//! `cargo bench --bench server`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark fails by panicking"
)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use esm::net::accounts::Accounts;
use esm::net::certificate::{self, CertificateNames, CertificatePair, PairPaths};
use esm::net::principal::Principal;
use esm::net::tls::client::{ClientTls, Trust};
use esm::net::tls::server::ServerTls;
use esm::server::{
    Authenticator, BoxFuture, HttpReply, HttpRequest, HttpService, Listener, RequestHead, Route, Server,
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;
const CONTENT_TYPE_SENT: &str = "application/soap+xml;charset=UTF-8";
/// As large as a usual Identify request and its reply.
const REQUEST_BODY_BYTES: usize = 400;
const REPLY_BODY_BYTES: usize = 700;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let pair = make_pair(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let bare = start_bare(&pair).await;
        let (ours, _handle) = start_ours(&pair, folder.path());
        for connections in [1, 16] {
            let (mut best_bare, mut best_ours) = (0.0_f64, 0.0_f64);
            for _ in 0..ROUNDS {
                best_bare = best_bare.max(requests_per_second(bare, connections).await);
                best_ours = best_ours.max(requests_per_second(ours, connections).await);
            }
            println!(
                "{connections:3} connections: bare {best_bare:7.0}/s, esm {best_ours:7.0}/s, ratio {:.2}",
                best_ours / best_bare
            );
        }
    });
}

fn make_pair(folder: &Path) -> CertificatePair {
    let paths = PairPaths {
        certificate: folder.join("c"),
        key: folder.join("k"),
    };
    let names = CertificateNames {
        hosts: vec!["localhost".into()],
        addresses: Vec::new(),
    };
    certificate::create(&paths, &names, 30, false, jiff::Timestamp::now()).unwrap();
    certificate::read(&paths).unwrap()
}

async fn start_bare(pair: &CertificatePair) -> SocketAddr {
    let tls = ServerTls::new(pair, None).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let reply = Bytes::from(vec![b'x'; REPLY_BODY_BYTES]);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let acceptor = TlsAcceptor::from(tls.config());
            let reply = reply.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                let service = service_fn(move |request: Request<Incoming>| {
                    let reply = reply.clone();
                    async move {
                        request.into_body().collect().await.unwrap();
                        let mut response = Response::new(Full::new(reply));
                        response
                            .headers_mut()
                            .insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_SENT));
                        Ok::<_, Infallible>(response)
                    }
                });
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

struct SameBytes(Bytes);

impl HttpService for SameBytes {
    fn route(&self, _head: &RequestHead) -> Route {
        Route::Authenticated
    }

    fn call<'a>(&'a self, _request: HttpRequest, _principal: Principal) -> BoxFuture<'a, HttpReply> {
        Box::pin(async { HttpReply::new(200, CONTENT_TYPE_SENT, self.0.clone()) })
    }

    fn call_anonymous<'a>(&'a self, _request: HttpRequest) -> BoxFuture<'a, HttpReply> {
        Box::pin(async { HttpReply::text(404, "") })
    }
}

fn start_ours(pair: &CertificatePair, folder: &Path) -> (SocketAddr, esm::server::ServerHandle) {
    let accounts = Accounts::open(folder.join("accounts")).unwrap();
    accounts.set("ann", b"secret").unwrap();
    let tls = Arc::new(ServerTls::new(pair, None).unwrap());
    let listener = Listener::tls("127.0.0.1:0".parse().unwrap(), tls).unwrap();
    let service = Arc::new(SameBytes(Bytes::from(vec![b'x'; REPLY_BODY_BYTES])));
    let handle =
        Server::new(service, Authenticator::new(Some(Arc::new(accounts)), None)).start(vec![listener]);
    (handle.addresses()[0], handle)
}

async fn requests_per_second(address: SocketAddr, connections: usize) -> f64 {
    let started = Instant::now();
    let workers: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(ask_until(address, started + ROUND)))
        .collect();
    let mut requests = 0;
    for worker in workers {
        requests += worker.await.unwrap();
    }
    f64::from(requests) / started.elapsed().as_secs_f64()
}

/// Sends the same request again and again over one connection; returns how many were answered.
async fn ask_until(address: SocketAddr, end: Instant) -> u32 {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut stream, _) = ClientTls::new(Trust::Off)
        .unwrap()
        .connect(stream, "localhost")
        .await
        .unwrap();
    let request = format!(
        "POST /wsman HTTP/1.1\r\nHost: localhost:5986\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\n\
         Content-Type: {CONTENT_TYPE_SENT}\r\nUser-Agent: bench\r\nContent-Length: {REQUEST_BODY_BYTES}\r\n\r\n{}",
        "y".repeat(REQUEST_BODY_BYTES)
    );
    let mut buffer = vec![0; 8192];
    let mut answered = 0;
    while Instant::now() < end {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut have = 0;
        while !buffer[..have].ends_with(b"xxxx") || have < REPLY_BODY_BYTES + 100 {
            let count = stream.read(&mut buffer[have..]).await.unwrap();
            assert!(count > 0, "the server closed");
            have += count;
        }
        answered += 1;
    }
    answered
}
