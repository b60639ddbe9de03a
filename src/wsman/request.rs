//! Requests: headers and, by the action, the body.

use super::addressing::Addressing;
use super::binding::{DateTimeStyle, Style};
use super::enumeration::{Enumerate, Pull, Release};
use super::eventing::{Renew, Subscribe};
use super::fault::FaultExtra;
use super::header::Headers;
use super::ns::{self, action};
use super::raw::RawInstance;
use super::reply::{ReplyHead, envelope, start_envelope};
use super::resource_uri::ResourceUri;
use super::transfer::Representation;
use super::{Fault, FaultDetail};
use crate::xml::{Limits, Ns, Reader, Start, Writer};

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its headers.
    pub headers: Headers,
    /// What it asks for.
    pub body: Body,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// `wsmid:Identify`; it has no headers.
    Identify,
    /// WS-Transfer Get.
    Get,
    /// WS-Transfer Put.
    Put(Representation),
    /// WS-Transfer Create.
    Create(Representation),
    /// WS-Transfer Delete.
    Delete,
    /// WS-Enumeration Enumerate.
    Enumerate(Enumerate),
    /// WS-Enumeration Pull.
    Pull(Pull),
    /// WS-Enumeration Release.
    Release(Release),
    /// WS-Eventing Subscribe.
    Subscribe(Box<Subscribe>),
    /// WS-Eventing Renew; the header Identifier names the subscription.
    Renew(Renew),
    /// WS-Eventing GetStatus.
    GetStatus,
    /// WS-Eventing Unsubscribe.
    Unsubscribe,
    /// An acknowledgement of events that were pulled or delivered.
    Ack,
    /// A method of the class that the resource URI names.
    Invoke(Invoke),
    /// An action that nothing here knows; the headers say which.
    Unknown,
}

/// A method call (DSP0230, 9): the action is the resource URI, a slash and the method.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invoke {
    /// The method, in the case the client wrote it.
    pub method: String,
    /// Its arguments, without types.
    pub arguments: RawInstance,
}

/// A request that is refused before anyone sees it, and what the fault relates to.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Why.
    pub fault: Fault,
    /// The headers as far as they were read.
    pub headers: Headers,
}

impl Request {
    /// Reads a request.
    pub fn decode(text: &str, limits: Limits) -> Result<Self, Box<Refused>> {
        let mut headers = Headers::default();
        match Self::decode_parts(text, limits, &mut headers) {
            Ok(body) => Ok(Self { headers, body }),
            Err(fault) => Err(Box::new(Refused { fault, headers })),
        }
    }

    fn decode_parts(text: &str, limits: Limits, headers: &mut Headers) -> Result<Body, Fault> {
        let mut reader = Reader::new(text, limits)?;
        let envelope = envelope(&mut reader)?;
        let mut header = Ok(());
        let body = Self::decode_content(&mut reader, &envelope, headers, &mut header);
        // Trouble in the header comes first: what is found wrong after it may follow from it.
        header.and(body)
    }

    fn decode_content<'a>(
        reader: &mut Reader<'a>,
        envelope: &Start<'a>,
        headers: &mut Headers,
        header: &mut Result<(), Fault>,
    ) -> Result<Body, Fault> {
        let mut result = None;
        while let Some(part) = reader.child(envelope)? {
            if part.is(ns::SOAP.name("Header")) {
                *header = headers.decode(reader, &part);
            } else if part.is(ns::SOAP.name("Body")) && result.is_none() {
                header.clone()?;
                result = Some(Body::decode(reader, &part, headers)?);
            } else {
                return Err(Fault::schema(format!(
                    "The envelope holds `{}` where s:Header and one s:Body belong.",
                    part.local
                )));
            }
        }
        reader.finish()?;
        let body = result.ok_or_else(|| Fault::schema("The envelope has no s:Body."))?;
        if body != Body::Identify {
            headers.check_required()?;
        }
        Ok(body)
    }

    /// Writes the request, as our own client sends it.
    pub fn encode(&self) -> String {
        if self.body == Body::Identify {
            return super::identify::encode_request();
        }
        let mut w = Writer::with_capacity(2048);
        start_envelope(&mut w, self.headers.addressing, self.body.namespaces());
        self.headers.encode(&mut w, |_| {});
        w.element(ns::SOAP.name("Body"), |w| {
            self.body.encode(w, self.headers.addressing)
        });
        w.end(ns::SOAP.name("Envelope"));
        w.finish()
    }

    /// How the client wants to be answered.
    pub fn style(&self, resource: &ResourceUri, user_agent: Option<&str>) -> Style {
        Style {
            addressing: self.headers.addressing,
            form: resource.form(),
            datetime: DateTimeStyle::for_user_agent(user_agent),
        }
    }
}

impl Refused {
    /// The reply.
    pub fn encode(&self, message_id: String) -> String {
        self.fault.encode(&self.headers.reply(message_id))
    }

    /// The headers of the reply.
    pub fn head(&self, message_id: String) -> ReplyHead {
        self.headers.reply(message_id)
    }
}

