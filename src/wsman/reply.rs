//! What every message of ours has around its body: the envelope and the headers of a reply.

use std::borrow::Cow;

use super::Fault;
use super::addressing::{Addressing, is_wsa};
use super::header::must_understand;
use super::ns;
use crate::xml::{Limits, Ns, Reader, Start, Writer};

/// The headers of a reply (DSP0226, 5.4).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplyHead {
    /// The version of WS-Addressing of the request.
    pub addressing: Addressing,
    /// `wsa:MessageID` of the reply, as in `uuid:…`.
    pub message_id: String,
    /// `wsa:RelatesTo`: the MessageID of the request.
    pub relates_to: Option<String>,
    /// `wsman:TotalItemsCountEstimate`; `Some(None)` where it was asked for and is not known.
    pub total_items_estimate: Option<Option<u64>>,
    /// `wsman:FragmentTransfer`, echoed where the request had it.
    pub fragment_transfer: Option<String>,
    /// `wsman:RequestedEPR`: the path that `wsman:RequestEPR` asked for, already encoded.
    pub requested_epr: Option<String>,
    /// The header that was not understood: namespace and local part.
    pub not_understood: Option<(String, String)>,
    /// Says which envelope is served, to one that sent another (SOAP 1.2 part 1, 5.4.7).
    pub upgrade: bool,
}

impl ReplyHead {
    /// Writes an envelope with these headers. `extra` are the namespaces that the body uses beyond SOAP,
    /// addressing, WS-Management and XML Schema instance.
    pub fn envelope(
        &self,
        action: &str,
        extra: &[Ns],
        capacity: usize,
        body: impl FnOnce(&mut Writer),
    ) -> String {
        let mut w = Writer::with_capacity(1024 + capacity);
        start_envelope(&mut w, self.addressing, extra);
        self.write_headers(&mut w, action);
        w.element(ns::SOAP.name("Body"), body);
        w.end(ns::SOAP.name("Envelope"));
        w.finish()
    }

    fn write_headers(&self, w: &mut Writer, action: &str) {
        let wsa = self.addressing.ns();
        w.element(ns::SOAP.name("Header"), |w| {
            w.leaf(wsa.name("To"), self.addressing.anonymous());
            w.leaf(wsa.name("Action"), action);
            w.leaf(wsa.name("MessageID"), &self.message_id);
            if let Some(relates_to) = &self.relates_to {
                w.leaf(wsa.name("RelatesTo"), relates_to);
            }
            match self.total_items_estimate {
                None => {}
                Some(None) => {
                    w.start(ns::WSMAN.name("TotalItemsCountEstimate"));
                    w.attr(Ns::XSI.name("nil"), "true");
                    w.end(ns::WSMAN.name("TotalItemsCountEstimate"));
                }
                Some(Some(count)) => {
                    w.element(ns::WSMAN.name("TotalItemsCountEstimate"), |w| w.number(count));
                }
            }
            if let Some(expression) = &self.fragment_transfer {
                w.leaf(ns::WSMAN.name("FragmentTransfer"), expression);
            }
            if let Some(epr) = &self.requested_epr {
                w.element(ns::WSMAN.name("RequestedEPR"), |w| {
                    w.element(wsa.name("EndpointReference"), |w| w.raw(epr));
                });
            }
            if let Some((ns_uri, local)) = &self.not_understood {
                w.start(ns::SOAP.name("NotUnderstood"));
                w.declare_as("h", ns_uri);
                w.attr(Ns::NONE.name("qname"), &format!("h:{local}"));
                w.end(ns::SOAP.name("NotUnderstood"));
            }
            if self.upgrade {
                w.element(ns::SOAP.name("Upgrade"), |w| {
                    w.start(ns::SOAP.name("SupportedEnvelope"));
                    w.attr(Ns::NONE.name("qname"), "s:Envelope");
                    w.end(ns::SOAP.name("SupportedEnvelope"));
                });
            }
        });
    }

