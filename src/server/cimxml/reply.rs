//! The reply to one message in the making: its answers one after the other, and of a large one no more than fits
//! a chunk.

use std::sync::Arc;

use super::listing::Listing;
use super::{Exchange, OpenEnumeration, Outcome, STREAM_FROM};
use crate::cim::CimError;
use crate::cimxml::{Operation, RequestMessage, ResponseWriter};
use crate::clock::SharedClock;
use crate::provider::Caller;
use crate::server::enumerations::Taken;
use crate::server::work::Work;

/// The reply cannot be finished, and a part of it is with the client: the connection is to be cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut;

/// The reply to one message, as far as it is made.
pub(super) struct Reply {
    exchange: Arc<Exchange>,
    message: Arc<RequestMessage>,
    response: ResponseWriter,
    /// The number of requests whose answer was begun.
    begun: usize,
    /// The items that are left of the answer last begun.
    listing: Option<Listing>,
    /// The enumeration that the last request pulled from.
    pulled: Option<Taken<OpenEnumeration>>,
    /// Bytes that were taken.
    taken: usize,
}

impl Reply {
    /// Nothing is answered yet.
    pub(super) fn new(exchange: Arc<Exchange>, message: Arc<RequestMessage>) -> Self {
        let response = ResponseWriter::new(&message, &exchange.options.server_name);
        Self {
            exchange,
            message,
            response,
            begun: 0,
            listing: None,
            pulled: None,
            taken: 0,
        }
    }

    /// What answering it does.
    pub(super) fn kind(&self) -> Work {
        let changes = |operation: &Operation| {
            matches!(
                operation,
                Operation::CreateInstance { .. }
                    | Operation::ModifyInstance { .. }
                    | Operation::DeleteInstance { .. }
                    | Operation::SetProperty { .. }
                    | Operation::Invoke(_)
            )
        };
        let mut requests = self.message.requests.iter();
        if requests.any(|request| request.operation.as_ref().is_ok_and(changes)) {
            Work::Changes
        } else {
            Work::Reads
        }
    }

    /// Whether all requests are answered.
    pub(super) fn is_done(&self) -> bool {
        self.listing.is_none() && self.begun == self.message.requests.len()
    }

    /// Writes until there are `enough` bytes to take, or all is answered.
    pub(super) fn go_on(&mut self, enough: usize) -> Result<(), Cut> {
        loop {
            match self.listing.take() {
                Some(listing) => self.list(listing, enough)?,
                None if self.is_done() => return Ok(()),
                None => self.begin_next(),
            }
            if self.response.len() >= enough {
                return Ok(());
            }
        }
    }

    /// What was written since the last time.
    pub(super) fn take(&mut self) -> String {
        self.taken += self.response.len();
        self.response.take()
    }

    /// The rest of the reply, and the enumeration to put back once it is sure to be sent.
    pub(super) fn finish(self) -> (String, Option<Taken<OpenEnumeration>>) {
        (self.response.finish(), self.pulled)
    }

    /// Whom it answers.
    pub(super) fn caller(&self) -> Caller {
        self.exchange.caller.clone()
    }

    pub(super) fn clock(&self) -> SharedClock {
        Arc::clone(&self.exchange.shared.clock)
    }

    /// Begins the answer to the next request, and ends it too unless it is a listing.
    fn begin_next(&mut self) {
        // The next request may go on with it.
        if let Some(pulled) = self.pulled.take() {
            pulled.put_back(self.exchange.shared.clock.boot());
        }
        let message = Arc::clone(&self.message);
        let Some(request) = message.requests.get(self.begun) else {
            return;
        };
        self.begun += 1;
        let answered = match &request.operation {
            Ok(operation) => self.exchange.answer(request, operation, &mut self.response),
            Err(error) => Err(error.clone()),
        };
        match answered {
            Ok(Outcome::Answered) => {}
            Ok(Outcome::Pulled(taken)) => self.pulled = Some(taken),
            Ok(Outcome::Listing(mut listing)) => {
                listing.begin_at(self.taken + self.response.len());
                self.response.begin(request);
                self.listing = Some(listing);
            }
            Err(error) => {
                tracing::debug!(%error, operation = request.name, "request failed");
                self.response.error(request, &error);
            }
        }
    }

    /// Writes items until there are `enough` bytes, or there are no more.
    ///
    /// An answer that does not fit is an error as long as none of it was sent. Whether it will is estimated when
    /// the first chunk is full; were the estimate wrong, the connection is cut.
    fn list(&mut self, mut listing: Listing, enough: usize) -> Result<(), Cut> {
        loop {
            match listing.write_next(&mut self.response) {
                Ok(true) => {}
                Ok(false) => {
                    self.response.end();
                    return Ok(());
                }
                Err(error) => return self.fail(&error),
            }
            let (length, limit) = (self.response.len(), self.exchange.options.max_reply_bytes);
            if self.taken + length > limit {
                return self.fail(&too_large(limit));
            }
            if length >= enough {
                if length >= STREAM_FROM {
                    match listing.expected_end(self.taken + length) {
                        Ok(end) if end > limit as u64 => return self.fail(&too_large(limit)),
                        Ok(_) => {}
                        Err(error) => return self.fail(&error),
                    }
                }
                self.listing = Some(listing);
                return Ok(());
            }
        }
    }

    /// Makes the answer an error, unless a part of it was taken.
    fn fail(&mut self, error: &CimError) -> Result<(), Cut> {
        tracing::debug!(%error, "a listing failed");
        if self.response.replace_with_error(error) {
            return Ok(());
        }
        tracing::warn!(%error, "an answer failed after a part of it was sent");
        Err(Cut)
    }
}

fn too_large(limit: usize) -> CimError {
    CimError::failed(format!(
        "the answer is larger than the {limit} bytes that this server sends at once (`cimxml.max_reply_bytes`): \
         use the pulled operations (OpenEnumerateInstances, OpenAssociatorInstances, OpenReferenceInstances, \
         OpenQueryInstances and the like, with PullInstancesWithPath, PullInstancePaths, PullInstances)"
    ))
}
