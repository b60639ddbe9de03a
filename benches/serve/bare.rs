//! A server that knows nothing: hyper over rustls, which sends recorded bytes. Nothing that answers over the
//! same stack can be faster.

use std::convert::Infallible;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use esm::net::certificate::{self, PairPaths};
use esm::net::tls::server::ServerTls;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The body of a reply for each length of a request's body: requests of one kind are of one length.
type Recorded = Vec<(usize, Bytes)>;

/// Notes in `folder` what is to be answered to a request whose body has that length.
pub fn record(folder: &Path, request_bytes: usize, reply: &[u8]) {
    std::fs::write(folder.join(format!("{request_bytes}.reply")), reply).unwrap();
}

/// Serves what was recorded in `folder` with that certificate; prints its address when it is ready.
pub fn run(folder: &Path, certificate: &Path, key: &Path) {
    let pair = certificate::read(&PairPaths {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    });
    let tls = ServerTls::new(&pair.unwrap(), None).unwrap();
    let recorded = Arc::new(read(folder));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(
                stream,
                TlsAcceptor::from(tls.config()),
                Arc::clone(&recorded),
            ));
        }
    });
}

fn read(folder: &Path) -> Recorded {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .filter_map(|file| {
            let path = file.unwrap().path();
            let length = path.file_name()?.to_str()?.strip_suffix(".reply")?.parse().ok()?;
            Some((length, Bytes::from(std::fs::read(path).unwrap())))
        })
        .collect()
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, recorded: Arc<Recorded>) {
    stream.set_nodelay(true).unwrap();
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let recorded = Arc::clone(&recorded);
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let reply = recorded.iter().find(|(length, _)| *length == body.len());
            let reply = reply.expect("a recorded reply").1.clone();
            let mut response = Response::new(Full::new(reply));
            response.headers_mut().insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/soap+xml;charset=UTF-8"),
            );
            Ok::<_, Infallible>(response)
        }
    });
    // A client that goes away ends its connection with an error, which is none.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