    /// Reads the headers of a reply up to its end, and returns them with the action.
    fn decode<'a>(reader: &mut Reader<'a>, header: &Start<'a>) -> Result<(Self, String), Fault> {
        let mut head = Self::default();
        let mut action = String::new();
        while let Some(child) = reader.child(header)? {
            if let Some(version) = Addressing::from_ns(&child.ns) {
                head.addressing = version;
            }
            if is_wsa(&child, "Action") {
                reader.text(&child)?.trim().clone_into(&mut action);
            } else if is_wsa(&child, "MessageID") {
                reader.text(&child)?.trim().clone_into(&mut head.message_id);
            } else if is_wsa(&child, "RelatesTo") {
                head.relates_to = Some(reader.text(&child)?.trim().to_owned());
            } else if child.is(ns::WSMAN.name("TotalItemsCountEstimate")) {
                head.total_items_estimate = Some(reader.text(&child)?.trim().parse().ok());
            } else if must_understand(&child) && !is_known_reply_header(&child) {
                return Err(super::header::not_understood(&child));
            }
        }
        Ok((head, action))
    }
}

fn is_known_reply_header(start: &Start<'_>) -> bool {
    Addressing::from_ns(&start.ns).is_some() || start.ns == ns::WSMAN.uri || start.ns == ns::WSE.uri
}

/// Opens the envelope and declares the namespaces.
pub(super) fn start_envelope(w: &mut Writer, addressing: Addressing, extra: &[Ns]) {
    w.start(ns::SOAP.name("Envelope"));
    for ns in [ns::SOAP, addressing.ns(), ns::WSMAN, Ns::XSI] {
        w.declare(ns);
    }
    for ns in extra {
        if ![ns::SOAP.prefix, ns::WSA.prefix, ns::WSMAN.prefix, Ns::XSI.prefix].contains(&ns.prefix) {
            w.declare(*ns);
        }
    }
}

/// A reply as a client reads it: its headers, and the reader at its body.
pub struct Reply<'a> {
    /// The headers.
    pub head: ReplyHead,
    /// `wsa:Action`.
    pub action: String,
    pub(super) reader: Reader<'a>,
    pub(super) body: Start<'a>,
}

impl<'a> Reply<'a> {
    /// Reads the envelope of a reply. A fault in it comes back as the error.
    pub fn decode(text: &'a str, limits: Limits) -> Result<Self, Fault> {
        let mut reader = Reader::new(text, limits)?;
        let envelope = envelope(&mut reader)?;
        let mut head = ReplyHead::default();
        let mut action = String::new();
        while let Some(part) = reader.child(&envelope)? {
            if part.is(ns::SOAP.name("Header")) {
                (head, action) = ReplyHead::decode(&mut reader, &part)?;
            } else if part.is(ns::SOAP.name("Body")) {
                return Ok(Self {
                    head,
                    action,
                    reader,
                    body: part,
                });
            }
        }
        Err(Fault::schema("The envelope has no s:Body."))
    }

    /// The first element of the body; a fault comes back as the error.
    pub(super) fn first(&mut self) -> Result<Start<'a>, Fault> {
        let first = self
            .reader
            .child(&self.body)?
            .ok_or_else(|| Fault::schema("The body of the reply is empty."))?;
        if first.is(ns::SOAP.name("Fault")) {
            return Err(super::fault::decode(&mut self.reader, &first)?);
        }
        Ok(first)
    }

    /// Whether the body holds nothing at all.
    pub fn is_empty(mut self) -> bool {
        matches!(self.reader.child(&self.body), Ok(None))
    }

    /// Makes sure that the reply is no fault and reads to its end.
    pub fn empty(mut self) -> Result<ReplyHead, Fault> {
        if let Some(first) = self.reader.child(&self.body)?
            && first.is(ns::SOAP.name("Fault"))
        {
            return Err(super::fault::decode(&mut self.reader, &first)?);
        }
        self.reader.finish()?;
        Ok(self.head)
    }
}

/// The root element, which must be an envelope of SOAP 1.2.
pub(super) fn envelope<'a>(reader: &mut Reader<'a>) -> Result<Start<'a>, Fault> {
    let root = reader.root()?;
    if root.is(ns::SOAP.name("Envelope")) {
        return Ok(root);
    }
    if root.local == "Envelope" {
        let found = if root.ns == ns::SOAP_11 {
            Cow::Borrowed("SOAP 1.1")
        } else {
            root.ns
        };
        let reason = format!(
            "The envelope is of `{found}`; send SOAP 1.2, namespace {}.",
            ns::SOAP.uri
        );
        return Err(Fault::new(super::FaultCause::VersionMismatch, reason));
    }
    Err(Fault::schema(format!(
        "The root element is `{}`; it must be s:Envelope.",
        root.local
    )))
}
