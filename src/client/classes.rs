//! The classes of this program, for the types and words of what other programs send.

use std::sync::{Arc, OnceLock};

use crate::cim::schema::{Schema, house};
use crate::cim::{CimType, Class, Instance, Name, Property, Value};
use crate::wsman::RawInstance;
use crate::wsman::typed::typed_as_far_as_known;

/// The classes of the schema in this binary, read when the first is asked for.
#[derive(Debug, Default)]
pub struct Classes(OnceLock<Option<Schema>>);

impl Classes {
    /// The class of that name, whichever namespace it is in: it is the same in all.
    pub fn find(&self, name: &Name) -> Option<Arc<Class>> {
        // Without a schema everything is shown as text; that the schema is sound has its own tests.
        let schema = self.0.get_or_init(|| house().ok()).as_ref()?;
        schema
            .namespaces()
            .find_map(|namespace| namespace.class(name))
            .map(Arc::clone)
    }

    /// An instance with the types that are known.
    pub fn typed(&self, raw: &RawInstance) -> Instance {
        let find = |name: &Name| self.find(name);
        let class = self.find(&Name::new(&raw.class_name));
        typed_as_far_as_known(raw, class.as_deref(), &find)
    }

    /// What a method of `class` gives back, with the types of its parameters where they are known.
    pub fn outputs(&self, raw: &RawInstance, class: Option<&Class>, method: &Name) -> Instance {
        let mut outputs = self.typed(raw);
        let Some(method) = class.and_then(|class| class.method(method.as_str())) else {
            return outputs;
        };
        for property in outputs.properties_mut() {
            let cim_type = match method.parameter(property.name.as_str()) {
                Some(parameter) => parameter.ty.cim_type,
                None if property.name == *"ReturnValue" => method.return_type,
                None => continue,
            };
            retype(property, cim_type);
        }
        outputs
    }
}

/// Gives texts their type.
fn retype(property: &mut Property, cim_type: CimType) {
    let typed = |value: &Value| match value {
        Value::String(text) => Value::from_text(cim_type, text).ok(),
        _ => None,
    };
    match &mut property.value {
        Some(Value::Array(items)) => {
            for item in items {
                if let Some(value) = typed(item) {
                    *item = value;
                }
            }
        }
        Some(single) => {
            if let Some(value) = typed(single) {
                *single = value;
            }
        }
        None => {}
    }
}
