//! The values of headers that are one text: URIs, sizes, durations, languages.

use std::time::Duration;

use super::must_understand;
use crate::wsman::fault::shorten;
use crate::wsman::time::parse_duration;
use crate::wsman::{Fault, FaultCause, FaultDetail};
use crate::xml::{Ns, Reader, Start};

/// DSP0226 R6.2-3: a reply needs at least this much room.
const MIN_ENVELOPE_BYTES: u64 = 8192;
/// Longest URI that is taken (DSP0226 R13.1-1 asks for at least 2048).
pub(super) const MAX_URI_BYTES: usize = 2048;

/// A URI that is not too long.
pub(super) fn uri<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<String, Fault> {
    let text = reader.text(element)?;
    let text = text.trim();
    if text.len() > MAX_URI_BYTES {
        let reason = format!("{} is longer than {MAX_URI_BYTES} bytes.", element.local);
        return Err(Fault::new(FaultCause::EncodingLimit, reason).detail(FaultDetail::URILimitExceeded));
    }
    Ok(text.to_owned())
}

/// `wsman:MaxEnvelopeSize`, in bytes.
pub(super) fn envelope_size<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<u64, Fault> {
    let text = reader.text(element)?;
    let size = text
        .trim()
        .parse::<u64>()
        .map_err(|_| Fault::schema("wsman:MaxEnvelopeSize is no number of bytes."))?;
    if size < MIN_ENVELOPE_BYTES {
        let reason =
            format!("wsman:MaxEnvelopeSize is {size}; it must be at least {MIN_ENVELOPE_BYTES} bytes.");
        return Err(Fault::new(FaultCause::EncodingLimit, reason).detail(FaultDetail::MinimumEnvelopeLimit));
    }
    Ok(size)
}

/// `wsman:OperationTimeout`.
pub(super) fn timeout<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Duration, Fault> {
    let text = reader.text(element)?;
    parse_duration(&text).map_err(|reason| {
        Fault::unsupported(
            FaultDetail::OperationTimeout,
            format!("wsman:OperationTimeout is {reason}."),
        )
    })
}

/// The language that is asked for. Texts are English; a client that insists on another learns it here.
pub(super) fn locale(element: &Start<'_>) -> Result<Option<String>, Fault> {
    let lang = element.attribute(Ns::XML.name("lang")).unwrap_or_default();
    let english = lang.is_empty()
        || lang
            .get(..2)
            .is_some_and(|start| start.eq_ignore_ascii_case("en"));
    if must_understand(element) && !english {
        let reason = format!("The language `{}` is not offered; ask for `en`.", shorten(lang));
        return Err(Fault::unsupported(FaultDetail::Locale, reason));
    }
    Ok((!lang.is_empty()).then(|| lang.to_owned()))
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
    fn a_value_that_cannot_be_kept_to_is_refused() {
        use FaultCause as C;
        use FaultDetail as D;
        check(
            "<w:MaxEnvelopeSize s:mustUnderstand='true'>8192</w:MaxEnvelopeSize>",
            Ok(()),
        );
        check(
            "<w:MaxEnvelopeSize>8191</w:MaxEnvelopeSize>",
            Err((C::EncodingLimit, Some(D::MinimumEnvelopeLimit))),
        );
        check(
            "<w:MaxEnvelopeSize>x</w:MaxEnvelopeSize>",
            Err((C::SchemaValidationError, None)),
        );
        check("<w:OperationTimeout>PT5.0S</w:OperationTimeout>", Ok(()));
        check(
            "<w:OperationTimeout>-PT5S</w:OperationTimeout>",
            Err((C::UnsupportedFeature, Some(D::OperationTimeout))),
        );
        check("<w:Locale xml:lang='ja' s:mustUnderstand='false'/>", Ok(()));
        check(
            "<w:Locale xml:lang='ja' s:mustUnderstand='true'/>",
            Err((C::UnsupportedFeature, Some(D::Locale))),
        );
        check("<w:Locale xml:lang='en-GB' s:mustUnderstand='true'/>", Ok(()));
        let long = "x".repeat(3000);
        check(
            &format!("<w:ResourceURI>{long}</w:ResourceURI>"),
            Err((C::EncodingLimit, Some(D::URILimitExceeded))),
        );
    }
}
