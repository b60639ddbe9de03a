//! Responses as a server writes them (DSP0201, 5.2.7; DSP0200, 5.2), piece by piece.
//!
//! A large reply never stands in memory as a whole: the writer is emptied between two items whenever it holds
//! enough for a chunk.
//!
//! ```
//! # use esm::cimxml::{RequestMessage, ResponseWriter};
//! # use esm::xml::Limits;
//! # let text = "<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\"><MESSAGE ID=\"1\" PROTOCOLVERSION=\"1.0\"><SIMPLEREQ><IMETHODCALL NAME=\"EnumerateInstanceNames\"><LOCALNAMESPACEPATH><NAMESPACE NAME=\"root\"/></LOCALNAMESPACEPATH><IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"C\"/></IPARAMVALUE></IMETHODCALL></SIMPLEREQ></MESSAGE></CIM>";
//! # let paths: [esm::cim::InstancePath; 0] = [];
//! # let send = |_: String| ();
//! let message = RequestMessage::decode(text, Limits::default())?;
//! let mut response = ResponseWriter::new(&message, "server.example");
//! for request in &message.requests {
//!     response.begin(request);
//!     for path in &paths {
//!         response.path(path);
//!         if response.len() > 64 * 1024 {
//!             send(response.take());
//!         }
//!     }
//!     response.end();
//! }
//! send(response.finish());
//! # Ok::<(), esm::cimxml::DecodeError>(())
//! ```

use super::form::Form;
use super::instance::Shown;
use super::{Request, RequestMessage, class, instance, message, name, path, qualifier, value};
use crate::cim::schema::QualifierType;
use crate::cim::{CimError, CimType, Class, Instance, InstancePath, Name, Namespace, Property, Value};
use crate::xml::Writer;

/// Writes the response to one message. The answers to its requests are written one after the other, in the
/// same order, each either whole as [`ResponseWriter::error`] or [`ResponseWriter::method`], or as
/// [`ResponseWriter::begin`], any number of items, and one of the ends.
///
/// Which element an item becomes follows from the operation that is answered.
#[derive(Debug)]
pub struct ResponseWriter {
    w: Writer,
    /// The name of this server in paths.
    host: String,
    is_multiple: bool,
    answer: Answer,
    /// Where the answer begins in what was not yet taken; `None` once a part of it was.
    begin: Option<usize>,
}

/// The answer that is being written.
#[derive(Debug)]
struct Answer {
    name: String,
    is_extrinsic: bool,
    namespace: Namespace,
    form: Form,
}

impl ResponseWriter {
    /// Begins the response to `message`; `host` is the name of this server in paths.
    pub fn new(message: &RequestMessage, host: &str) -> Self {
        let mut w = Writer::with_capacity(1024).keeping_end_tags();
        message::begin(&mut w, &message.message_id);
        if message.is_multiple {
            w.start(name("MULTIRSP"));
        }
        Self {
            w,
            host: host.to_owned(),
            is_multiple: message.is_multiple,
            answer: Answer {
                name: String::new(),
                is_extrinsic: false,
                namespace: Namespace::from_static(""),
                form: Form::Nothing,
            },
            begin: None,
        }
    }

    /// Begins the answer to a request that succeeds, or will as far as is known.
    pub fn begin(&mut self, request: &Request) {
        self.set_answer(request);
        self.start_answer();
        if self.answer.form != Form::Nothing {
            self.w.start(name("IRETURNVALUE"));
        }
    }

    /// An instance with its path, in the namespace of the request unless the path names another. The path is
    /// left out where the operation does not return it.
    pub fn instance(&mut self, path: &InstancePath, instance: &Instance, shown: Shown<'_>) {
        let (w, host) = (&mut self.w, self.host.as_str());
        let home = &self.answer.namespace;
        let namespace = path::namespace_of(path, Some(home)).unwrap_or(home);
        let holder = match self.answer.form {
            Form::NamedInstance => "VALUE.NAMEDINSTANCE",
            Form::ObjectWithPath => "VALUE.OBJECTWITHPATH",
            Form::InstanceWithPath => "VALUE.INSTANCEWITHPATH",
            Form::Object => "VALUE.OBJECT",
            _ => return instance::encode(w, instance, Some(home), shown),
        };
        w.start(name(holder));
        match self.answer.form {
            Form::NamedInstance => path::encode_instance_name(w, path, Some(namespace)),
            Form::Object => {}
            _ => path::encode_instance_path(w, path, host, namespace),
        }
        instance::encode(w, instance, Some(home), shown);
        w.end(name(holder));
    }

    /// The path of an instance, in the namespace of the request unless the path names another.
    pub fn path(&mut self, path: &InstancePath) {
        let (w, host) = (&mut self.w, self.host.as_str());
        let home = &self.answer.namespace;
        let namespace = path::namespace_of(path, Some(home)).unwrap_or(home);
        match self.answer.form {
            Form::ObjectPath => w.element(name("OBJECTPATH"), |w| {
                path::encode_instance_path(w, path, host, namespace);
            }),
            Form::InstancePath => path::encode_instance_path(w, path, host, namespace),
            _ => path::encode_instance_name(w, path, Some(namespace)),
        }
    }

    /// A class; it shows what it holds. [`super::class::view`] makes one that holds what a client asked for.
    pub fn class(&mut self, class: &Class) {
        let (w, host) = (&mut self.w, self.host.as_str());
        match self.answer.form {
            Form::ObjectWithPath => w.element(name("VALUE.OBJECTWITHPATH"), |w| {
                path::encode_class_path(w, &class.name, host, &self.answer.namespace);
                class::encode(w, class);
            }),
            _ => class::encode(w, class),
        }
    }

