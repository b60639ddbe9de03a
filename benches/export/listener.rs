//! A listener of CIM-XML exports that does as little as it may: it takes everything, and keeps the connection or not.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use esm::net::certificate::{self, PairPaths};
use esm::net::tls::server::ServerTls;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const TAKEN: &str = "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.4\">\
    <MESSAGE ID=\"1\" PROTOCOLVERSION=\"1.4\"><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME=\"ExportIndication\"/>\
    </SIMPLEEXPRSP></MESSAGE></CIM>";

/// Listens with that certificate and prints its port. The first request is written to `record`.
pub fn run(keeps: bool, certificate: &Path, key: &Path, record: &Path) {
    let pair = certificate::read(&PairPaths {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    });
    let tls = ServerTls::new(&pair.unwrap(), None).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        std::io::stdout().flush().unwrap();
        let record = Arc::new(record.to_owned());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, record) = (TlsAcceptor::from(tls.config()), Arc::clone(&record));
            tokio::spawn(async move { serve(stream, acceptor, keeps, &record).await });
        }
    });
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, keeps: bool, record: &Path) {
    stream.set_nodelay(true).unwrap();
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let version = if keeps { "1.1" } else { "1.0" };
    let answer = format!(
        "HTTP/{version} 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{TAKEN}",
        TAKEN.len()
    );
    while let Some(request) = read(&mut stream).await {
        if !record.exists() {
            std::fs::write(record, &request).unwrap();
        }
        if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        if !keeps {
            break;
        }
    }
    let _ = stream.shutdown().await;
}

/// A whole request; none where the client has gone.
async fn read(stream: &mut TlsStream<TcpStream>) -> Option<Vec<u8>> {
    let mut request = Vec::with_capacity(8 * 1024);
    loop {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        if super::length(&request).is_some_and(|length| request.len() >= length) {
            return Some(request);
        }
    }
}
