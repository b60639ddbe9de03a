//! Replies in chunks (RFC 9112, 7.1), read as they come.

use crate::raw_http::Connection;

/// A reply whose body comes in chunks.
#[derive(Default)]
pub struct ChunkedReply {
    headers: Vec<(String, String)>,
    /// What came and is not taken apart yet.
    heard: Vec<u8>,
    body: Vec<u8>,
    /// Whether the last chunk came.
    pub is_whole: bool,
}

impl ChunkedReply {
    /// Reads the head, which must be of a reply with status 200.
    #[track_caller]
    pub fn begin(connection: &mut Connection) -> Self {
        let mut reply = Self::default();
        let end = loop {
            if let Some(end) = reply.heard.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(reply.hear(connection), "the connection ended");
        };
        let head = String::from_utf8(reply.heard.drain(..end + 4).collect()).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let lines = head.trim_end().split("\r\n").skip(1);
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        reply.headers = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        reply
    }

    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Reads to the last chunk, or to the end of the connection.
    #[track_caller]
    pub fn read_to_end(&mut self, connection: &mut Connection) {
        while !self.is_whole {
            if !self.take_chunk() && !self.hear(connection) {
                return;
            }
        }
    }

    /// The body, as far as it came.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Takes the next chunk from what came, if all of it is there.
    fn take_chunk(&mut self) -> bool {
        let Some(line_end) = self.heard.windows(2).position(|two| two == b"\r\n") else {
            return false;
        };
        let size = std::str::from_utf8(&self.heard[..line_end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let end = line_end + 2 + size + 2;
        if self.heard.len() < end {
            return false;
        }
        self.body.extend_from_slice(&self.heard[line_end + 2..end - 2]);
        self.heard.drain(..end);
        self.is_whole = size == 0;
        true
    }

    fn hear(&mut self, connection: &mut Connection) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        let count = connection.read_some(&mut buffer);
        self.heard.extend_from_slice(&buffer[..count]);
        count > 0
    }
}