    /// The name of a class.
    pub fn class_name(&mut self, class: &Name) {
        let (w, host) = (&mut self.w, self.host.as_str());
        match self.answer.form {
            Form::ObjectPath => w.element(name("OBJECTPATH"), |w| {
                path::encode_class_path(w, class, host, &self.answer.namespace);
            }),
            _ => path::encode_class_name(w, class),
        }
    }

    /// A qualifier type.
    pub fn qualifier(&mut self, qualifier: &QualifierType) {
        qualifier::encode(&mut self.w, qualifier);
    }

    /// The value of a property; nothing is written for NULL.
    pub fn value(&mut self, cim_type: CimType, value: Option<&Value>) {
        if let Some(value) = value {
            value::encode(&mut self.w, cim_type, value, Some(&self.answer.namespace));
        }
    }

    /// Ends the answer.
    pub fn end(&mut self) {
        self.end_return_value();
        self.end_answer();
    }

    /// Ends the answer to an open or pull operation: with the context that the next request is to name, or with
    /// `None` at the end of the enumeration.
    pub fn end_open(&mut self, context: Option<&str>) {
        self.end_return_value();
        self.open_parameters(context);
        self.end_answer();
    }

    /// Ends the answer to `OpenQueryInstances` with the class of its results, else as [`Self::end_open`].
    pub fn end_open_query(&mut self, result_class: &Class, context: Option<&str>) {
        self.end_return_value();
        self.w.start(name("PARAMVALUE"));
        self.w.attr(name("NAME"), "QueryResultClass");
        class::encode(&mut self.w, result_class);
        self.w.end(name("PARAMVALUE"));
        self.open_parameters(context);
        self.end_answer();
    }

    /// The whole answer to a method call: its return value, NULL where that is `None`, and its output
    /// parameters.
    pub fn method(
        &mut self,
        request: &Request,
        return_type: CimType,
        value: Option<&Value>,
        out: &[Property],
    ) {
        self.set_answer(request);
        self.start_answer();
        let home = Some(&self.answer.namespace);
        let w = &mut self.w;
        w.start(name("RETURNVALUE"));
        if let Some(kind) = value.and_then(value::embedded_kind) {
            w.attr(name("EmbeddedObject"), kind);
        }
        w.attr(name("PARAMTYPE"), return_type.as_str());
        if let Some(value) = value {
            value::encode(w, return_type, value, home);
        }
        w.end(name("RETURNVALUE"));
        for property in out {
            super::argument::encode(
                w,
                &property.name,
                Some(property.cim_type),
                property.value.as_ref(),
                home,
            );
        }
        self.end_answer();
    }

    /// The whole answer to a request that fails.
    pub fn error(&mut self, request: &Request, error: &CimError) {
        self.set_answer(request);
        self.start_answer();
        message::encode_error(&mut self.w, error);
        self.end_answer();
    }

    /// Makes the answer that was begun an error, as long as no part of it was taken: what it holds is dropped.
    /// Says whether that was possible; where it is not, the connection is to be cut.
    #[must_use]
    pub fn replace_with_error(&mut self, error: &CimError) -> bool {
        let Some(begin) = self.begin else {
            return false;
        };
        self.w.split_off(begin);
        self.start_answer();
        message::encode_error(&mut self.w, error);
        self.end_answer();
        true
    }

    /// How many bytes there are to take.
    pub fn len(&self) -> usize {
        self.w.len()
    }

    /// Whether there is nothing to take.
    pub fn is_empty(&self) -> bool {
        self.w.is_empty()
    }

    /// Takes what was written since the last time. Between two items, or before or after an answer.
    pub fn take(&mut self) -> String {
        self.begin = None;
        std::mem::take(self.w.out())
    }

    /// Ends the response: what was not yet taken of it.
    pub fn finish(mut self) -> String {
        if self.is_multiple {
            self.w.end(name("MULTIRSP"));
        }
        message::end(&mut self.w);
        self.w.finish()
    }

    fn set_answer(&mut self, request: &Request) {
        self.answer = Answer {
            name: request.name.clone(),
            is_extrinsic: request.is_extrinsic,
            namespace: request.namespace.clone(),
            form: request.operation.as_ref().map_or(Form::Nothing, Form::of),
        };
    }

    fn start_answer(&mut self) {
        self.begin = Some(self.w.out().len());
        self.w.start(name("SIMPLERSP"));
        self.w.start(self.answer.element());
        self.w.attr(name("NAME"), &self.answer.name);
    }

    fn end_return_value(&mut self) {
        if self.answer.form != Form::Nothing {
            self.w.end(name("IRETURNVALUE"));
        }
    }

    fn open_parameters(&mut self, context: Option<&str>) {
        let end_of_sequence = if context.is_none() { "TRUE" } else { "FALSE" };
        for (parameter, cim_type, text) in [
            ("EndOfSequence", CimType::Boolean, end_of_sequence),
            ("EnumerationContext", CimType::String, context.unwrap_or_default()),
        ] {
            self.w.start(name("PARAMVALUE"));
            self.w.attr(name("NAME"), parameter);
            self.w.attr(name("PARAMTYPE"), cim_type.as_str());
            self.w.leaf(name("VALUE"), text);
            self.w.end(name("PARAMVALUE"));
        }
    }

    fn end_answer(&mut self) {
        self.w.end(self.answer.element());
        self.w.end(name("SIMPLERSP"));
    }
}

impl Answer {
    const fn element(&self) -> crate::xml::Name {
        name(if self.is_extrinsic {
            "METHODRESPONSE"
        } else {
            "IMETHODRESPONSE"
        })
    }
}
