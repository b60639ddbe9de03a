//! A CIM-XML client: typed operations over one connection, typed results back (DSP0200).

mod enumeration;
mod error;

use std::fmt;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};

pub use enumeration::{Entry, Enumeration, Source};
pub use error::CimxmlError;

use crate::cim::{Class, Instance, InstancePath, Name, Namespace, Value};
use crate::cimxml::{
    Argument, ClassView, InstanceView, Item, MethodCall, Operation, Request, RequestMessage, ResponseMessage,
    Returned, header,
};
use crate::client::server::ServerAddress;
use crate::net::http_client::{
    BasicCredentials, ClientLimits, ClientRequest, ClientResponse, HttpClient, HttpUrl, ParseUrlError,
};
use crate::net::tls::client::ClientTls;
use crate::xml;

/// The port of CIM-XML over TLS.
pub const HTTPS_PORT: u16 = 5989;
/// The port of CIM-XML in clear text.
pub const HTTP_PORT: u16 = 5988;
/// The path where none is given.
pub const PATH: &str = "/cimom";

/// Longest reply that is read. What is larger is pulled.
const MAX_REPLY_BYTES: usize = 256 * 1024 * 1024;

/// How requests are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientOptions {
    /// How long a reply may take.
    pub timeout: Duration,
    /// How many objects one reply to a pulled enumeration may hold; with 0 everything is asked for at once.
    pub max_objects: u32,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            max_objects: 1000,
        }
    }
}

/// What passes between client and server, for people who want to see it.
#[derive(Clone, Copy, Debug)]
pub enum Passing<'p> {
    /// A message to the server.
    Sent(&'p str),
    /// A header field of its reply: name and value.
    Header(&'p str, &'p str),
    /// The message in its reply.
    Received(&'p str),
}

/// Is told what passes.
pub type Observer = Box<dyn Fn(Passing<'_>) + Send>;

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Received<T> {
    /// What it says.
    pub content: T,
    /// The message, as it came.
    pub message: String,
}

/// What a method returned.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodResult {
    /// The name of the method, as the server spells it.
    pub method: String,
    /// The return value; `None` is NULL.
    pub value: Option<Value>,
    /// The output parameters.
    pub out: Vec<Argument>,
}

/// Whether the server knows the pulled enumerations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum PullSupport {
    Unknown,
    Yes,
    No,
}

/// A client of one server. Requests go one after the other over one connection, which is opened when it is
/// needed.
pub struct CimxmlClient {
    http: HttpClient,
    address: ServerAddress,
    has_credentials: bool,
    options: ClientOptions,
    pulls: PullSupport,
    last_message_id: u64,
    observer: Option<Observer>,
}

/// Reads the address of a CIM-XML server: `https://HOST[:PORT][/PATH]`, or `HOST[:PORT]` alone, which means the
/// same. What is left out is port 5989 (5988 for `http`) and `/cimom`.
///
/// # Errors
/// If that is no URL, or its scheme another one.
pub fn parse_address(text: &str) -> Result<HttpUrl, ParseUrlError> {
    ServerAddress::parse_url(text, HTTPS_PORT, HTTP_PORT, PATH)
}

impl CimxmlClient {
    /// A client of the server at `address`. `tls` says whom to trust, where TLS is spoken.
    ///
    /// # Errors
    /// If the host's name cannot stand in a request.
    pub fn new(
        address: ServerAddress,
        tls: &ClientTls,
        credentials: Option<BasicCredentials>,
        options: ClientOptions,
    ) -> Result<Self, CimxmlError> {
        let limits = ClientLimits {
            response: options.timeout,
            body_bytes: MAX_REPLY_BYTES,
            ..ClientLimits::default()
        };
        Ok(Self {
            has_credentials: credentials.is_some(),
            http: HttpClient::new(address.endpoint(tls), credentials, limits)?,
            address,
            options,
            pulls: PullSupport::Unknown,
            last_message_id: 0,
            observer: None,
        })
    }

    /// Tells `observer` from now on what passes. Credentials are no part of it.
    pub fn observe(&mut self, observer: Observer) {
        self.observer = Some(observer);
    }

