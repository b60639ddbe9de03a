//! How a fault looks on the wire, and how one is read.

use super::cause::DETAIL_PREFIX;
use super::{Fault, FaultCause, FaultCode, FaultDetail, FaultExtra};
use crate::cim::CimStatus;
use crate::wsman::ReplyHead;
use crate::wsman::addressing::Addressing;
use crate::wsman::ns::{self, action};
use crate::xml::{Ns, Reader, Start, Writer, XmlError};

impl Fault {
    /// The action of the reply.
    fn action(&self, addressing: Addressing) -> &'static str {
        match (self.cause.action(), addressing) {
            (action::FAULT_WSA, Addressing::V10) => action::FAULT_WSA_10,
            (action, _) => action,
        }
    }

    /// Writes the reply.
    pub fn encode(&self, head: &ReplyHead) -> String {
        let action = self.action(head.addressing);
        let mut head = head.clone();
        if let FaultExtra::NotUnderstood(ns, local) = &self.extra {
            head.not_understood = Some((ns.clone(), local.clone()));
        }
        head.upgrade = self.cause == FaultCause::VersionMismatch;
        head.envelope(action, &[self.cause.ns()], 2048, |writer| self.write_body(writer))
    }

    fn write_body(&self, writer: &mut Writer) {
        const VALUE: crate::xml::Name = ns::SOAP.name("Value");
        let code = self.cause.code();
        writer.element(ns::SOAP.name("Fault"), |w| {
            w.element(ns::SOAP.name("Code"), |w| {
                w.leaf(VALUE, &format!("s:{}", code.as_str()));
                if matches!(code, FaultCode::Sender | FaultCode::Receiver) {
                    w.element(ns::SOAP.name("Subcode"), |w| w.leaf(VALUE, &self.cause.subcode()));
                }
            });
            w.element(ns::SOAP.name("Reason"), |w| {
                w.start(ns::SOAP.name("Text"));
                w.attr(Ns::XML.name("lang"), "en-US");
                w.text(&self.reason);
                w.end(ns::SOAP.name("Text"));
            });
            if self.detail.is_some() || self.cim_status.is_some() || self.extra.has_detail() {
                w.element(ns::SOAP.name("Detail"), |w| self.write_detail(w));
            }
        });
    }

    fn write_detail(&self, w: &mut Writer) {
        if let Some(detail) = self.detail {
            w.leaf(
                ns::WSMAN.name("FaultDetail"),
                &format!("{DETAIL_PREFIX}{}", detail.as_str()),
            );
        }
        match &self.extra {
            FaultExtra::None | FaultExtra::NotUnderstood(..) => {}
            FaultExtra::Header(header) => w.leaf(ns::WSA.name("ProblemHeaderQName"), header),
            FaultExtra::Action(action) => w.leaf(ns::WSA.name("Action"), action),
            FaultExtra::Resource(uri) => w.leaf(ns::WSMAN.name("ResourceURI"), uri),
            FaultExtra::DeliveryModes(modes) => {
                for mode in modes {
                    w.leaf(ns::WSE.name("SupportedDeliveryMode"), mode);
                }
            }
            FaultExtra::Dialects(dialects) => {
                for dialect in dialects {
                    w.leaf(self.cause.ns().name("SupportedDialect"), dialect);
                }
            }
        }
        if let Some(status) = self.cim_status {
            write_omi_error(w, status, &self.reason);
        }
    }
}

impl FaultExtra {
    const fn has_detail(&self) -> bool {
        matches!(
            self,
            Self::Action(_)
                | Self::Header(_)
                | Self::Resource(_)
                | Self::DeliveryModes(_)
                | Self::Dialects(_)
        )
    }
}

