//! One request on its way: who asks, how it wants to be answered.

use std::net::IpAddr;
use std::sync::Arc;

use super::{WsmanOptions, message_id};
use crate::cim::Namespace;
use crate::provider::{Caller, RequestContext};
use crate::wsman::{DateTimeStyle, Fault, FaultCause, FaultDetail, Headers, ReplyHead, ResourceUri, Style};
use crate::xml::Encoding;

/// What every operation needs to know of its request.
pub(super) struct Exchange {
    pub(super) headers: Headers,
    pub(super) caller: Caller,
    pub(super) datetime: DateTimeStyle,
    pub(super) encoding: Encoding,
    /// The largest reply: what the client asks for, within what the server allows.
    pub(super) max_envelope_bytes: usize,
    /// The address that asks; `None` on the local socket.
    pub(super) from: Option<IpAddr>,
    pub(super) options: Arc<WsmanOptions>,
}

impl Exchange {
    /// The same exchange with the client's own limit on the reply.
    pub(super) fn limited(mut self) -> Self {
        let wanted = self
            .headers
            .max_envelope_size
            .map_or(usize::MAX, |size| usize::try_from(size).unwrap_or(usize::MAX));
        self.max_envelope_bytes = self.max_envelope_bytes.min(wanted);
        self
    }

    /// The headers of the reply.
    pub(super) fn head(&self) -> ReplyHead {
        self.headers.reply(message_id())
    }

    /// How the reply is written.
    pub(super) fn style(&self, resource: &ResourceUri) -> Style {
        Style {
            addressing: self.headers.addressing,
            form: resource.form(),
            datetime: self.datetime,
        }
    }

    /// The context of an operation in `namespace`.
    pub(super) fn context(&self, namespace: Namespace) -> RequestContext {
        RequestContext {
            caller: self.caller.clone(),
            namespace,
            from: self.from,
        }
    }

    /// The resource that the request names.
    pub(super) fn resource(&self) -> Result<ResourceUri, Fault> {
        self.headers.resource(&self.options.vendor_prefixes)
    }

    /// The reply, if it is no larger than it may be.
    pub(super) fn fitting(&self, text: String) -> Result<String, Fault> {
        let wide = matches!(self.encoding, Encoding::Utf16Le | Encoding::Utf16Be);
        let bytes = text.len() * if wide { 2 } else { 1 };
        if bytes <= self.max_envelope_bytes {
            return Ok(text);
        }
        let reason = format!(
            "The reply has {bytes} bytes, more than the {} that wsman:MaxEnvelopeSize or the server allows.",
            self.max_envelope_bytes
        );
        Err(Fault::new(FaultCause::EncodingLimit, reason).detail(FaultDetail::MaxEnvelopeSizeExceeded))
    }
}
