//! WS-Management requests as text, written here apart from the program's own encoder.

/// A request in the making.
#[derive(Clone, Debug)]
pub struct Message {
    action: String,
    resource: Option<String>,
    selectors: Vec<(String, String)>,
    headers: String,
    body: String,
    id: String,
    addressing: &'static str,
}

pub const CIM_SCHEMA: &str = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/";
pub const ALL_CLASSES: &str = "http://schemas.dmtf.org/wbem/wscim/1/*";
pub const WQL: &str = "http://schemas.microsoft.com/wbem/wsman/1/WQL";
pub const ADDRESSING_2004: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
pub const ADDRESSING_10: &str = "http://www.w3.org/2005/08/addressing";
const TRANSFER: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
const ENUMERATION: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";

impl Message {
    pub fn new(action: &str) -> Self {
        Self {
            action: action.to_owned(),
            resource: None,
            selectors: Vec::new(),
            headers: String::new(),
            body: String::new(),
            id: "uuid:00000000-0000-0000-0000-000000000001".to_owned(),
            addressing: ADDRESSING_2004,
        }
    }

    /// Get, Put, Create or Delete.
    pub fn transfer(action: &str, class: &str) -> Self {
        Self::new(&format!("{TRANSFER}/{action}")).on(class)
    }

    /// Enumerate with that in the element of the body.
    pub fn enumerate(class: &str, content: &str) -> Self {
        Self::new(&format!("{ENUMERATION}/Enumerate"))
            .on(class)
            .body(&format!("<n:Enumerate>{content}</n:Enumerate>"))
    }

    /// Pull with that after the context.
    pub fn pull(class: &str, context: &str, content: &str) -> Self {
        let body =
            format!("<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext>{content}</n:Pull>");
        Self::new(&format!("{ENUMERATION}/Pull")).on(class).body(&body)
    }

    pub fn release(class: &str, context: &str) -> Self {
        let body = format!("<n:Release><n:EnumerationContext>{context}</n:EnumerationContext></n:Release>");
        Self::new(&format!("{ENUMERATION}/Release")).on(class).body(&body)
    }

    /// A method with its arguments as XML in the prefix `c`.
    pub fn invoke(class: &str, method: &str, arguments: &str) -> Self {
        let uri = uri(class);
        let body = format!("<c:{method}_INPUT xmlns:c=\"{uri}\">{arguments}</c:{method}_INPUT>");
        Self::new(&format!("{uri}/{method}")).on(class).body(&body)
    }

    /// An instance of the class in the body: properties as XML in the prefix `c`.
    #[must_use]
    pub fn instance(self, class: &str, properties: &str) -> Self {
        let uri = uri(class);
        self.body(&format!("<c:{class} xmlns:c=\"{uri}\">{properties}</c:{class}>"))
    }

    /// The resource: a URI, or a class by its name.
    #[must_use]
    pub fn on(mut self, class: &str) -> Self {
        self.resource = Some(uri(class));
        self
    }

    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    #[must_use]
    pub fn selector(mut self, name: &str, value: &str) -> Self {
        self.selectors.push((name.to_owned(), value.to_owned()));
        self
    }

    /// In the namespace of the tests' own classes.
    #[must_use]
    pub fn in_test(self) -> Self {
        self.selector("__cimnamespace", "root/test")
    }

    /// Further headers, as XML.
    #[must_use]
    pub fn header(mut self, xml: &str) -> Self {
        self.headers += xml;
        self
    }

    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// In another version of WS-Addressing.
    #[must_use]
    pub fn addressing(mut self, namespace: &'static str) -> Self {
        self.addressing = namespace;
        self
    }

    pub fn text(&self) -> String {
        let resource = self.resource.as_ref().map_or(String::new(), |uri| {
            format!("<w:ResourceURI s:mustUnderstand=\"true\">{uri}</w:ResourceURI>")
        });
        let selectors: String = self
            .selectors
            .iter()
            .map(|(name, value)| format!("<w:Selector Name=\"{name}\">{value}</w:Selector>"))
            .collect();
        let selectors = if selectors.is_empty() {
            selectors
        } else {
            format!("<w:SelectorSet>{selectors}</w:SelectorSet>")
        };
        format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"{}\" \
             xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\" \
             xmlns:n=\"http://schemas.xmlsoap.org/ws/2004/09/enumeration\" \
             xmlns:e=\"http://schemas.xmlsoap.org/ws/2004/08/eventing\" \
             xmlns:b=\"http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd\">\
             <s:Header><a:To>http://localhost/wsman</a:To><a:Action s:mustUnderstand=\"true\">{}</a:Action>\
             {resource}<a:MessageID>{}</a:MessageID>{selectors}{}</s:Header><s:Body>{}</s:Body></s:Envelope>",
            self.addressing, self.action, self.id, self.headers, self.body
        )
    }
}

/// The URI of a class, where it is not one already.
fn uri(class: &str) -> String {
    if class.contains("://") {
        class.to_owned()
    } else {
        format!("{CIM_SCHEMA}{class}")
    }
}
