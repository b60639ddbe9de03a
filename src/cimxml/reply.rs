//! Responses as a client reads them (DSP0201, 5.2.7).

use std::fmt;

use super::argument;
use super::message::{self, child, expect};
use super::path::{self, MAX_REFERENCES};
use super::value::Reading;
use super::{Argument, DecodeError, class, instance, qualifier};
use crate::cim::schema::QualifierType;
use crate::cim::{CimStatus, CimType, Class, Instance, InstancePath, Value};
use crate::xml::{Limits, Reader, Start};

/// A message with the answers to the requests of one message, in the same order.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseMessage {
    /// `MESSAGE ID` of the request.
    pub message_id: String,
    /// The answers; at least one.
    pub responses: Vec<Response>,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The name of the operation or method.
    pub name: String,
    /// What it returned, or the error it ended with.
    pub result: Result<Returned, OperationError>,
}

/// What an operation returned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Returned {
    /// What stood in the `IRETURNVALUE`; of a method call, its return value where that is not NULL.
    pub items: Vec<Item>,
    /// The type of the return value of a method call, where it was said.
    pub return_type: Option<CimType>,
    /// Output parameters.
    pub parameters: Vec<Argument>,
}

/// One of the things that operations return.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// An instance, with its path where the operation returns it.
    Instance {
        /// The path.
        path: Option<InstancePath>,
        /// The instance.
        instance: Instance,
    },
    /// The path of an instance; where it has no namespace, it is in that of the request.
    InstancePath(InstancePath),
    /// A class, with its path where the operation returns it.
    Class {
        /// The path, without keys.
        path: Option<InstancePath>,
        /// The class.
        class: Class,
    },
    /// The path of a class, without keys; where it has no namespace, it is in that of the request.
    ClassPath(InstancePath),
    /// A qualifier type.
    Qualifier(QualifierType),
    /// A value, a string where nothing was said of its type.
    Value(Value),
}

/// The error that an operation or an export ended with, as the peer tells it (DSP0201, 5.2.7: `ERROR`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OperationError {
    /// The status code.
    pub code: u32,
    /// What the peer says of it, cut to a length that a log can bear; may be empty.
    pub description: String,
}

/// What is kept of a description, in characters.
const MAX_DESCRIPTION: usize = 2_000;

impl OperationError {
    /// The status, where the code is one that we know.
    pub fn status(&self) -> Option<CimStatus> {
        CimStatus::from_code(self.code)
    }

