//! Values as elements (DSP0201, 5.2.3): `VALUE`, `VALUE.ARRAY`, `VALUE.REFERENCE`, `VALUE.REFARRAY`, `KEYVALUE`.

use std::sync::Arc;

use super::{DecodeError, class, instance, name, path, type_attribute};
use crate::cim::{CimType, Namespace, Value};
use crate::xml::{Limits, Reader, Start, Writer};

/// How deep embedded objects may stand inside one another.
const MAX_EMBEDDING: usize = 16;

/// Writes a value of `cim_type` as the element that holds it. References that name no namespace are taken for
/// ones in `home`.
pub(super) fn encode(w: &mut Writer, cim_type: CimType, value: &Value, home: Option<&Namespace>) {
    match value {
        Value::Array(items) => {
            let holder = match cim_type {
                CimType::Reference => "VALUE.REFARRAY",
                _ => "VALUE.ARRAY",
            };
            w.element(name(holder), |w| {
                for item in items {
                    encode(w, cim_type, item, home);
                }
            });
        }
        Value::Reference(target) => path::encode_reference(w, target, home),
        single => w.element(name("VALUE"), |w| encode_single(w, single, home)),
    }
}

/// Writes the text of one value, escaped. An embedded object is written as CIM-XML itself.
fn encode_single(w: &mut Writer, value: &Value, home: Option<&Namespace>) {
    match value {
        Value::Instance(embedded) => {
            let mut inner = Writer::default().keeping_end_tags();
            instance::encode(&mut inner, embedded, home, instance::Shown::all());
            w.text(&inner.finish());
        }
        Value::Class(embedded) => w.text(&class::to_string(embedded)),
        value => encode_text(w, value),
    }
}

/// Writes the text of a value that is neither array, reference nor object.
pub(super) fn encode_text(w: &mut Writer, value: &Value) {
    match value {
        Value::Boolean(value) => w.raw(if *value { "TRUE" } else { "FALSE" }),
        Value::String(text) => w.text(text),
        value => match value.as_u64() {
            Some(number) => w.number(number),
            None => w.text(&value.to_text()),
        },
    }
}

/// What `EmbeddedObject` says of a value: nothing where it holds no objects.
pub(super) fn embedded_kind(value: &Value) -> Option<&'static str> {
    match value {
        Value::Instance(_) => Some("instance"),
        Value::Class(_) => Some("object"),
        Value::Array(items) => items.iter().filter_map(embedded_kind).max(),
        _ => None,
    }
}

/// How the texts of a property or parameter are to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// The type of the values.
    pub cim_type: CimType,
    /// Whether the texts are objects in CIM-XML themselves.
    pub is_embedded: bool,
    /// How many more embedded objects may stand inside one another.
    pub embedding: usize,
}

impl Reading {
    /// Plain values of `cim_type`.
    pub const fn plain(cim_type: CimType) -> Self {
        Self {
            cim_type,
            is_embedded: false,
            embedding: MAX_EMBEDDING,
        }
    }

    /// What the attributes of an element say of its values; `embedding` as in the field.
    pub fn of(element: &Start<'_>, embedding: usize) -> Result<Self, DecodeError> {
        Ok(Self {
            cim_type: type_attribute(element, "TYPE")?.unwrap_or(CimType::String),
            is_embedded: is_embedded(element),
            embedding,
        })
    }

