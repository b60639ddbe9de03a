//! Namespaces, actions and other URIs of the standards, in one place.

use crate::xml::Ns;

/// SOAP 1.2.
pub const SOAP: Ns = Ns::new("s", "http://www.w3.org/2003/05/soap-envelope");
/// SOAP 1.1, which is refused.
pub const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// WS-Addressing of August 2004, which DSP0226 builds on.
pub const WSA: Ns = Ns::new("wsa", "http://schemas.xmlsoap.org/ws/2004/08/addressing");
/// WS-Addressing 1.0.
pub const WSA_10: Ns = Ns::new("wsa", "http://www.w3.org/2005/08/addressing");
/// WS-Management.
pub const WSMAN: Ns = Ns::new("wsman", "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd");
/// The CIM binding of WS-Management (DSP0227).
pub const WSMB: Ns = Ns::new("wsmb", "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd");
/// Identify.
pub const WSMID: Ns = Ns::new(
    "wsmid",
    "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd",
);
/// WS-Enumeration.
pub const WSEN: Ns = Ns::new("wsen", "http://schemas.xmlsoap.org/ws/2004/09/enumeration");
/// WS-Eventing.
pub const WSE: Ns = Ns::new("wse", "http://schemas.xmlsoap.org/ws/2004/08/eventing");
/// WS-Transfer.
pub const WXF: Ns = Ns::new("wxf", "http://schemas.xmlsoap.org/ws/2004/09/transfer");
/// WS-Trust, for the credentials of deliveries.
pub const WST: Ns = Ns::new("wst", "http://schemas.xmlsoap.org/ws/2005/02/trust");
/// WS-Policy, for what the credentials are for.
pub const WSP: Ns = Ns::new("wsp", "http://schemas.xmlsoap.org/ws/2004/09/policy");
/// WS-Security, for user names and passwords.
pub const WSSE: Ns = Ns::new(
    "wsse",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
);
/// The common types of DSP0230.
pub const CIM: Ns = Ns::new("cim", "http://schemas.dmtf.org/wbem/wscim/1/common");
/// What Windows adds to WS-Management (MS-WSMV).
pub const MSWSMAN: Ns = Ns::new("p", "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd");

/// Where the DMTF's classes live (DSP0230); the class name follows.
pub const CIM_SCHEMA: &str = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/";
/// All classes (DSP0227).
pub const ALL_CLASSES: &str = "http://schemas.dmtf.org/wbem/wscim/1/*";
/// Class definitions as CIM-XML.
pub const CLASS_DEFINITIONS: &str = "http://schemas.dmtf.org/wbem/cim-xml/2/cim-schema/2/";
/// Where Windows clients look for classes; namespace and class name follow.
pub const WMI: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";
/// openwsman's intrinsic operations.
pub const INTRINSIC: &str = "http://schemas.openwsman.org/wbem/wscim/1/intrinsic";

/// Filter dialects.
pub mod dialect {
    /// XPath 1.0, the dialect where none is named (DSP0226, 8.2.2).
    pub const XPATH: &str = "http://www.w3.org/TR/1999/REC-xpath-19991116";
    /// The subset of XPath of DSP0226, annex C.
    pub const XPATH_LEVEL_1: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/filter/XPathLevel1";
    /// Equality of selectors (DSP0226, annex E).
    pub const SELECTOR: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter";
    /// Association traversal (DSP0227, 12).
    pub const ASSOCIATION: &str = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter";
    /// The WMI query language.
    pub const WQL: &str = "http://schemas.microsoft.com/wbem/wsman/1/WQL";
    /// The CIM query language (DSP0202).
    pub const CQL: &str = "http://schemas.dmtf.org/wbem/cql/1/dsp0202.pdf";
}