    /// Reads a class.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn get_class(
        &mut self,
        namespace: &Namespace,
        class: Name,
        view: ClassView,
    ) -> Result<Received<Class>, CimxmlError> {
        let received = self.call(namespace, Operation::GetClass { class, view }).await?;
        received.only("class", |item| match item {
            Item::Class { class, .. } => Some(class),
            _ => None,
        })
    }

    /// Deletes a class.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn delete_class(&mut self, namespace: &Namespace, class: &Name) -> Result<(), CimxmlError> {
        // Nothing in this program changes classes, so the operation is none of its types.
        let refusal = crate::cim::CimError::not_supported("");
        let message = RequestMessage {
            message_id: self.next_message_id(),
            is_multiple: false,
            requests: vec![Request {
                name: "DeleteClass".to_owned(),
                is_extrinsic: false,
                namespace: namespace.clone(),
                operation: Err(refusal),
            }],
        };
        let parameter = format!(
            "<IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"{class}\"/></IPARAMVALUE></IMETHODCALL>"
        );
        let text = message.encode().replace("</IMETHODCALL>", &parameter);
        let answer = self.exchange(&message, text).await?;
        answer.read().map(drop)
    }

    /// The subclasses of a class, direct and indirect; without a class, all classes of the namespace.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn enumerate_classes(
        &mut self,
        namespace: &Namespace,
        class: Option<Name>,
        view: ClassView,
    ) -> Result<Received<Vec<Class>>, CimxmlError> {
        let operation = Operation::EnumerateClasses {
            class,
            deep_inheritance: true,
            view,
        };
        let received = self.call(namespace, operation).await?;
        received.all("class", |item| match item {
            Item::Class { class, .. } => Some(class),
            _ => None,
        })
    }

    /// The names of the subclasses of a class, direct and indirect; without a class, of all classes of the namespace.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn enumerate_class_names(
        &mut self,
        namespace: &Namespace,
        class: Option<Name>,
    ) -> Result<Received<Vec<Name>>, CimxmlError> {
        let operation = Operation::EnumerateClassNames {
            class,
            deep_inheritance: true,
        };
        let received = self.call(namespace, operation).await?;
        received.all("class name", |item| match item {
            Item::ClassPath(path) => Some(path.class_name),
            _ => None,
        })
    }

    /// Reads an instance.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn get_instance(
        &mut self,
        namespace: &Namespace,
        path: InstancePath,
        view: InstanceView,
    ) -> Result<Received<Instance>, CimxmlError> {
        let received = self
            .call(namespace, Operation::GetInstance { path, view })
            .await?;
        received.only("instance", |item| match item {
            Item::Instance { instance, .. } => Some(instance),
            _ => None,
        })
    }

    /// Creates an instance and returns its path.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn create_instance(
        &mut self,
        namespace: &Namespace,
        instance: Instance,
    ) -> Result<Received<InstancePath>, CimxmlError> {
        let received = self
            .call(namespace, Operation::CreateInstance { instance })
            .await?;
        received.only("path", |item| match item {
            Item::InstancePath(path) => Some(path),
            _ => None,
        })
    }

    /// Changes an instance: the properties of `list`, or all that `instance` holds.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn modify_instance(
        &mut self,
        namespace: &Namespace,
        path: InstancePath,
        instance: Instance,
        list: Option<Vec<Name>>,
    ) -> Result<(), CimxmlError> {
        let operation = Operation::ModifyInstance {
            path,
            instance,
            property_list: list,
        };
        self.call(namespace, operation).await.map(drop)
    }

    /// Deletes an instance.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn delete_instance(
        &mut self,
        namespace: &Namespace,
        path: InstancePath,
    ) -> Result<(), CimxmlError> {
        self.call(namespace, Operation::DeleteInstance { path })
            .await
            .map(drop)
    }

    /// Reads one property; `None` is NULL. CIM-XML does not say its type: texts are strings.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn get_property(
        &mut self,
        namespace: &Namespace,
        path: InstancePath,
        property: Name,
    ) -> Result<Received<Option<Value>>, CimxmlError> {
        let operation = Operation::GetProperty { path, property };
        let received = self.call(namespace, operation).await?;
        let received = received.all("value", |item| match item {
            Item::Value(value) => Some(value),
            // A reference is a path.
            Item::InstancePath(path) => Some(Value::Reference(Box::new(path))),
            _ => None,
        })?;
        Ok(received.map(|values| values.into_iter().next()))
    }

    /// Changes one property; `None` is NULL.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn set_property(
        &mut self,
        namespace: &Namespace,
        path: InstancePath,
        property: Name,
        value: Option<Value>,
    ) -> Result<(), CimxmlError> {
        let operation = Operation::SetProperty {
            path,
            property,
            value,
        };
        self.call(namespace, operation).await.map(drop)
    }

    /// Calls a method.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn invoke(
        &mut self,
        namespace: &Namespace,
        call: MethodCall,
    ) -> Result<Received<MethodResult>, CimxmlError> {
        let method = call.method.to_string();
        let received = self.call(namespace, Operation::Invoke(call)).await?;
        Ok(received.map(|returned| MethodResult {
            method,
            value: returned.items.into_iter().find_map(|item| match item {
                Item::Value(value) => Some(value),
                _ => None,
            }),
            out: returned.parameters,
        }))
    }

    /// Calls a method and returns the answer unread, also where it is an error.
    ///
    /// # Errors
    /// If no message comes back; see [`CimxmlError`].
    pub async fn invoke_unread(
        &mut self,
        namespace: &Namespace,
        call: MethodCall,
    ) -> Result<Received<()>, CimxmlError> {
        let operation = Operation::Invoke(call);
        let message = RequestMessage::single(&self.next_message_id(), namespace.clone(), operation);
        let text = message.encode();
        self.exchange(&message, text).await
    }

    /// Begins an enumeration. Nothing is sent before the first batch is asked for.
    pub fn enumerate(&mut self, namespace: Namespace, source: Source) -> Enumeration<'_> {
        Enumeration::new(self, namespace, source)
    }

    /// Sends one operation and returns what it returned.
    async fn call(
        &mut self,
        namespace: &Namespace,
        operation: Operation,
    ) -> Result<Received<Returned>, CimxmlError> {
        let message = RequestMessage::single(&self.next_message_id(), namespace.clone(), operation);
        let text = message.encode();
        let answer = self.exchange(&message, text).await?;
        answer.read()
    }

    fn next_message_id(&mut self) -> String {
        self.last_message_id += 1;
        self.last_message_id.to_string()
    }

    /// Sends a message and returns that in the reply, whatever it says.
    async fn exchange(
        &mut self,
        message: &RequestMessage,
        text: String,
    ) -> Result<Received<()>, CimxmlError> {
        self.tell(Passing::Sent(&text));
        let mut request =
            ClientRequest::post(self.path().to_owned(), "application/xml; charset=\"utf-8\"", text);
        let bad = |error: &dyn fmt::Display| CimxmlError::Malformed(error.to_string());
        for (name, value) in header::of_request(message) {
            let name: HeaderName = name.parse().map_err(|error| bad(&error))?;
            let value = HeaderValue::try_from(value).map_err(|error| bad(&error))?;
            request = request.with_header(name, value);
        }
        let protocol = HeaderName::from_static("cimprotocolversion");
        request = request.with_header(protocol, HeaderValue::from_static("1.0"));
        let response = self.http.send(&request).await?;
        self.tell_headers(&response);
        let message = self.body_of(&response)?;
        self.tell(Passing::Received(&message));
        Ok(Received { content: (), message })
    }

    fn path(&self) -> &str {
        match &self.address {
            ServerAddress::Url(url) => &url.path,
            ServerAddress::Local(_) => PATH,
        }
    }

    /// The message in the reply, unless its status says that there is none.
    fn body_of(&self, response: &ClientResponse) -> Result<String, CimxmlError> {
        match response.status {
            200 => {}
            401 | 403 => {
                return Err(CimxmlError::LoginRefused {
                    address: self.address.to_string(),
                    had_credentials: self.has_credentials,
                    is_local: matches!(self.address, ServerAddress::Local(_)),
                });
            }
            status => {
                let body = String::from_utf8_lossy(&response.body);
                let said = response.header(header::CIM_ERROR).unwrap_or(&body);
                return Err(CimxmlError::status(status, said));
            }
        }
        let charset = response.header("content-type").and_then(|value| {
            let (_, after) = value.split_once("charset=")?;
            Some(after.split(';').next()?.trim().trim_matches('"'))
        });
        match xml::decode(&response.body, charset) {
            Ok((text, _)) => Ok(text.into_owned()),
            Err(error) => Err(CimxmlError::Malformed(error.to_string())),
        }
    }

    fn tell(&self, passing: Passing<'_>) {
        if let Some(observer) = &self.observer {
            observer(passing);
        }
    }

    fn tell_headers(&self, response: &ClientResponse) {
        for (name, value) in &response.headers {
            self.tell(Passing::Header(
                name.as_str(),
                &String::from_utf8_lossy(value.as_bytes()),
            ));
        }
    }
}

