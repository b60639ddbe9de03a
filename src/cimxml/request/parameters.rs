//! The parameters of an operation (DSP0201, 5.2.6: `IPARAMVALUE`), taken one by one by those who know their types.

use crate::cim::{CimError, CimType, Instance, InstancePath, Name, Value};
use crate::cimxml::message::{child, expect};
use crate::cimxml::path::{self, MAX_REFERENCES};
use crate::cimxml::value::Reading;
use crate::cimxml::{DecodeError, ObjectName, instance, name_attribute};
use crate::xml::{Reader, Start};

/// What was given and not yet taken.
pub struct Parameters {
    operation: String,
    given: Vec<(String, Content)>,
}

/// What a parameter holds.
enum Content {
    /// Nothing, which is NULL: it stands for the default.
    Null,
    /// A value or a reference; values are strings.
    Value(Value),
    Class(Name),
    InstanceName(InstancePath),
    Instance(Instance),
    NamedInstance(InstancePath, Instance),
    /// A declaration of a class or qualifier; no operation that we offer takes one.
    Declaration,
}

impl Parameters {
    /// Reads the parameters of `call`, behind its namespace. The outer errors are those of the message, the inner
    /// ones those of the operation.
    pub fn decode<'a>(
        reader: &mut Reader<'a>,
        call: &Start<'a>,
        operation: &str,
    ) -> Result<Result<Self, CimError>, DecodeError> {
        let mut given: Vec<(String, Content)> = Vec::new();
        let mut twice = None;
        while let Some(element) = reader.child(call)? {
            expect(&element, "IPARAMVALUE")?;
            let name = name_attribute(&element, "NAME")?;
            let content = Content::decode(reader, &element)
                .map_err(|error| error.at(|| format!("the parameter {name}")))?;
            if given.iter().any(|(known, _)| name == **known) {
                twice = Some(name.clone());
            }
            given.push((name.as_str().to_owned(), content));
        }
        Ok(match twice {
            Some(name) => Err(CimError::invalid_parameter(format!(
                "the parameter {name} stands twice"
            ))),
            None => Ok(Self {
                operation: operation.to_owned(),
                given,
            }),
        })
    }

    /// Makes sure that nothing was given that the operation does not know.
    pub fn finish(self) -> Result<(), CimError> {
        match self.given.first() {
            None => Ok(()),
            Some((name, _)) => Err(CimError::invalid_parameter(format!(
                "{} has no parameter {name}",
                self.operation
            ))),
        }
    }

    /// The error for a parameter that must be given and is not.
    pub fn missing(&self, name: &str) -> CimError {
        CimError::invalid_parameter(format!("{} lacks its parameter {name}", self.operation))
    }

    fn take(&mut self, name: &str) -> Content {
        let at = self
            .given
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(name));
        at.map_or(Content::Null, |at| self.given.remove(at).1)
    }

    fn wrong(&self, name: &str, wanted: &str) -> CimError {
        CimError::invalid_parameter(format!(
            "the parameter {name} of {} is to be {wanted}",
            self.operation
        ))
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, CimError> {
        value.ok_or_else(|| self.missing(name))
    }

    /// A text; blank text is text.
    pub fn optional_text(&mut self, name: &str) -> Result<Option<String>, CimError> {
        match self.take(name) {
            Content::Null => Ok(None),
            Content::Value(Value::String(text)) => Ok(Some(text)),
            _ => Err(self.wrong(name, "a text (VALUE)")),
        }
    }

    /// A text that must be given.
    pub fn text(&mut self, name: &str) -> Result<String, CimError> {
        let text = self.optional_text(name)?;
        self.required(name, text)
    }

    /// A boolean.
    pub fn boolean(&mut self, name: &str, default: bool) -> Result<bool, CimError> {
        let value = match self.optional_text(name)? {
            None => return Ok(default),
            Some(text) => Value::from_text(CimType::Boolean, &text).ok(),
        };
        let value = value.as_ref().and_then(Value::as_bool);
        value.ok_or_else(|| self.wrong(name, "TRUE or FALSE"))
    }

    /// A `uint32`.
    pub fn number(&mut self, name: &str) -> Result<Option<u32>, CimError> {
        let Some(text) = self.optional_text(name)? else {
            return Ok(None);
        };
        match Value::from_text(CimType::Uint32, &text) {
            Ok(Value::Uint32(number)) => Ok(Some(number)),
            _ => Err(self.wrong(name, "a number from 0 to 4294967295")),
        }
    }

    /// The name of a property, qualifier or role. An empty one counts as none, as some clients send it.
    pub fn optional_name(&mut self, name: &str) -> Result<Option<Name>, CimError> {
        match self.take(name) {
            Content::Null => Ok(None),
            Content::Value(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Content::Value(Value::String(text)) => match Name::parse(text.trim()) {
                Ok(parsed) => Ok(Some(parsed)),
                Err(error) => Err(CimError::invalid_parameter(format!(
                    "the parameter {name}: {error}"
                ))),
            },
            Content::Class(class) => Ok(Some(class)),
            _ => Err(self.wrong(name, "a name")),
        }
    }

    /// The name of a property or qualifier that must be given.
    pub fn name(&mut self, name: &str) -> Result<Name, CimError> {
        let value = self.optional_name(name)?;
        self.required(name, value)
    }

    /// The name of a class; clients send a `CLASSNAME`, and some a `VALUE`.
    pub fn optional_class(&mut self, name: &str) -> Result<Option<Name>, CimError> {
        self.optional_name(name)
    }

    /// The name of a class that must be given.
    pub fn class(&mut self, name: &str) -> Result<Name, CimError> {
        self.name(name)
    }

    /// A list of names.
    pub fn names(&mut self, name: &str) -> Result<Option<Vec<Name>>, CimError> {
        let items = match self.take(name) {
            Content::Null => return Ok(None),
            Content::Value(Value::Array(items)) => items,
            Content::Value(single @ Value::String(_)) => vec![single],
            _ => return Err(self.wrong(name, "a list of names (VALUE.ARRAY)")),
        };
        let names = items.iter().filter_map(Value::as_str);
        Ok(Some(names.map(|item| Name::new(item.trim())).collect()))
    }

    /// The name of an instance that must be given.
    pub fn instance_name(&mut self, name: &str) -> Result<InstancePath, CimError> {
        match self.take(name) {
            Content::Null => Err(self.missing(name)),
            Content::InstanceName(path) => Ok(path),
            Content::Value(Value::Reference(path)) => Ok(*path),
            _ => Err(self.wrong(name, "an INSTANCENAME")),
        }
    }

    /// The name of a class or an instance that must be given.
    pub fn object(&mut self, name: &str) -> Result<ObjectName, CimError> {
        match self.take(name) {
            Content::Null => Err(self.missing(name)),
            Content::Class(class) => Ok(ObjectName::Class(class)),
            Content::InstanceName(path) => Ok(object(path)),
            Content::Value(Value::Reference(path)) => Ok(object(*path)),
            _ => Err(self.wrong(name, "an INSTANCENAME or a CLASSNAME")),
        }
    }

    /// An instance that must be given.
    pub fn instance(&mut self, name: &str) -> Result<Instance, CimError> {
        match self.take(name) {
            Content::Null => Err(self.missing(name)),
            Content::Instance(instance) | Content::NamedInstance(_, instance) => Ok(instance),
            _ => Err(self.wrong(name, "an INSTANCE")),
        }
    }

    /// An instance with its name that must be given.
    pub fn named_instance(&mut self, name: &str) -> Result<(InstancePath, Instance), CimError> {
        match self.take(name) {
            Content::Null => Err(self.missing(name)),
            Content::NamedInstance(path, instance) => Ok((path, instance)),
            _ => Err(self.wrong(name, "a VALUE.NAMEDINSTANCE")),
        }
    }

    /// A value of any type, as text or reference.
    pub fn value(&mut self, name: &str) -> Result<Option<Value>, CimError> {
        match self.take(name) {
            Content::Null => Ok(None),
            Content::Value(value) => Ok(Some(value)),
            Content::InstanceName(path) => Ok(Some(Value::Reference(Box::new(path)))),
            _ => Err(self.wrong(name, "a value")),
        }
    }
}

/// What a path names: without keys a class, as some clients write it.
fn object(path: InstancePath) -> ObjectName {
    if path.keys.is_empty() {
        ObjectName::Class(path.class_name)
    } else {
        ObjectName::Instance(path)
    }
}

impl Content {
    fn decode<'a>(reader: &mut Reader<'a>, parameter: &Start<'a>) -> Result<Self, DecodeError> {
        let Some(element) = reader.child(parameter)? else {
            return Ok(Self::Null);
        };
        Ok(match element.local {
            "CLASSNAME" => match element.plain_attribute("NAME") {
                // How some clients say that they name no class.
                Some("") => Self::Null,
                _ => Self::Class(name_attribute(&element, "NAME")?),
            },
            "INSTANCENAME" => {
                Self::InstanceName(path::decode_instance_name(reader, &element, MAX_REFERENCES)?)
            }
            "INSTANCE" => Self::Instance(instance::decode(reader, &element)?),
            "VALUE.NAMEDINSTANCE" => {
                let name = child(reader, &element)?;
                expect(&name, "INSTANCENAME")?;
                let path = path::decode_instance_name(reader, &name, MAX_REFERENCES)?;
                let missing = || DecodeError::Invalid("VALUE.NAMEDINSTANCE lacks its INSTANCE".to_owned());
                let body = reader.child(&element)?.ok_or_else(missing)?;
                expect(&body, "INSTANCE")?;
                Self::NamedInstance(path, instance::decode(reader, &body)?)
            }
            "CLASS" | "QUALIFIER.DECLARATION" => Self::Declaration,
            "VALUE.NULL" => Self::Null,
            _ => match Reading::plain(CimType::String).decode(reader, &element)? {
                Some(value) => Self::Value(value),
                None => return Err(DecodeError::unexpected(&element, parameter)),
            },
        })
    }
}