impl Body {
    fn decode<'a>(reader: &mut Reader<'a>, body: &Start<'a>, headers: &Headers) -> Result<Self, Fault> {
        let first = reader.child(body)?;
        if first
            .as_ref()
            .is_some_and(|first| first.is(ns::WSMID.name("Identify")))
        {
            return Ok(Self::Identify);
        }
        let element = |name| {
            first
                .as_ref()
                .filter(|first| first.is(name))
                .ok_or_else(|| Fault::schema(format!("The body must hold {name}.")))
        };
        let representation = || {
            first
                .as_ref()
                .ok_or_else(|| Fault::schema("The body must hold an instance."))
        };
        let decoded = match headers.action.as_str() {
            action::GET => Self::Get,
            action::DELETE => Self::Delete,
            action::PUT => Self::Put(Representation::decode(reader, representation()?)?),
            action::CREATE => Self::Create(Representation::decode(reader, representation()?)?),
            action::ENUMERATE => {
                Self::Enumerate(Enumerate::decode(reader, element(ns::WSEN.name("Enumerate"))?)?)
            }
            action::PULL => Self::Pull(Pull::decode(reader, element(ns::WSEN.name("Pull"))?)?),
            action::RELEASE => Self::Release(Release::decode(reader, element(ns::WSEN.name("Release"))?)?),
            action::SUBSCRIBE => {
                let element = element(ns::WSE.name("Subscribe"))?;
                Self::Subscribe(Box::new(Subscribe::decode(reader, element)?))
            }
            action::RENEW => Self::Renew(Renew::decode(reader, element(ns::WSE.name("Renew"))?)?),
            action::GET_STATUS => Self::GetStatus,
            action::UNSUBSCRIBE => Self::Unsubscribe,
            action::ACK | action::ACK_MISSPELT => Self::Ack,
            other => match method_of(other, headers.resource_uri.as_deref()) {
                Some(method) => Self::Invoke(Invoke::decode(reader, first.as_ref(), method)?),
                None => Self::Unknown,
            },
        };
        if reader.child(body)?.is_some() {
            return Err(Fault::schema("The body holds more than one element."));
        }
        Ok(decoded)
    }

    /// The namespaces that the body uses beyond those of every envelope.
    fn namespaces(&self) -> &'static [Ns] {
        match self {
            Self::Enumerate(_) | Self::Pull(_) | Self::Release(_) => &[ns::WSEN],
            Self::Subscribe(_) | Self::Renew(_) | Self::GetStatus | Self::Unsubscribe => &[ns::WSE],
            _ => &[],
        }
    }

    fn encode(&self, w: &mut Writer, addressing: Addressing) {
        match self {
            Self::Identify | Self::Get | Self::Delete | Self::Ack | Self::Unknown => {}
            Self::Put(body) | Self::Create(body) => body.encode(w, addressing),
            Self::Enumerate(body) => body.encode(w, addressing),
            Self::Pull(body) => body.encode(w),
            Self::Release(body) => body.encode(w),
            Self::Subscribe(body) => body.encode(w, addressing),
            Self::Renew(body) => body.encode(w),
            Self::GetStatus => w.empty(ns::WSE.name("GetStatus")),
            Self::Unsubscribe => w.empty(ns::WSE.name("Unsubscribe")),
            Self::Invoke(body) => body.arguments.encode(w, addressing),
        }
    }
}

/// The method that an action names: what follows the resource URI.
fn method_of<'h>(action: &'h str, resource_uri: Option<&str>) -> Option<&'h str> {
    let uri = resource_uri?;
    let (head, rest) = action.split_at_checked(uri.len())?;
    let method = rest.strip_prefix('/')?;
    (head.eq_ignore_ascii_case(uri) && !method.is_empty() && !method.contains('/')).then_some(method)
}

impl Invoke {
    fn decode<'a>(reader: &mut Reader<'a>, element: Option<&Start<'a>>, method: &str) -> Result<Self, Fault> {
        let mut call = Self {
            method: method.to_owned(),
            arguments: RawInstance::default(),
        };
        if let Some(element) = element {
            let named = element.local.strip_suffix("_INPUT").unwrap_or_default();
            if !named.eq_ignore_ascii_case(method) {
                let reason = format!(
                    "The action calls `{}`, but the body holds `{}`; it must be {}_INPUT.",
                    super::fault::shorten(method),
                    super::fault::shorten(element.local),
                    super::fault::shorten(method)
                );
                return Err(Fault::new(super::FaultCause::ActionNotSupported, reason)
                    .detail(FaultDetail::ActionMismatch)
                    .extra(FaultExtra::Action(super::fault::shorten(method))));
            }
            call.arguments = RawInstance::decode(reader, element)?;
        }
        Ok(call)
    }

    /// A call of `method` of the class whose URI is `class_uri`.
    pub fn new(class_uri: &str, method: &str) -> Self {
        Self {
            method: method.to_owned(),
            arguments: RawInstance {
                class_name: format!("{method}_INPUT"),
                ns: class_uri.to_owned(),
                properties: Vec::new(),
            },
        }
    }
}
