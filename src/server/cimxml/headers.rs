//! The HTTP headers of CIM-XML (DSP0200, 6): what a request must say, what a reply says, and HTTP errors.

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use crate::cim::{InstancePath, Namespace};
use crate::cimxml::header::percent_decode;
use crate::cimxml::{DecodeError, ObjectName, Operation, Request, RequestMessage};
use crate::server::{HttpReply, ReplyBody, RequestHead};

/// POST with extension headers (RFC 2774, as DSP0200, 6.2.2 uses it).
pub(super) const M_POST: &str = "M-POST";
/// What `Man` names in a request of that method.
const EXTENSION: &str = "http://www.dmtf.org/cim/mapping/http/v1.0";
const MEDIA_TYPES: [&str; 2] = ["application/xml", "text/xml"];

/// What the headers of a request say.
pub(super) struct Headers {
    essence: &'static str,
    charset: Option<String>,
    /// The number before each header in M-POST.
    extension: Option<String>,
    /// `CIMMethod`.
    method: Option<String>,
    /// `CIMObject`.
    object: Option<String>,
}

/// Why a message is refused as a whole.
pub(super) struct Refused {
    status: u16,
    /// What the header `CIMError` says (DSP0200, 6.3.1); HTTP's own errors have none.
    cim_error: Option<&'static str>,
    text: String,
}

impl Headers {
    /// Reads them, as far as that can be done without the body.
    pub(super) fn read(head: &RequestHead) -> Result<Self, Refused> {
        let (essence, charset) = media_type(head)?;
        let extension = extension(head)?;
        let header = |name: &str| match &extension {
            Some(number) => text_of(head, &format!("{number}-{name}")),
            None => text_of(head, name),
        };
        if header("CIMOperation").is_none_or(|operation| !operation.eq_ignore_ascii_case("MethodCall")) {
            let text = "A CIM-XML request has the header CIMOperation: MethodCall.";
            return Err(Refused::bad_request("unsupported-operation", text));
        }
        if let Some(version) = header("CIMProtocolVersion")
            && version != "1"
            && !version.starts_with("1.")
        {
            return Err(Refused::from(&DecodeError::UnsupportedProtocolVersion(
                version.chars().take(20).collect(),
            )));
        }
        let (method, object) = (header("CIMMethod"), header("CIMObject"));
        Ok(Self {
            essence,
            charset,
            extension,
            method: method.map(|method| percent_decode(&method)),
            object: object.map(|object| percent_decode(&object)),
        })
    }

    /// The character set that the request names for its body.
    pub(super) fn charset(&self) -> Option<&str> {
        self.charset.as_deref()
    }

    /// Holds the headers against the body, which must say the same (DSP0200, 6.2.3 to 6.2.6): what stands between
    /// client and server may have judged by them. A message with many requests has no such headers.
    pub(super) fn check(&self, message: &RequestMessage) -> Result<(), Refused> {
        let ([request], false) = (message.requests.as_slice(), message.is_multiple) else {
            return Ok(());
        };
        match &self.method {
            Some(method) if method.eq_ignore_ascii_case(&request.name) => {}
            said => return Err(Refused::mismatch("CIMMethod", said.as_deref(), &request.name)),
        }
        match &self.object {
            Some(object) if is_object(object, request) => Ok(()),
            said => Err(Refused::mismatch(
                "CIMObject",
                said.as_deref(),
                request.namespace.as_str(),
            )),
        }
    }

    /// The reply to a message that was read, however its requests went.
    pub(super) fn reply(&self, body: ReplyBody) -> HttpReply {
        let content_type = match self.essence {
            "text/xml" => "text/xml; charset=\"utf-8\"",
            _ => "application/xml; charset=\"utf-8\"",
        };
        let mut reply = HttpReply::new(200, content_type, "");
        reply.body = body;
        let operation = HeaderValue::from_static("MethodResponse");
        let Some(number) = &self.extension else {
            return reply.with_header(HeaderName::from_static("cimoperation"), operation);
        };
        let name = HeaderName::try_from(format!("{number}-CIMOperation"));
        let man = HeaderValue::try_from(format!("{EXTENSION}; ns={number}"));
        if let (Ok(name), Ok(man)) = (name, man) {
            reply = reply
                .with_header(name, operation)
                .with_header(HeaderName::from_static("man"), man);
        }
        reply.with_header(HeaderName::from_static("ext"), HeaderValue::from_static(""))
    }
}