    /// Reads the element that holds a value; `None` where it is no such element, or `VALUE.NULL`. An item of an array
    /// that is NULL is refused: our types hold none, and to leave it out would move those behind it.
    pub fn decode<'a>(
        self,
        reader: &mut Reader<'a>,
        element: &Start<'a>,
    ) -> Result<Option<Value>, DecodeError> {
        Ok(Some(match element.local {
            "VALUE" => {
                let text = reader.text(element)?;
                self.value(&text)?
            }
            "VALUE.REFERENCE" => {
                let target = path::decode_reference(reader, element, path::MAX_REFERENCES)?;
                Value::Reference(Box::new(target))
            }
            "VALUE.ARRAY" | "VALUE.REFARRAY" => {
                let mut items = Vec::new();
                while let Some(item) = reader.child(element)? {
                    match item.local {
                        "VALUE" | "VALUE.REFERENCE" => items.extend(self.decode(reader, &item)?),
                        "VALUE.NULL" => {
                            let place = items.len() + 1;
                            let reason = format!(
                                "item {place} of the array is NULL; only whole arrays may be NULL here"
                            );
                            return Err(DecodeError::Invalid(reason));
                        }
                        _ => return Err(DecodeError::unexpected(&item, element)),
                    }
                }
                Value::Array(items)
            }
            _ => return Ok(None),
        }))
    }

    /// The value that a text stands for.
    fn value(self, text: &str) -> Result<Value, DecodeError> {
        if self.is_embedded {
            return self.embedded(text);
        }
        Value::from_text(self.cim_type, text).map_err(|error| DecodeError::Invalid(error.to_string()))
    }

    /// The object that a text is.
    pub fn embedded(self, text: &str) -> Result<Value, DecodeError> {
        let Some(embedding) = self.embedding.checked_sub(1) else {
            return Err(DecodeError::Invalid(format!(
                "embedded objects stand more than {MAX_EMBEDDING} deep inside one another"
            )));
        };
        decode_object(text, embedding).map_err(|error| match error {
            // The place is one in the text, not in the message.
            DecodeError::Xml(error) => DecodeError::Invalid(format!("the embedded object: {error}")),
            other => other,
        })
    }
}

/// Reads a text that is an instance or a class in CIM-XML itself.
fn decode_object(text: &str, embedding: usize) -> Result<Value, DecodeError> {
    let mut reader = Reader::new(text, Limits::default())?;
    let root = reader.root()?;
    let value = match root.local {
        "INSTANCE" => Value::Instance(Arc::new(instance::decode_within(&mut reader, &root, embedding)?)),
        "CLASS" => Value::Class(Arc::new(class::decode(&mut reader, &root)?)),
        _ => return Err(DecodeError::misplaced(&root, "INSTANCE or CLASS")),
    };
    reader.finish()?;
    Ok(value)
}

/// Whether an element says that its values are embedded objects. Some peers spell the attribute in capitals.
pub(super) fn is_embedded(element: &Start<'_>) -> bool {
    ["EmbeddedObject", "EMBEDDEDOBJECT"]
        .iter()
        .filter_map(|name| element.plain_attribute(name))
        .any(|kind| !kind.is_empty())
}

/// How deep embedded objects may stand in an object that is embedded nowhere.
pub(super) const fn no_embedding() -> usize {
    MAX_EMBEDDING
}

/// The values of keys (DSP0201, `KEYVALUE`).
pub(super) struct KeyText;

impl KeyText {
    /// What `VALUETYPE` says of a value.
    pub fn kind(value: &Value) -> &'static str {
        match value {
            Value::Boolean(_) => "boolean",
            value if value.cim_type().is_some_and(CimType::is_numeric) => "numeric",
            _ => "string",
        }
    }

    /// Reads a `KEYVALUE`: of its TYPE where it says that, else as a string until the class says more.
    pub fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Value, DecodeError> {
        let declared = type_attribute(element, "TYPE")?;
        let kind = element.plain_attribute("VALUETYPE").unwrap_or("string");
        let is = |wanted: &str| kind.eq_ignore_ascii_case(wanted);
        let (is_boolean, is_number) = (is("boolean"), is("numeric"));
        let text = reader.text(element)?;
        let of = |cim_type| Value::from_text(cim_type, &text);
        let value = match declared {
            Some(cim_type) => of(cim_type),
            None if is_boolean => of(CimType::Boolean),
            // A text that no number is written as, like 007, may yet be the key of a string.
            None if is_number => of(CimType::Uint64)
                .or_else(|_| of(CimType::Sint64))
                .or_else(|_| of(CimType::Real64))
                .map(|number| {
                    if number.to_text() == text {
                        number
                    } else {
                        Value::string(&*text)
                    }
                }),
            None => of(CimType::String),
        };
        value.map_err(|error| DecodeError::Invalid(format!("a key: {error}")))
    }
}
