//! One line for each request, under the target `esm::access`. No secret stands in it: no header, no body.

use std::time::Instant;

use hyper::Method;

use crate::net::principal::Principal;
use crate::server::http::{HttpReply, Peer, ReplyBody, RequestHead, RequestId};

/// Collects what is known of a request, if anybody listens. Dropped before its end, it says that the
/// peer went away.
pub(super) struct AccessLog {
    line: Option<Line>,
    started: Instant,
}

struct Line {
    id: RequestId,
    peer: Peer,
    method: Method,
    path: String,
    principal: Option<Principal>,
    received_bytes: usize,
}

impl AccessLog {
    pub(super) fn begin(head: &RequestHead, started: Instant) -> Self {
        let wanted = tracing::enabled!(target: "esm::access", tracing::Level::INFO);
        let line = wanted.then(|| Line {
            id: head.id,
            peer: head.peer,
            method: head.method.clone(),
            path: head.path().to_owned(),
            principal: None,
            received_bytes: 0,
        });
        Self { line, started }
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
        tracing::info!(
            target: "esm::access",
            request = %line.id,
            peer = %line.peer,
            principal = line.principal.as_ref().map_or("-", Principal::name),
            method = %line.method,
            path = line.path,
            status,
            received_bytes = line.received_bytes,
            sent_bytes,
            duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "{}", if status.is_some() { "answered" } else { "abandoned by the peer" }
        );
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.write(None, None);
    }
}