/// What the `wsa:Action` header of a message may say.
pub mod action {
    macro_rules! actions {
        ($($(#[$doc:meta])* $name:ident = $uri:literal;)*) => {
            $($(#[$doc])* pub const $name: &str = $uri;)*
        };
    }
    actions! {
        /// Get a representation.
        GET = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get";
        /// The reply to it.
        GET_RESPONSE = "http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse";
        /// Replace a representation.
        PUT = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Put";
        /// The reply to it.
        PUT_RESPONSE = "http://schemas.xmlsoap.org/ws/2004/09/transfer/PutResponse";
        /// Create an instance.
        CREATE = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create";
        /// The reply to it.
        CREATE_RESPONSE = "http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse";
        /// Delete an instance.
        DELETE = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete";
        /// The reply to it.
        DELETE_RESPONSE = "http://schemas.xmlsoap.org/ws/2004/09/transfer/DeleteResponse";
        /// Begin an enumeration.
        ENUMERATE = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate";
        /// The reply to it.
        ENUMERATE_RESPONSE = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/EnumerateResponse";
        /// Ask for more items.
        PULL = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Pull";
        /// The reply to it.
        PULL_RESPONSE = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/PullResponse";
        /// End an enumeration early.
        RELEASE = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Release";
        /// The reply to it.
        RELEASE_RESPONSE = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/ReleaseResponse";
        /// Subscribe to events.
        SUBSCRIBE = "http://schemas.xmlsoap.org/ws/2004/08/eventing/Subscribe";
        /// The reply to it.
        SUBSCRIBE_RESPONSE = "http://schemas.xmlsoap.org/ws/2004/08/eventing/SubscribeResponse";
        /// Prolong a subscription.
        RENEW = "http://schemas.xmlsoap.org/ws/2004/08/eventing/Renew";
        /// The reply to it.
        RENEW_RESPONSE = "http://schemas.xmlsoap.org/ws/2004/08/eventing/RenewResponse";
        /// Ask how long a subscription lasts.
        GET_STATUS = "http://schemas.xmlsoap.org/ws/2004/08/eventing/GetStatus";
        /// The reply to it.
        GET_STATUS_RESPONSE = "http://schemas.xmlsoap.org/ws/2004/08/eventing/GetStatusResponse";
        /// End a subscription.
        UNSUBSCRIBE = "http://schemas.xmlsoap.org/ws/2004/08/eventing/Unsubscribe";
        /// The reply to it.
        UNSUBSCRIBE_RESPONSE = "http://schemas.xmlsoap.org/ws/2004/08/eventing/UnsubscribeResponse";
        /// The source tells that a subscription has ended.
        SUBSCRIPTION_END = "http://schemas.xmlsoap.org/ws/2004/08/eventing/SubscriptionEnd";
        /// One event without an action of its own (DSP0226, 10.2.9.1).
        EVENT = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Event";
        /// A batch of events.
        EVENTS = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Events";
        /// A sign of life.
        HEARTBEAT = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Heartbeat";
        /// Events were lost.
        DROPPED_EVENTS = "http://schemas.dmtf.org/wbem/wsman/1/wsman/DroppedEvents";
        /// A delivery is acknowledged.
        ACK = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Ack";
        /// The same, as some listeners misspell it.
        ACK_MISSPELT = "http://schemas.xmlsoap.org/wbmem/wsman/1/wsman/Ack";
        /// A fault of SOAP or WS-Management.
        FAULT_WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault";
        /// A fault of WS-Addressing.
        FAULT_WSA = "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault";
        /// A fault of WS-Addressing 1.0.
        FAULT_WSA_10 = "http://www.w3.org/2005/08/addressing/fault";
        /// A fault of WS-Transfer.
        FAULT_WXF = "http://schemas.xmlsoap.org/ws/2004/09/transfer/fault";
        /// A fault of WS-Enumeration.
        FAULT_WSEN = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/fault";
        /// A fault of WS-Eventing.
        FAULT_WSE = "http://schemas.xmlsoap.org/ws/2004/08/eventing/fault";
    }
}

/// The anonymous endpoint of WS-Addressing of August 2004: replies go back on the connection.
pub const ANONYMOUS: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
/// The anonymous endpoint of WS-Addressing 1.0.
pub const ANONYMOUS_10: &str = "http://www.w3.org/2005/08/addressing/anonymous";
