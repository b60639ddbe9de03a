//! Credentials for deliveries: `wst:IssuedTokens` (DSP0226, 10.2.5 and annex H).

use super::Fault;
use super::addressing::{Addressing, EndpointReference, is_wsa};
use super::fault::FaultCause;
use super::ns;
use crate::xml::{Reader, Start, Writer};

/// A credential and the endpoint it is for.
#[derive(Clone, PartialEq)]
pub struct IssuedToken {
    /// The credential.
    pub credential: Credential,
    /// `wsp:AppliesTo`: the address it is for; every address of the subscription where there is none.
    pub applies_to: Option<String>,
}

/// What proves who delivers.
#[derive(Clone, PartialEq)]
pub enum Credential {
    /// User name and password, for Basic and Digest.
    UserName {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// The thumbprint of a client certificate that the deliverer has, in hexadecimal.
    CertificateThumbprint(String),
}

/// Never shows a password.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UserName { user, .. } => write!(f, "UserName({user:?})"),
            Self::CertificateThumbprint(thumbprint) => write!(f, "CertificateThumbprint({thumbprint:?})"),
        }
    }
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} for {:?}", self.credential, self.applies_to)
    }
}

const USER_NAME_TOKEN: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#UsernameToken";
const THUMBPRINT_TOKEN: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/token/certificateThumbprint";
/// How many credentials one request may carry.
const MAX_TOKENS: usize = 8;

impl IssuedToken {
    /// Reads `wst:IssuedTokens`.
    pub(super) fn decode_all<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Vec<Self>, Fault> {
        let mut tokens = Vec::new();
        while let Some(child) = reader.child(element)? {
            if child.is(ns::WST.name("RequestSecurityTokenResponse")) {
                if tokens.len() >= MAX_TOKENS {
                    let reason = format!("There are more than {MAX_TOKENS} credentials.");
                    return Err(Fault::new(FaultCause::EncodingLimit, reason));
                }
                tokens.extend(Self::decode(reader, &child)?);
            }
        }
        Ok(tokens)
    }

    fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Option<Self>, Fault> {
        let mut credential = None;
        let mut applies_to = None;
        while let Some(child) = reader.child(element)? {
            if child.is(ns::WST.name("RequestedSecurityToken")) {
                while let Some(token) = reader.child(&child)? {
                    credential = Credential::decode(reader, &token)?.or(credential);
                }
            } else if child.is(ns::WSP.name("AppliesTo")) {
                while let Some(target) = reader.child(&child)? {
                    if is_wsa(&target, "EndpointReference") {
                        applies_to = Some(EndpointReference::decode(reader, &target)?.address);
                    }
                }
            }
        }
        Ok(credential.map(|credential| Self {
            credential,
            applies_to,
        }))
    }

    /// Writes `wst:IssuedTokens`, or nothing where there is none. The prefixes are declared inside.
    pub(super) fn encode_all(tokens: &[Self], w: &mut Writer, addressing: Addressing) {
        if tokens.is_empty() {
            return;
        }
        let root = ns::WST.name("IssuedTokens");
        w.start(root);
        for ns in [ns::WST, ns::WSP, ns::WSSE] {
            w.declare(ns);
        }
        w.attr(super::header::MUST_UNDERSTAND, "true");
        for token in tokens {
            w.element(ns::WST.name("RequestSecurityTokenResponse"), |w| {
                token.encode(w, addressing)
            });
        }
        w.end(root);
    }

    fn encode(&self, w: &mut Writer, addressing: Addressing) {
        let kind = match &self.credential {
            Credential::UserName { .. } => USER_NAME_TOKEN,
            Credential::CertificateThumbprint(_) => THUMBPRINT_TOKEN,
        };
        w.leaf(ns::WST.name("TokenType"), kind);
        w.element(ns::WST.name("RequestedSecurityToken"), |w| {
            match &self.credential {
                Credential::UserName { user, password } => w.element(ns::WSSE.name("UsernameToken"), |w| {
                    w.leaf(ns::WSSE.name("Username"), user);
                    w.leaf(ns::WSSE.name("Password"), password);
                }),
                Credential::CertificateThumbprint(thumbprint) => {
                    w.leaf(ns::WSMAN.name("CertificateThumbprint"), thumbprint);
                }
            }
        });
        if let Some(address) = &self.applies_to {
            let wsa = addressing.ns();
            w.element(ns::WSP.name("AppliesTo"), |w| {
                w.element(wsa.name("EndpointReference"), |w| {
                    w.leaf(wsa.name("Address"), address)
                });
            });
        }
    }
}

impl Credential {
    fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Option<Self>, Fault> {
        if element.is(ns::WSMAN.name("CertificateThumbprint")) {
            let thumbprint = reader.text(element)?.trim().to_owned();
            return Ok(Some(Self::CertificateThumbprint(thumbprint)));
        }
        if !element.is(ns::WSSE.name("UsernameToken")) {
            return Ok(None);
        }
        let (mut user, mut password) = (String::new(), String::new());
        while let Some(child) = reader.child(element)? {
            if child.is(ns::WSSE.name("Username")) {
                user = reader.text(&child)?.into_owned();
            } else if child.is(ns::WSSE.name("Password")) {
                password = reader.text(&child)?.into_owned();
            }
        }
        Ok(Some(Self::UserName { user, password }))
    }
}
