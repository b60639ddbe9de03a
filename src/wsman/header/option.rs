//! `wsman:OptionSet` (DSP0226, 6.4): switches that a service may know.

use crate::wsman::fault::shorten;
use crate::wsman::{Fault, FaultCause, FaultDetail, ns};
use crate::xml::{Content, Ns, Reader, Start, Writer};

/// `wsman:Option` (DSP0226, 6.4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestOption {
    /// The name.
    pub name: String,
    /// The value; empty for a switch.
    pub value: String,
    /// Whether the request must fail where the option is not known.
    pub must_comply: bool,
}

/// Options that are understood, if only to be without effect here.
const KNOWN_OPTIONS: [&str; 3] = [
    "ShowExtensions",
    "IncludeInheritedClasses",
    "WSMAN_CMDSHELL_OPTION_KEEPALIVE",
];
/// How many options one request may have.
const MAX_OPTIONS: usize = 64;

pub(super) fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Vec<RequestOption>, Fault> {
    let mut options = Vec::new();
    while let Some(child) = reader.child(element)? {
        if !child.is(ns::WSMAN.name("Option")) {
            continue;
        }
        let invalid = |reason: String, detail| Fault::new(FaultCause::InvalidOptions, reason).detail(detail);
        let name = child.plain_attribute("Name").unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(invalid(
                "A wsman:Option lacks its Name.".to_owned(),
                FaultDetail::InvalidName,
            ));
        }
        let must_comply = matches!(child.plain_attribute("MustComply"), Some("true" | "1"));
        if must_comply
            && !KNOWN_OPTIONS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&name))
        {
            let reason = format!("The option `{}` is not known here.", shorten(&name));
            return Err(invalid(reason, FaultDetail::NotSupported));
        }
        if options.len() >= MAX_OPTIONS {
            let reason = format!("There are more than {MAX_OPTIONS} options.");
            return Err(Fault::new(FaultCause::EncodingLimit, reason).detail(FaultDetail::OptionLimit));
        }
        options.push(RequestOption {
            name,
            value: match reader.content(&child)? {
                Content::Text(text) => text.into_owned(),
                Content::Element(_) => String::new(),
            },
            must_comply,
        });
    }
    Ok(options)
}

pub(super) fn encode(w: &mut Writer, options: &[RequestOption]) {
    if options.is_empty() {
        return;
    }
    w.element(ns::WSMAN.name("OptionSet"), |w| {
        for option in options {
            w.start(ns::WSMAN.name("Option"));
            w.attr(Ns::NONE.name("Name"), &option.name);
            if option.must_comply {
                w.attr(Ns::NONE.name("MustComply"), "true");
            }
            if !option.value.is_empty() {
                w.text(&option.value);
            }
            w.end(ns::WSMAN.name("Option"));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::sample;

    #[track_caller]
    fn check(headers: &str, expect: Result<(), (FaultCause, Option<FaultDetail>)>) {
        sample::check_request(&sample::get(headers), expect);
    }

    #[test]
    fn an_option_that_must_be_complied_with_must_be_known() {
        use FaultCause as C;
        use FaultDetail as D;
        check("<w:OptionSet s:mustUnderstand='true'/>", Ok(()));
        check(
            "<w:OptionSet><w:Option Name='X'>1</w:Option></w:OptionSet>",
            Ok(()),
        );
        check(
            "<w:OptionSet><w:Option Name='X' MustComply='true'/></w:OptionSet>",
            Err((C::InvalidOptions, Some(D::NotSupported))),
        );
        check(
            "<w:OptionSet><w:Option/></w:OptionSet>",
            Err((C::InvalidOptions, Some(D::InvalidName))),
        );
        let many = "<w:Option Name='X'/>".repeat(MAX_OPTIONS + 1);
        check(
            &format!("<w:OptionSet>{many}</w:OptionSet>"),
            Err((C::EncodingLimit, Some(D::OptionLimit))),
        );
    }
}