impl fmt::Debug for CimxmlClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CimxmlClient")
            .field("address", &self.address)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<T> Received<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Received<U> {
        Received {
            content: change(self.content),
            message: self.message,
        }
    }

    /// The host that the paths in the message name: a server has one name in all of them.
    pub fn host(&self) -> Option<&str> {
        let (_, after) = self.message.split_once("<HOST>")?;
        let (host, _) = after.split_once("</HOST>")?;
        (!host.contains(['&', '<'])).then_some(host)
    }

    /// What stands in the `IRETURNVALUE`, as it came.
    pub fn result_xml(&self) -> &str {
        between(&self.message, "<IRETURNVALUE>", "</IRETURNVALUE>").unwrap_or_default()
    }

    /// What stands in the `SIMPLERSP`, as it came.
    pub fn answer_xml(&self) -> &str {
        between(&self.message, "<SIMPLERSP>", "</SIMPLERSP>").unwrap_or_default()
    }
}

impl Received<()> {
    /// What the message says.
    fn read(self) -> Result<Received<Returned>, CimxmlError> {
        let decoded = ResponseMessage::decode(&self.message, limits());
        let decoded = decoded.map_err(|error| CimxmlError::Malformed(error.to_string()))?;
        let answer = decoded.responses.into_iter().next();
        let answer = answer.ok_or_else(|| CimxmlError::Malformed("it holds no answer".to_owned()))?;
        match answer.result {
            Ok(content) => Ok(self.map(|()| content)),
            Err(error) => Err(CimxmlError::Cim(error)),
        }
    }
}

