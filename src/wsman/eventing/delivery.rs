//! `wse:Delivery` (DSP0226, 10.2): how the events of a subscription are delivered.

use std::time::Duration;

use crate::wsman::addressing::{Addressing, EndpointReference};
use crate::wsman::fault::{FaultExtra, shorten};
use crate::wsman::time::{format_duration, parse_duration};
use crate::wsman::{Fault, FaultCause, FaultDetail, ns};
use crate::xml::{Ns, Reader, Start, Writer};

/// `wse:Delivery`: how events are delivered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delivery {
    /// The mode.
    pub mode: DeliveryMode,
    /// `wse:NotifyTo`; without meaning for [`DeliveryMode::Pull`], where clients send it too.
    pub notify_to: Option<EndpointReference>,
    /// `wsman:Heartbeats`: send a sign of life at least that often.
    pub heartbeats: Option<Duration>,
    /// `wsman:MaxElements` of a batch.
    pub max_elements: Option<u32>,
    /// `wsman:MaxTime`: how long a batch may wait.
    pub max_time: Option<Duration>,
    /// `wsman:MaxEnvelopeSize` of a delivery, in bytes.
    pub max_envelope_size: Option<u64>,
    /// `wsman:ConnectionRetry`.
    pub connection_retry: Option<ConnectionRetry>,
    /// `wsman:Auth`: the security profile to deliver with, as a URI.
    pub auth_profile: Option<String>,
    /// `wsman:ContentEncoding`.
    pub content_encoding: Option<String>,
    /// `wsman:Locale`.
    pub locale: Option<String>,
}

/// How events get from the source to the sink (DSP0226, 10.2.9).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
pub enum DeliveryMode {
    /// One message for each event; a plain 2xx acknowledges it.
    #[default]
    Push,
    /// One message for each event, acknowledged by a message.
    PushWithAck,
    /// Batches, acknowledged by a message.
    Events,
    /// The sink pulls, as from an enumeration.
    Pull,
}

/// `wsman:ConnectionRetry`: how often and how long apart a delivery is tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ConnectionRetry {
    /// How often.
    pub total: u32,
    /// How long apart.
    pub interval: Duration,
}

impl DeliveryMode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Push, Self::PushWithAck, Self::Events, Self::Pull];

    /// The URI on the wire.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Push => "http://schemas.xmlsoap.org/ws/2004/08/eventing/DeliveryModes/Push",
            Self::PushWithAck => "http://schemas.dmtf.org/wbem/wsman/1/wsman/PushWithAck",
            Self::Events => "http://schemas.dmtf.org/wbem/wsman/1/wsman/Events",
            Self::Pull => "http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull",
        }
    }

    fn decode(uri: Option<&str>) -> Result<Self, Fault> {
        let Some(uri) = uri else {
            return Ok(Self::Push);
        };
        Self::ALL
            .into_iter()
            .find(|mode| mode.uri() == uri.trim())
            .ok_or_else(|| {
                let reason = format!("The delivery mode `{}` is not offered.", shorten(uri));
                let modes = Self::ALL.iter().map(|mode| mode.uri()).collect();
                Fault::new(FaultCause::DeliveryModeRequestedUnavailable, reason)
                    .extra(FaultExtra::DeliveryModes(modes))
            })
    }
}

