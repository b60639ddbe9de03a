//! Instances: a class name and typed properties (DSP0004, 5.1).

use super::{CimType, Name, Value};

/// One property of an instance. Its type is known even while its value is NULL.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The name, as the class declares it.
    pub name: Name,
    /// The type of the value, of its items where it is an array.
    pub cim_type: CimType,
    /// Whether it is an array.
    pub is_array: bool,
    /// The value; `None` is NULL.
    pub value: Option<Value>,
}

/// An instance of a class. Properties keep the order in which they were set.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The class it was created of.
    pub class_name: Name,
    /// Its properties; no name stands twice.
    properties: Vec<Property>,
}

impl Instance {
    /// An instance without properties.
    pub fn new(class_name: Name) -> Self {
        Self {
            class_name,
            properties: Vec::new(),
        }
    }

    /// An instance without properties, with room for `count` of them.
    pub fn with_capacity(class_name: Name, count: usize) -> Self {
        Self {
            class_name,
            properties: Vec::with_capacity(count),
        }
    }

    /// All properties, in order.
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// All properties, in order, for changing their values.
    pub fn properties_mut(&mut self) -> &mut [Property] {
        &mut self.properties
    }

    /// The property of that name.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == *name)
    }

    /// The value of the property of that name; `None` where it is NULL or missing.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.property(name).and_then(|property| property.value.as_ref())
    }

    /// The text of a string property.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Adds a property or takes the place of the one with the same name.
    pub fn set_property(&mut self, property: Property) {
        match self.properties.iter_mut().find(|old| old.name == property.name) {
            Some(old) => *old = property,
            None => self.properties.push(property),
        }
    }

    /// Sets a value whose type speaks for itself.
    pub fn set(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        let value = value.into();
        let cim_type = value.cim_type().unwrap_or(CimType::String);
        let is_array = value.is_array();
        self.set_property(Property {
            name: name.into(),
            cim_type,
            is_array,
            value: Some(value),
        });
    }

    /// Sets a value that may be unknown: then the property is NULL of type `cim_type`.
    pub fn set_or_null(&mut self, name: impl Into<Name>, cim_type: CimType, value: Option<impl Into<Value>>) {
        let value = value.map(Into::into);
        let is_array = value.as_ref().is_some_and(Value::is_array);
        self.set_property(Property {
            name: name.into(),
            cim_type,
            is_array,
            value,
        });
    }

    /// Appends without looking for an earlier property of that name. The caller knows that there is none;
    /// building an instance from a class declaration is linear this way.
    pub fn push(&mut self, property: Property) {
        debug_assert!(
            self.property(property.name.as_str()).is_none(),
            "{} stands twice",
            property.name
        );
        self.properties.push(property);
    }

    /// Keeps the properties that `keep` says yes to.
    pub fn retain(&mut self, keep: impl FnMut(&Property) -> bool) {
        self.properties.retain(keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_found_without_case_and_replaced() {
        let mut instance = Instance::new(Name::from_static("CIM_Processor"));
        instance.set("LoadPercentage", 5_u16);
        instance.set("loadpercentage", 6_u16);
        instance.set_or_null("Role", CimType::String, None::<&str>);
        assert_eq!(instance.properties().len(), 2);
        assert_eq!(instance.get("LOADPERCENTAGE"), Some(&Value::Uint16(6)));
        assert_eq!(instance.get("Role"), None);
        assert_eq!(
            instance.property("role").map(|p| p.cim_type),
            Some(CimType::String)
        );
    }
}
