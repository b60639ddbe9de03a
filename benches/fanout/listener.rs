//! The subscribers: one listener that accepts every delivery and tells when the last of a round has come.

use std::convert::Infallible;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use esm::net::certificate::{self, PairPaths};
use esm::net::tls::server::ServerTls;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

struct Seen {
    deliveries: AtomicUsize,
    round: usize,
    record: PathBuf,
}

/// Listens with that certificate and prints its address; then, after every `round` deliveries, the time in
/// microseconds since 1970. The first delivery is written to `record`.
pub fn run(round: usize, certificate: &Path, key: &Path, record: &Path) {
    esm::server::raise_file_limit();
    let pair = certificate::read(&PairPaths {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    });
    let tls = ServerTls::new(&pair.unwrap(), None).unwrap();
    let seen = Arc::new(Seen {
        deliveries: AtomicUsize::new(0),
        round,
        record: record.to_owned(),
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        // All subscribers are told at once: a shorter queue loses connections, which come again after a second.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(4096).unwrap();
        say(listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, TlsAcceptor::from(tls.config()), Arc::clone(&seen)));
        }
    });
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, seen: Arc<Seen>) {
    stream.set_nodelay(true).unwrap();
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            seen.note(&body);
            let mut response = Response::new(Empty::<Bytes>::new());
            response
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            Ok::<_, Infallible>(response)
        }
    });
    // A subscriber's agent that goes away ends its connection with an error, which is none.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Seen {
    fn note(&self, body: &[u8]) {
        let count = self.deliveries.fetch_add(1, Relaxed) + 1;
        if count == 1 {
            std::fs::write(&self.record, body).unwrap();
        }
        if count.is_multiple_of(self.round) {
            say(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros());
        }
    }
}

fn say(what: impl std::fmt::Display) {
    println!("{what}");
    std::io::stdout().flush().unwrap();
}