impl Refused {
    fn bad_request(cim_error: &'static str, text: impl Into<String>) -> Self {
        Self {
            status: 400,
            cim_error: Some(cim_error),
            text: text.into(),
        }
    }

    fn mismatch(header: &str, said: Option<&str>, meant: &str) -> Self {
        let text = match said {
            Some(said) => {
                let said: String = said.chars().take(200).collect();
                format!("The header {header} says `{said}`, the body is about `{meant}`.")
            }
            None => format!("The header {header} is missing; the body is about `{meant}`."),
        };
        Self::bad_request("header-mismatch", text)
    }

    /// The HTTP error; it says what would be right.
    pub(super) fn reply(&self) -> HttpReply {
        let reply = HttpReply::text(self.status, &self.text);
        match self.cim_error {
            Some(error) => reply.with_header(
                HeaderName::from_static("cimerror"),
                HeaderValue::from_static(error),
            ),
            None => reply,
        }
    }
}

impl From<&DecodeError> for Refused {
    fn from(error: &DecodeError) -> Self {
        Self {
            status: error.http_status(),
            cim_error: Some(error.cim_error_header()),
            text: format!("This is no CIM-XML request: {error}."),
        }
    }
}

/// `application/xml` or `text/xml` (DSP0200, 6.4.1), in any case, with a charset or without; or nothing.
fn media_type(head: &RequestHead) -> Result<(&'static str, Option<String>), Refused> {
    let Some(value) = text_of(head, CONTENT_TYPE.as_str()) else {
        return Ok((MEDIA_TYPES[0], None));
    };
    let mut parts = value.split(';').map(str::trim);
    let named = parts.next().unwrap_or_default();
    let known = MEDIA_TYPES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(named));
    let essence = known.ok_or_else(|| Refused {
        status: 415,
        cim_error: None,
        text: "CIM-XML messages have the Content-Type application/xml; charset=\"utf-8\".".to_owned(),
    })?;
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches(['"', '\'']).to_owned())
    });
    Ok((essence, charset))
}

/// The number that M-POST puts before the headers of CIM-XML; `None` for POST.
fn extension(head: &RequestHead) -> Result<Option<String>, Refused> {
    if head.method.as_str() != M_POST {
        return Ok(None);
    }
    let number = head.headers.get_all("man").iter().find_map(|value| {
        let (uri, parameters) = value.to_str().ok()?.split_once(';')?;
        let known = uri.trim().trim_matches('"') == EXTENSION;
        let (name, number) = parameters.split(';').next()?.split_once('=')?;
        let number = number.trim();
        let is_number = !number.is_empty() && number.len() <= 8 && number.bytes().all(|b| b.is_ascii_digit());
        (known && name.trim() == "ns" && is_number).then(|| number.to_owned())
    });
    number.map(Some).ok_or_else(|| Refused {
        status: 510,
        cim_error: None,
        text: format!(
            "M-POST needs the header Man: {EXTENSION}; ns=NN, and NN- before each header of CIM-XML."
        ),
    })
}

fn text_of(head: &RequestHead, name: &str) -> Option<String> {
    let value = head.headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
}

/// Whether `object` names what the request is about: the namespace of an operation, the class or instance of a
/// method call.
fn is_object(object: &str, request: &Request) -> bool {
    let Ok(Operation::Invoke(call)) = &request.operation else {
        // A method call that cannot be read is answered with its own error.
        return request.is_extrinsic || Namespace::new(object) == request.namespace;
    };
    let said = object.parse::<InstancePath>().ok().or_else(|| {
        // Keys that we would write in another way: the class is enough then.
        let class_end = object.find('.')?;
        object.get(..class_end)?.parse().ok()
    });
    let Some(said) = said else { return false };
    let has_keys = !said.keys.is_empty();
    said.namespace
        .as_ref()
        .is_none_or(|namespace| *namespace == request.namespace)
        && said.class_name == *call.object.class_name()
        && match &call.object {
            ObjectName::Instance(path) if has_keys => said.keys.len() == path.keys.len(),
            ObjectName::Instance(_) | ObjectName::Class(_) => true,
        }
}
