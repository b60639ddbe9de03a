//! Replies to requests that no service saw, or none could answer: each with a text that says what would
//! be right.

use hyper::StatusCode;
use hyper::header::{ALLOW, CONNECTION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

use crate::server::http::HttpReply;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    NotFound,
    WrongMethod { allow: &'static str },
    NoCredential,
    WrongScheme,
    WrongCredential,
    NoLength,
    Encoded,
    BodyTooLarge { limit: usize },
    BodyOverdue,
    BodyBroken,
    Busy,
    TooMuchForOne,
    Panicked,
}

impl Refusal {
    /// The reply; with `close`, one that ends the connection.
    pub(super) fn reply(self, close: bool) -> HttpReply {
        let reply = self.kept_reply();
        if close {
            reply.with_header(CONNECTION, HeaderValue::from_static("close"))
        } else {
            reply
        }
    }

    fn kept_reply(self) -> HttpReply {
        match self {
            Self::NotFound => HttpReply::text(404, "Nothing is served under this path."),
            Self::WrongMethod { allow } => {
                HttpReply::text(405, format_args!("This path serves {allow} only."))
                    .with_header(ALLOW, HeaderValue::from_static(allow))
            }
            Self::NoCredential => challenge("Credentials are needed: send Authorization: Basic."),
            Self::WrongScheme => challenge("Only Basic credentials are taken here."),
            Self::WrongCredential => challenge("The name or the password is wrong."),
            Self::NoLength => HttpReply::text(411, "The request needs a Content-Length or a chunked body."),
            Self::Encoded => HttpReply::text(415, "Send the body without Content-Encoding."),
            Self::BodyTooLarge { limit } => {
                HttpReply::text(413, format_args!("The body may have at most {limit} bytes."))
            }
            Self::BodyOverdue => HttpReply::text(408, "The body did not come in time."),
            Self::BodyBroken => HttpReply::text(400, "The body is malformed or ended early."),
            Self::Busy => later("Too many requests are being worked on: try again soon."),
            Self::TooMuchForOne => later(
                "Too many requests of this caller are being worked on (one gets half of the places at most, and less where others have some): try again soon.",
            ),
            Self::Panicked => {
                HttpReply::text(500, "Answering this request failed; the agent's log says why.")
            }
        }
    }
}

fn later(text: &str) -> HttpReply {
    HttpReply::text(503, text).with_header(RETRY_AFTER, HeaderValue::from_static("1"))
}

fn challenge(text: &str) -> HttpReply {
    HttpReply::text(401, text).with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"esm\""))
}

/// A whole reply to a head that never became a request, after which the connection ends.
pub(super) fn raw_reply(status: StatusCode) -> Vec<u8> {
    let text = match status {
        StatusCode::REQUEST_TIMEOUT => "The head of the request did not come in time.\n",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "The head of the request is too large: it may have 100 lines, and as many bytes as `limits.max_head_bytes` says.\n"
        }
        StatusCode::URI_TOO_LONG => "The path of the request is too long.\n",
        _ => "This is no valid HTTP/1.1 request.\n",
    };
    format!(
        "HTTP/1.1 {} {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        text.len()
    )
    .into_bytes()
}