    /// Reads an `ERROR`.
    pub(super) fn decode(element: &Start<'_>) -> Result<Self, DecodeError> {
        let code = element.plain_attribute("CODE").unwrap_or_default();
        let code = code.trim().parse();
        let description = element.plain_attribute("DESCRIPTION").unwrap_or_default();
        Ok(Self {
            code: code.map_err(|_| DecodeError::Invalid("ERROR lacks its CODE, a number".to_owned()))?,
            description: description.chars().take(MAX_DESCRIPTION).collect(),
        })
    }
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status() {
            Some(status) => f.write_str(status.symbol())?,
            None => write!(f, "CIM error {}", self.code)?,
        }
        if !self.description.is_empty() {
            write!(f, ": {}", self.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for OperationError {}

impl Returned {
    /// The output parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&Argument> {
        self.parameters.iter().find(|parameter| parameter.name == *name)
    }

    /// The context that the next pull is to name; `None` at the end of the enumeration.
    ///
    /// # Errors
    /// If the reply says neither that it is the end nor how to go on.
    pub fn enumeration_context(&self) -> Result<Option<&str>, DecodeError> {
        let text = |name| {
            let value = self.parameter(name).and_then(|found| found.value.as_ref());
            value.map(Value::to_text)
        };
        if text("EndOfSequence").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let context = self.parameter("EnumerationContext");
        let context = context.and_then(|found| found.value.as_ref()?.as_str());
        context.map(Some).ok_or_else(|| {
            DecodeError::Invalid("the reply has neither EndOfSequence nor an EnumerationContext".to_owned())
        })
    }
}

impl ResponseMessage {
    /// Reads a response message.
    ///
    /// # Errors
    /// If it is malformed or none.
    pub fn decode(text: &str, limits: Limits) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(text, limits)?;
        let (message, message_id) = message::open(&mut reader)?;
        let first = child(&mut reader, &message)?;
        let mut responses = Vec::new();
        if first.local == "MULTIRSP" {
            while let Some(element) = reader.child(&first)? {
                responses.push(Response::decode(&mut reader, &element)?);
            }
        } else {
            responses.push(Response::decode(&mut reader, &first)?);
        }
        if responses.is_empty() {
            return Err(DecodeError::Invalid("MULTIRSP is empty".to_owned()));
        }
        reader.finish()?;
        Ok(Self {
            message_id,
            responses,
        })
    }
}

impl Response {
    /// Reads a `SIMPLERSP`.
    fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, DecodeError> {
        expect(element, "SIMPLERSP")?;
        let answer = child(reader, element)?;
        if !matches!(answer.local, "IMETHODRESPONSE" | "METHODRESPONSE") {
            return Err(DecodeError::misplaced(
                &answer,
                "IMETHODRESPONSE or METHODRESPONSE",
            ));
        }
        let name = answer.plain_attribute("NAME").unwrap_or_default().to_owned();
        let mut returned = Returned::default();
        let mut error = None;
        while let Some(part) = reader.child(&answer)? {
            match part.local {
                "ERROR" => error = Some(OperationError::decode(&part)?),
                "IRETURNVALUE" => {
                    while let Some(item) = reader.child(&part)? {
                        returned.items.push(Item::decode(reader, &item, &part)?);
                    }
                }
                "RETURNVALUE" => {
                    let (cim_type, _, value) = argument::decode_value(reader, &part)?;
                    returned.return_type = cim_type;
                    returned.items.extend(value.map(Item::Value));
                }
                "PARAMVALUE" => returned.parameters.push(argument::decode(reader, &part)?),
                _ => return Err(DecodeError::unexpected(&part, &answer)),
            }
        }
        Ok(Self {
            name,
            result: error.map_or(Ok(returned), Err),
        })
    }
}

impl Item {
    fn decode<'a>(
        reader: &mut Reader<'a>,
        element: &Start<'a>,
        parent: &Start<'a>,
    ) -> Result<Self, DecodeError> {
        Ok(match element.local {
            "CLASS" => Self::Class {
                path: None,
                class: class::decode(reader, element)?,
            },
            "INSTANCE" => Self::Instance {
                path: None,
                instance: instance::decode(reader, element)?,
            },
            "QUALIFIER.DECLARATION" => Self::Qualifier(qualifier::decode(reader, element)?),
            "CLASSNAME" | "CLASSPATH" | "LOCALCLASSPATH" | "INSTANCENAME" | "INSTANCEPATH"
            | "LOCALINSTANCEPATH" => Self::path(reader, element, parent)?,
            "OBJECTPATH" => {
                let inner = child(reader, element)?;
                Self::path(reader, &inner, element)?
            }
            "VALUE.OBJECT"
            | "VALUE.NAMEDINSTANCE"
            | "VALUE.NAMEDOBJECT"
            | "VALUE.OBJECTWITHPATH"
            | "VALUE.OBJECTWITHLOCALPATH"
            | "VALUE.INSTANCEWITHPATH" => Self::object(reader, element)?,
            _ => {
                let value = Reading::plain(CimType::String).decode(reader, element)?;
                Self::Value(value.ok_or_else(|| DecodeError::unexpected(element, parent))?)
            }
        })
    }

    fn path<'a>(
        reader: &mut Reader<'a>,
        element: &Start<'a>,
        parent: &Start<'a>,
    ) -> Result<Self, DecodeError> {
        let is_class = matches!(element.local, "CLASSNAME" | "CLASSPATH" | "LOCALCLASSPATH");
        let path = path::decode_any(reader, element, MAX_REFERENCES)?
            .ok_or_else(|| DecodeError::unexpected(element, parent))?;
        Ok(if is_class {
            Self::ClassPath(path)
        } else {
            Self::InstancePath(path)
        })
    }

    /// A class or an instance, behind its path or alone.
    fn object<'a>(reader: &mut Reader<'a>, holder: &Start<'a>) -> Result<Self, DecodeError> {
        let mut path = None;
        while let Some(element) = reader.child(holder)? {
            match element.local {
                "CLASS" => {
                    let class = class::decode(reader, &element)?;
                    return Ok(Self::Class { path, class });
                }
                "INSTANCE" => {
                    let instance = instance::decode(reader, &element)?;
                    return Ok(Self::Instance { path, instance });
                }
                _ => {
                    let found = path::decode_any(reader, &element, MAX_REFERENCES)?;
                    path = Some(found.ok_or_else(|| DecodeError::unexpected(&element, holder))?);
                }
            }
        }
        Err(DecodeError::Invalid(format!("{} holds no object", holder.local)))
    }
}