impl Delivery {
    pub(super) fn decode<'a>(&mut self, reader: &mut Reader<'a>, element: &Start<'a>) -> Result<(), Fault> {
        self.mode = DeliveryMode::decode(element.plain_attribute("Mode"))?;
        while let Some(child) = reader.child(element)? {
            self.take(reader, &child)?;
        }
        Ok(())
    }

    /// Takes what stands in `wse:Delivery`, or where clients put it instead.
    pub(super) fn take<'a>(&mut self, reader: &mut Reader<'a>, child: &Start<'a>) -> Result<(), Fault> {
        if child.is(ns::WSE.name("NotifyTo")) {
            self.notify_to = Some(EndpointReference::decode(reader, child)?);
            return Ok(());
        }
        if child.ns != ns::WSMAN.uri {
            return Ok(());
        }
        match child.local {
            "Heartbeats" => self.heartbeats = Some(duration(reader, child, FaultDetail::Heartbeats)?),
            "MaxTime" => self.max_time = Some(duration(reader, child, FaultDetail::MaxTime)?),
            "MaxElements" => self.max_elements = Some(number(reader, child, FaultDetail::MaxElements)?),
            "MaxEnvelopeSize" => {
                self.max_envelope_size = Some(number(reader, child, FaultDetail::MaxEnvelopeSize)?);
            }
            "ConnectionRetry" => {
                let total = child.plain_attribute("Total").map(str::parse).transpose();
                let total = total.map_err(|_| unsupported(FaultDetail::DeliveryRetries, child))?;
                self.connection_retry = Some(ConnectionRetry {
                    total: total.unwrap_or(1),
                    interval: duration(reader, child, FaultDetail::DeliveryRetries)?,
                });
            }
            "Auth" => {
                self.auth_profile = child.plain_attribute("Profile").map(str::to_owned);
                while let Some(stray) = reader.child(child)? {
                    self.take(reader, &stray)?;
                }
            }
            "ContentEncoding" => self.content_encoding = Some(reader.text(child)?.trim().to_owned()),
            "Locale" => self.locale = child.attribute(Ns::XML.name("lang")).map(str::to_owned),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn encode(&self, w: &mut Writer, addressing: Addressing) {
        let root = ns::WSE.name("Delivery");
        w.start(root);
        w.attr(Ns::NONE.name("Mode"), self.mode.uri());
        if let Some(notify_to) = &self.notify_to {
            w.element(ns::WSE.name("NotifyTo"), |w| notify_to.encode(w, addressing));
        }
        if let Some(profile) = &self.auth_profile {
            w.start(ns::WSMAN.name("Auth"));
            w.attr(Ns::NONE.name("Profile"), profile);
            w.end(ns::WSMAN.name("Auth"));
        }
        if let Some(retry) = self.connection_retry {
            w.start(ns::WSMAN.name("ConnectionRetry"));
            w.attr(Ns::NONE.name("Total"), &retry.total.to_string());
            w.text(&format_duration(retry.interval));
            w.end(ns::WSMAN.name("ConnectionRetry"));
        }
        if let Some(heartbeats) = self.heartbeats {
            w.leaf(ns::WSMAN.name("Heartbeats"), &format_duration(heartbeats));
        }
        if let Some(count) = self.max_elements {
            w.element(ns::WSMAN.name("MaxElements"), |w| w.number(count.into()));
        }
        if let Some(time) = self.max_time {
            w.leaf(ns::WSMAN.name("MaxTime"), &format_duration(time));
        }
        if let Some(size) = self.max_envelope_size {
            w.element(ns::WSMAN.name("MaxEnvelopeSize"), |w| w.number(size));
        }
        if let Some(locale) = &self.locale {
            w.start(ns::WSMAN.name("Locale"));
            w.attr(Ns::XML.name("lang"), locale);
            w.end(ns::WSMAN.name("Locale"));
        }
        if let Some(encoding) = &self.content_encoding {
            w.leaf(ns::WSMAN.name("ContentEncoding"), encoding);
        }
        w.end(root);
    }
}

fn unsupported(detail: FaultDetail, element: &Start<'_>) -> Fault {
    Fault::unsupported(
        detail,
        format!("The value of wsman:{} is not valid.", element.local),
    )
}

fn duration<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
    detail: FaultDetail,
) -> Result<Duration, Fault> {
    parse_duration(&reader.text(element)?).map_err(|_| unsupported(detail, element))
}

fn number<'a, T: std::str::FromStr>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
    detail: FaultDetail,
) -> Result<T, Fault> {
    reader
        .text(element)?
        .trim()
        .parse()
        .map_err(|_| unsupported(detail, element))
}
