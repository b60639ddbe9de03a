//! HTTP as bytes over TCP, so that a test sees exactly what a server puts on the wire.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::element::Element;
use crate::message::Message;

/// How long a reply may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that may be used for many requests, one after the other.
pub struct Connection {
    stream: TcpStream,
    /// Header lines that every message is sent with.
    headers: String,
}

/// A reply, whole.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether head and body came with one read.
    pub came_at_once: bool,
}

impl Connection {
    #[track_caller]
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            headers: String::new(),
        }
    }

    /// The same connection, whose messages carry these credentials.
    #[must_use]
    pub fn logged_in(self, user: &str, password: &str) -> Self {
        let credential = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.with_header("Authorization", &format!("Basic {credential}"))
    }

    /// The same connection, whose messages carry this header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    /// Sends a message to `/wsman` and waits for the reply.
    #[track_caller]
    pub fn ask(&mut self, message: &Message) -> Reply {
        self.post("application/soap+xml;charset=UTF-8", message.text().as_bytes())
    }

    /// Sends a body to `/wsman` and waits for the reply.
    #[track_caller]
    pub fn post(&mut self, content_type: &str, body: &[u8]) -> Reply {
        self.post_only(content_type, body);
        self.reply()
    }

    /// Sends a body to `/wsman` without waiting for the reply.
    #[track_caller]
    pub fn post_only(&mut self, content_type: &str, body: &[u8]) {
        let head = format!(
            "POST /wsman HTTP/1.1\r\nHost: localhost\r\n{}Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            self.headers,
            body.len()
        );
        self.send(&[head.as_bytes(), body].concat());
    }

    /// Begins to send a body to `/wsman`; returns once the server has begun to read it.
    #[track_caller]
    pub fn begin_post(&mut self, content_type: &str, length: usize) {
        let head = format!(
            "POST /wsman HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n{}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n",
            self.headers
        );
        self.send(head.as_bytes());
        let expect = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut heard = [0; 25];
        self.stream.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, expect, "{}", String::from_utf8_lossy(&heard));
    }

    /// Sends a request with header lines of its own, each with its line end.
    #[track_caller]
    pub fn request(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{}{headers}Content-Length: {}\r\n\r\n",
            self.headers,
            body.len()
        );
        self.send(&[head.as_bytes(), body].concat());
    }

    /// Reads some of what comes; nothing at the end of the connection.
    #[track_caller]
    pub fn read_some(&mut self, buffer: &mut [u8]) -> usize {
        self.stream.read(buffer).unwrap()
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Reads one reply, which must have a Content-Length and nothing after it.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        let mut heard = Vec::new();
        let mut reads = 0;
        loop {
            let mut buffer = vec![0; 1 << 20];
            let count = self.stream.read(&mut buffer).unwrap();
            assert!(
                count > 0,
                "the connection ended after `{}`",
                String::from_utf8_lossy(&heard)
            );
            heard.extend_from_slice(&buffer[..count]);
            reads += 1;
            if let Some(mut reply) = Reply::parse(&heard) {
                reply.came_at_once = reads == 1;
                return reply;
            }
        }
    }
}

impl Reply {
    /// The reply that the bytes hold, once they hold it all.
    #[track_caller]
    fn parse(heard: &[u8]) -> Option<Self> {
        let end = heard.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&heard[..end]).unwrap();
        let body = &heard[end + 4..];
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let (_, length) = length.unwrap_or_else(|| panic!("no Content-Length in\n{head}"));
        let length: usize = length.parse().unwrap();
        assert!(body.len() <= length, "more than one reply:\n{head}");
        (body.len() == length).then(|| Self {
            status,
            headers,
            body: body.to_owned(),
            came_at_once: false,
        })
    }

    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(named, _)| named == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The envelope.
    #[track_caller]
    pub fn envelope(&self) -> Element {
        Element::parse(self.text())
    }

    /// What the body of a successful reply holds.
    #[track_caller]
    pub fn body(&self) -> Element {
        assert_eq!(self.status, 200, "{}", self.text());
        self.envelope().at("Body").clone()
    }

    /// A fault in a line: code, subcode, detail, CIM status, reason.
    #[track_caller]
    pub fn fault(&self) -> String {
        assert_eq!(self.status, 500, "{}", self.text());
        let envelope = self.envelope();
        let fault = envelope.at("Body/Fault");
        let mut line = fault.text_at("Code/Value").to_owned();
        let mut add = |text: &str| {
            if !text.is_empty() {
                line.push(' ');
                line.push_str(text);
            }
        };
        add(fault.text_at("Code/Subcode/Value"));
        add(fault
            .text_at("Detail/FaultDetail")
            .rsplit('/')
            .next()
            .unwrap_or_default());
        if let Some(error) = fault.find("Detail/OMI_Error") {
            add(&format!("CIM {}", error.text_at("CIMStatusCode")));
        }
        format!("{line}: {}", fault.text_at("Reason/Text"))
    }
}
