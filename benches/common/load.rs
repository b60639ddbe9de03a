//! The load: kept TLS connections that send HTTP requests as bytes and read no more of a reply than they must.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use esm::net::tls::client::{ClientTls, Trust};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Processor time of a process is told in these (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// What ends a body in chunks.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// A POST of WS-Management as it goes over the wire.
pub fn post(authorization: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /wsman HTTP/1.1\r\nHost: localhost:5986\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/soap+xml;charset=UTF-8\r\nUser-Agent: bench\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One kept connection.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let tls = ClientTls::new(Trust::Off).unwrap();
        let (stream, _) = tls.connect(stream, "localhost").await.unwrap();
        Self {
            stream,
            buffer: vec![0; 64 * 1024],
        }
    }

    /// Sends a request; returns the reply's body, which must come with status 200. One in chunks is returned as it
    /// comes.
    pub async fn ask(&mut self, request: &[u8]) -> &[u8] {
        self.stream.write_all(request).await.unwrap();
        // What TLS has taken may not be on its way yet.
        self.stream.flush().await.unwrap();
        let mut have = 0;
        let mut reply = None;
        loop {
            if have == self.buffer.len() {
                self.buffer.resize(have * 2, 0);
            }
            let count = self.stream.read(&mut self.buffer[have..]).await.unwrap();
            assert!(count > 0, "the server closed the connection");
            have += count;
            let (start, length) = match reply {
                Some(reply) => reply,
                None => match head(&self.buffer[..have]) {
                    Some(found) => *reply.insert(found),
                    None => continue,
                },
            };
            match length {
                Some(length) if have >= start + length => {
                    assert_eq!(have, start + length, "more than a reply");
                    return &self.buffer[start..have];
                }
                None if self.buffer[..have].ends_with(LAST_CHUNK) => return &self.buffer[start..have],
                _ => {}
            }
        }
    }
}

/// Where the body starts and how long it is, once the head is there; no length where it comes in chunks.
fn head(received: &[u8]) -> Option<(usize, Option<usize>)> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&received[..end]).unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 "),
        "{}",
        String::from_utf8_lossy(received)
    );
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.trim().parse().unwrap());
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    assert!(length.is_some() || is_chunked, "a Content-Length");
    Some((end + 4, length))
}

/// What a round of load came to.
#[derive(Clone, Copy, Default)]
pub struct Round {
    /// Answered in a second.
    pub per_second: f64,
    /// Processor time that the server took for one, in microseconds.
    pub server_micros: f64,
}

/// Short rounds of the bare server and of ours in turn: what disturbs one disturbs the one beside it, too.
#[derive(Default)]
pub struct Comparison(Vec<(Round, Round)>);

impl Comparison {
    /// Adds a round of the bare server and the round of ours beside it.
    pub fn push(&mut self, bare: Round, esm: Round) {
        self.0.push((bare, esm));
    }

    /// The middle one of the ratios of neighbours.
    pub fn ratio(&self) -> f64 {
        let ratios = self.0.iter().map(|(bare, esm)| esm.per_second / bare.per_second);
        let mut ratios: Vec<f64> = ratios.collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }

    /// The middle round of each by requests in a second: the bare server's, and ours.
    pub fn medians(self) -> (Round, Round) {
        let (bare, esm) = self.0.into_iter().unzip();
        (Round::median(bare), Round::median(esm))
    }
}

impl Round {
    fn median(mut rounds: Vec<Self>) -> Self {
        rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        rounds[rounds.len() / 2]
    }
}

/// Asks one thing over and over on that many connections.
pub async fn measure(
    address: SocketAddr,
    pid: u32,
    request: &[u8],
    connections: usize,
    length: Duration,
) -> Round {
    let mut open = Vec::new();
    for _ in 0..connections {
        let mut connection = Connection::open(address).await;
        connection.ask(request).await;
        open.push(connection);
    }
    let (started, cpu) = (Instant::now(), cpu_seconds(pid));
    let workers: Vec<_> = open
        .into_iter()
        .map(|mut connection| {
            let request = request.to_vec();
            tokio::spawn(async move {
                let mut answered = 0_u32;
                while started.elapsed() < length {
                    connection.ask(&request).await;
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    let mut answered = 0.0;
    for worker in workers {
        answered += f64::from(worker.await.unwrap());
    }
    Round {
        per_second: answered / started.elapsed().as_secs_f64(),
        server_micros: (cpu_seconds(pid) - cpu) * 1e6 / answered,
    }
}

/// Processor time that a process has taken so far.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name of the program may hold spaces: the fields are counted behind it.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}