impl Received<Returned> {
    /// The items that were asked for.
    fn all<T>(
        self,
        kind: &str,
        pick: impl FnMut(Item) -> Option<T>,
    ) -> Result<Received<Vec<T>>, CimxmlError> {
        let picked: Option<Vec<T>> = self.content.items.into_iter().map(pick).collect();
        match picked {
            Some(content) => Ok(Received {
                content,
                message: self.message,
            }),
            None => Err(CimxmlError::Malformed(format!(
                "it holds something else than a {kind}"
            ))),
        }
    }

    /// The one item that was asked for.
    fn only<T>(self, kind: &str, pick: impl FnMut(Item) -> Option<T>) -> Result<Received<T>, CimxmlError> {
        let Received { content, message } = self.all(kind, pick)?;
        let mut items = content.into_iter();
        match (items.next(), items.next()) {
            (Some(content), None) => Ok(Received { content, message }),
            (None, _) => Err(CimxmlError::Malformed(format!("it holds no {kind}"))),
            (Some(_), Some(_)) => Err(CimxmlError::Malformed(format!("it holds more than one {kind}"))),
        }
    }
}

/// What stands between the first start tag and the last end tag of an element.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let (_, after) = text.split_once(open)?;
    after.get(..after.rfind(close)?)
}

/// How large a reply may be, and how deep.
fn limits() -> xml::Limits {
    xml::Limits {
        total_bytes: MAX_REPLY_BYTES,
        ..xml::Limits::default()
    }
}
