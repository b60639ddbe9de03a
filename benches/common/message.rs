//! The messages of the load, as a client would send them.

pub const IDENTIFY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
    xmlns:wsmid=\"http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd\">\
    <s:Header/><s:Body><wsmid:Identify/></s:Body></s:Envelope>";

const ENUMERATION: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
const EVENTING: &str = "http://schemas.xmlsoap.org/ws/2004/08/eventing";
const CIM: &str = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2";

/// An Enumerate of a class; optimised, the reply holds all its instances.
pub fn enumerate(class: &str, optimised: bool) -> String {
    let options = if optimised {
        "<w:OptimizeEnumeration/><w:MaxElements>1000</w:MaxElements>"
    } else {
        ""
    };
    let body = format!("<n:Enumerate xmlns:n=\"{ENUMERATION}\">{options}</n:Enumerate>");
    envelope(
        &format!("{CIM}/{class}"),
        &format!("{ENUMERATION}/Enumerate"),
        "",
        &body,
    )
}

/// The next instances of an enumeration.
pub fn pull(class: &str, context: &str, elements: usize) -> String {
    let body = format!(
        "<n:Pull xmlns:n=\"{ENUMERATION}\"><n:EnumerationContext>{context}</n:EnumerationContext>\
         <n:MaxElements>{elements}</n:MaxElements></n:Pull>"
    );
    envelope(
        &format!("{CIM}/{class}"),
        &format!("{ENUMERATION}/Pull"),
        "",
        &body,
    )
}

/// A subscription to the agent's test alert, pushed to `url`.
pub fn subscribe(url: &str) -> String {
    let body = format!(
        "<e:Subscribe xmlns:e=\"{EVENTING}\"><e:Delivery Mode=\"{EVENTING}/DeliveryModes/Push\"><e:NotifyTo>\
         <a:Address>{url}</a:Address></e:NotifyTo></e:Delivery><e:Expires>PT1H</e:Expires>\
         <w:Filter Dialect=\"http://schemas.microsoft.com/wbem/wsman/1/WQL\">\
         SELECT * FROM ESM_AlertIndication WHERE EventID = '4000060B'</w:Filter></e:Subscribe>"
    );
    envelope(
        &format!("{CIM}/CIM_Indication"),
        &format!("{EVENTING}/Subscribe"),
        "",
        &body,
    )
}

/// Has the agent raise its test alert.
pub fn send_test_alert() -> String {
    let class = format!("{CIM}/ESM_Alive");
    let selectors =
        "<w:SelectorSet><w:Selector Name=\"InstanceID\">ESM:Alive:agent</w:Selector></w:SelectorSet>";
    let body = format!("<p:SendTestAlert_INPUT xmlns:p=\"{class}\"/>");
    envelope(&class, &format!("{class}/SendTestAlert"), selectors, &body)
}

fn envelope(resource: &str, action: &str, more: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope \
         xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
         xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\"><s:Header>\
         <a:Action s:mustUnderstand=\"true\">{action}</a:Action>\
         <a:To s:mustUnderstand=\"true\">https://localhost:5986/wsman</a:To>\
         <w:ResourceURI s:mustUnderstand=\"true\">{resource}</w:ResourceURI>\
         <a:MessageID s:mustUnderstand=\"true\">uuid:fc27ca98-60bb-10bb-8002-01000000fc02</a:MessageID>\
         <a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>\
         {more}<w:MaxEnvelopeSize>2000000</w:MaxEnvelopeSize></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}
