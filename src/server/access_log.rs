//! One line for each request, under the target `esm::access`. No secret stands in it: no header, no body.
//!
//! Of the requests of unknown callers, a few of each source and second have lines; the rest is counted in one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;

use crate::net::principal::Principal;
use crate::server::http::{HttpReply, Peer, ReplyBody, RequestHead, RequestId};
use crate::server::registry::Source;
use crate::server::tally::Tally;

/// Requests of unknown callers that have lines of their own, of each source and second.
const STRANGERS_LINES: u32 = 20;
/// What a line shows of a path, in bytes; paths that are served are shorter.
const SHOWN_PATH: usize = 200;
/// The same of a method.
const SHOWN_METHOD: usize = 16;

/// Counts the requests of unknown callers that have no lines.
pub(super) fn strangers() -> Arc<Tally> {
    Tally::new(Duration::from_secs(1), STRANGERS_LINES, |culprit, more| {
        tracing::info!(
            target: "esm::access",
            requests = more,
            from = %culprit,
            "more requests without a login"
        );
    })
}

/// Collects what is known of a request, if anybody listens. Dropped before its end, it says that the
/// peer went away.
pub(super) struct AccessLog<'a> {
    line: Option<Line>,
    started: Instant,
    strangers: &'a Arc<Tally>,
}

struct Line {
    id: RequestId,
    peer: Peer,
    source: Source,
    method: Method,
    /// Its beginning, if it is long.
    path: String,
    principal: Option<Principal>,
    received_bytes: usize,
}

impl<'a> AccessLog<'a> {
    pub(super) fn begin(
        head: &RequestHead,
        source: Source,
        started: Instant,
        strangers: &'a Arc<Tally>,
    ) -> Self {
        let wanted = tracing::enabled!(target: "esm::access", tracing::Level::INFO);
        let line = wanted.then(|| Line {
            id: head.id,
            peer: head.peer,
            source,
            method: head.method.clone(),
            path: beginning(head.path(), SHOWN_PATH).to_owned(),
            principal: None,
            received_bytes: 0,
        });
        Self {
            line,
            started,
            strangers,
        }
    }

    pub(super) fn note_principal(&mut self, principal: Option<&Principal>) {
        if let Some(line) = &mut self.line {
            line.principal = principal.cloned();
        }
    }

    pub(super) fn note_received(&mut self, bytes: usize) {
        if let Some(line) = &mut self.line {
            line.received_bytes = bytes;
        }
    }

    pub(super) fn end(mut self, reply: &HttpReply) {
        let sent_bytes = match &reply.body {
            ReplyBody::Full(bytes) => Some(bytes.len()),
            ReplyBody::Stream(_) => None,
        };
        self.write(Some(reply.status), sent_bytes);
    }

    fn write(&mut self, status: Option<u16>, sent_bytes: Option<usize>) {
        let Some(line) = self.line.take() else { return };
        if line.principal.is_none() && !self.strangers.note(line.source) {
            return;
        }
        tracing::info!(
            target: "esm::access",
            request = %line.id,
            peer = %line.peer,
            principal = line.principal.as_ref().map_or("-", Principal::name),
            method = %beginning(line.method.as_str(), SHOWN_METHOD),
            path = line.path,
            status,
            received_bytes = line.received_bytes,
            sent_bytes,
            duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "{}", if status.is_some() { "answered" } else { "abandoned by the peer" }
        );
    }
}

impl Drop for AccessLog<'_> {
    fn drop(&mut self) {
        self.write(None, None);
    }
}

fn beginning(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    // Not within a character.
    (0..=bytes)
        .rev()
        .find_map(|end| text.get(..end))
        .unwrap_or_default()
}