/// The CIM error beside the standard's detail, in the form that clients built on libmi read: they look for
/// this class name, the marking attribute, and the status behind `OMI:MI_Result:`, whose numbers are those
/// of CIM up to 28.
fn write_omi_error(w: &mut Writer, status: CimStatus, message: &str) {
    const CLASS: &str = "OMI_Error";
    const P: Ns = Ns::new("p", "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/OMI_Error");
    let root = P.name(CLASS);
    let typed = |w: &mut Writer, local: &'static str, ty: &str, text: &str| {
        w.start(P.name(local));
        w.attr(Ns::XSI.name("type"), ty);
        w.text(text);
        w.end(P.name(local));
    };
    const STRING: &str = "cim:cimString";
    const NUMBER: &str = "cim:cimUnsignedInt";
    let code = status.code().to_string();
    w.start(root);
    w.declare(P);
    w.declare(ns::WSMB);
    w.declare(ns::CIM);
    w.attr(ns::WSMB.name("IsCIM_Error"), "true");
    typed(w, "OwningEntity", STRING, "OMI:CIMOM");
    typed(w, "MessageID", STRING, &format!("OMI:MI_Result:{code}"));
    typed(w, "Message", STRING, message);
    typed(w, "PerceivedSeverity", NUMBER, "7");
    typed(w, "ProbableCause", NUMBER, "0");
    typed(w, "CIMStatusCode", NUMBER, &code);
    typed(w, "CIMStatusCodeDescription", STRING, status.symbol());
    typed(w, "OMI_Code", NUMBER, &code);
    typed(w, "OMI_Category", NUMBER, category(status));
    typed(w, "OMI_Type", STRING, "MI");
    typed(w, "OMI_ErrorMessage", STRING, message);
    w.end(root);
}

/// The category that libmi and PowerShell show for a status.
const fn category(status: CimStatus) -> &'static str {
    match status {
        CimStatus::AccessDenied => "18",
        CimStatus::NotFound | CimStatus::InvalidNamespace | CimStatus::MethodNotFound => "13",
        CimStatus::InvalidParameter | CimStatus::InvalidQuery | CimStatus::TypeMismatch => "5",
        CimStatus::NotSupported | CimStatus::QueryLanguageNotSupported => "11",
        CimStatus::AlreadyExists => "20",
        _ => "0",
    }
}

/// Reads the `s:Fault` of a reply. One whose subcode is not known comes back as an internal error of the
/// peer with its reason.
pub(in crate::wsman) fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Fault, XmlError> {
    let mut fault = Fault::new(FaultCause::InternalError, "");
    while let Some(child) = reader.child(element)? {
        if child.is(ns::SOAP.name("Code")) {
            fault.cause = decode_cause(reader, &child)?;
        } else if child.is(ns::SOAP.name("Reason")) {
            if let Some(text) = reader.child(&child)? {
                fault.reason = reader.text(&text)?.trim().to_owned();
            }
        } else if child.is(ns::SOAP.name("Detail")) {
            decode_detail(reader, &child, &mut fault)?;
        }
    }
    Ok(fault)
}

fn decode_cause<'a>(reader: &mut Reader<'a>, code: &Start<'a>) -> Result<FaultCause, XmlError> {
    let mut cause = FaultCause::InternalError;
    while let Some(child) = reader.child(code)? {
        if child.is(ns::SOAP.name("Value")) {
            let text = reader.text(&child)?;
            match text.rsplit(':').next().unwrap_or_default().trim() {
                "MustUnderstand" => cause = FaultCause::MustUnderstand,
                "VersionMismatch" => cause = FaultCause::VersionMismatch,
                _ => {}
            }
        } else if child.is(ns::SOAP.name("Subcode"))
            && let Some(value) = reader.child(&child)?
        {
            let text = reader.text(&value)?;
            let (uri, local) = reader.resolve_qname(&text)?;
            cause = FaultCause::from_subcode(&uri, local).unwrap_or(cause);
        }
    }
    Ok(cause)
}

fn decode_detail<'a>(reader: &mut Reader<'a>, detail: &Start<'a>, fault: &mut Fault) -> Result<(), XmlError> {
    while let Some(child) = reader.child(detail)? {
        if child.is(ns::WSMAN.name("FaultDetail")) {
            fault.detail = FaultDetail::from_uri(&reader.text(&child)?);
        } else if child.attribute(ns::WSMB.name("IsCIM_Error")) == Some("true") {
            while let Some(property) = reader.child(&child)? {
                if property.local == "CIMStatusCode" {
                    let code = reader.text(&property)?.trim().parse().ok();
                    fault.cim_status = code.and_then(CimStatus::from_code);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::CimError;
    use crate::wsman::{Reply, sample};
    use crate::xml::Limits;

    fn read(xml: &str) -> Fault {
        Reply::decode(xml, Limits::default())
            .and_then(Reply::empty)
            .unwrap_err()
    }

    #[test]
    fn a_fault_says_what_why_and_what_to_mend() {
        let fault = Fault::new(FaultCause::InvalidSelectors, "The selector `X` is no key.")
            .detail(FaultDetail::UnexpectedSelectors);
        let xml = fault.encode(&sample::head());
        insta::assert_snapshot!(sample::pretty(&xml), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <s:Header>
    <wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
    <wsa:Action>http://schemas.dmtf.org/wbem/wsman/1/wsman/fault</wsa:Action>
    <wsa:MessageID>uuid:reply</wsa:MessageID>
    <wsa:RelatesTo>uuid:request</wsa:RelatesTo>
  </s:Header>
  <s:Body>
    <s:Fault>
      <s:Code>
        <s:Value>s:Sender</s:Value>
        <s:Subcode>
          <s:Value>wsman:InvalidSelectors</s:Value>
        </s:Subcode>
      </s:Code>
      <s:Reason>
        <s:Text xml:lang="en-US">The selector `X` is no key.</s:Text>
      </s:Reason>
      <s:Detail>
        <wsman:FaultDetail>http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/UnexpectedSelectors</wsman:FaultDetail>
      </s:Detail>
    </s:Fault>
  </s:Body>
</s:Envelope>
"#);
        assert_eq!(read(&xml), fault);
    }

    #[test]
    fn a_cim_error_is_told_in_the_form_that_libmi_reads() {
        let fault = Fault::from(CimError::not_found("There is no such instance."));
        let xml = fault.encode(&sample::head());
        insta::assert_snapshot!(sample::body(&xml), @r#"
<s:Fault>
  <s:Code>
    <s:Value>s:Sender</s:Value>
    <s:Subcode>
      <s:Value>wsa:DestinationUnreachable</s:Value>
    </s:Subcode>
  </s:Code>
  <s:Reason>
    <s:Text xml:lang="en-US">There is no such instance.</s:Text>
  </s:Reason>
  <s:Detail>
    <p:OMI_Error xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/OMI_Error" xmlns:wsmb="http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd" xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" wsmb:IsCIM_Error="true">
      <p:OwningEntity xsi:type="cim:cimString">OMI:CIMOM</p:OwningEntity>
      <p:MessageID xsi:type="cim:cimString">OMI:MI_Result:6</p:MessageID>
      <p:Message xsi:type="cim:cimString">There is no such instance.</p:Message>
      <p:PerceivedSeverity xsi:type="cim:cimUnsignedInt">7</p:PerceivedSeverity>
      <p:ProbableCause xsi:type="cim:cimUnsignedInt">0</p:ProbableCause>
      <p:CIMStatusCode xsi:type="cim:cimUnsignedInt">6</p:CIMStatusCode>
      <p:CIMStatusCodeDescription xsi:type="cim:cimString">CIM_ERR_NOT_FOUND</p:CIMStatusCodeDescription>
      <p:OMI_Code xsi:type="cim:cimUnsignedInt">6</p:OMI_Code>
      <p:OMI_Category xsi:type="cim:cimUnsignedInt">13</p:OMI_Category>
      <p:OMI_Type xsi:type="cim:cimString">MI</p:OMI_Type>
      <p:OMI_ErrorMessage xsi:type="cim:cimString">There is no such instance.</p:OMI_ErrorMessage>
    </p:OMI_Error>
  </s:Detail>
</s:Fault>
"#);
        assert_eq!(read(&xml), fault);
    }

    #[test]
    fn another_envelope_is_told_which_one_is_served() {
        let fault = Fault::new(FaultCause::VersionMismatch, "Send SOAP 1.2.");
        let xml = fault.encode(&ReplyHead::default());
        assert!(
            xml.contains(
                r#"<s:Upgrade><s:SupportedEnvelope qname="s:Envelope"></s:SupportedEnvelope></s:Upgrade>"#
            ) || xml.contains(r#"<s:Upgrade><s:SupportedEnvelope qname="s:Envelope"/></s:Upgrade>"#),
            "{xml}"
        );
    }

    #[test]
    fn a_header_that_is_not_understood_is_named() {
        let fault = Fault::new(FaultCause::MustUnderstand, "The header `x:Y` is not known.")
            .extra(FaultExtra::NotUnderstood("urn:x".to_owned(), "Y".to_owned()));
        insta::assert_snapshot!(sample::pretty(&fault.encode(&sample::head())), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <s:Header>
    <wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
    <wsa:Action>http://schemas.dmtf.org/wbem/wsman/1/wsman/fault</wsa:Action>
    <wsa:MessageID>uuid:reply</wsa:MessageID>
    <wsa:RelatesTo>uuid:request</wsa:RelatesTo>
    <s:NotUnderstood xmlns:h="urn:x" qname="h:Y"/>
  </s:Header>
  <s:Body>
    <s:Fault>
      <s:Code>
        <s:Value>s:MustUnderstand</s:Value>
      </s:Code>
      <s:Reason>
        <s:Text xml:lang="en-US">The header `x:Y` is not known.</s:Text>
      </s:Reason>
    </s:Fault>
  </s:Body>
</s:Envelope>
"#);
    }

    #[test]
    fn what_is_offered_is_listed() {
        let fault = Fault::new(FaultCause::DeliveryModeRequestedUnavailable, "No such mode.")
            .extra(FaultExtra::DeliveryModes(vec!["urn:a", "urn:b"]));
        insta::assert_snapshot!(sample::body(&fault.encode(&sample::head())), @r#"
<s:Fault>
  <s:Code>
    <s:Value>s:Sender</s:Value>
    <s:Subcode>
      <s:Value>wse:DeliveryModeRequestedUnavailable</s:Value>
    </s:Subcode>
  </s:Code>
  <s:Reason>
    <s:Text xml:lang="en-US">No such mode.</s:Text>
  </s:Reason>
  <s:Detail>
    <wse:SupportedDeliveryMode>urn:a</wse:SupportedDeliveryMode>
    <wse:SupportedDeliveryMode>urn:b</wse:SupportedDeliveryMode>
  </s:Detail>
</s:Fault>
"#);
    }

    #[test]
    fn every_cause_and_detail_reads_back() {
        for cause in FaultCause::ALL {
            let fault = Fault::new(*cause, "why");
            assert_eq!(read(&fault.encode(&sample::head())), fault, "{cause:?}");
        }
        for detail in FaultDetail::ALL {
            let fault = Fault::unsupported(*detail, "why");
            assert_eq!(read(&fault.encode(&sample::head())), fault, "{detail:?}");
        }
    }

    #[test]
    fn faults_of_addressing_1_0_keep_its_namespace() {
        let mut head = sample::head();
        head.addressing = Addressing::V10;
        let fault = Fault::header_required("wsa:Action");
        let xml = fault.encode(&head);
        assert!(
            xml.contains("<wsa:Action>http://www.w3.org/2005/08/addressing/fault</wsa:Action>"),
            "{xml}"
        );
        assert_eq!(read(&xml).cause, fault.cause);
    }
}
