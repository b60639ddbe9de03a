//! Fragments of an instance (DSP0226, fragment-level transfer): an XPath level 1 path that names properties,
//! items of arrays or their text, and what reading and writing them means.

use super::ast::At;
use super::xpath::{self, Expression, Node, Path, Step};
use super::{ClassLookup, QueryError, Reason};
use crate::cim::{Instance, Name, Property, Value};

/// An expression of fragment transfer.
#[derive(Clone, Debug, PartialEq)]
pub struct Fragment(Path);

/// What a fragment is of an instance.
#[derive(Clone, Debug, PartialEq)]
pub enum Fragments {
    /// The whole instance.
    Instance,
    /// These elements, in order.
    Properties(Vec<FragmentProperty>),
    /// The text of these elements, where the expression ends in `text()`.
    Texts(Vec<String>),
}

/// A property that is a fragment. Of an array, the value holds only the items that the fragment names.
#[derive(Clone, Debug, PartialEq)]
pub struct FragmentProperty {
    /// The class of the instance that has the property: an embedded one may be of another class than the whole.
    pub class_name: Name,
    /// The property.
    pub property: Property,
}

/// The one place that a fragment names, where it can be written.
#[derive(Clone, Debug, PartialEq)]
pub struct FragmentTarget {
    /// The property.
    pub property: Name,
    /// Which item of it, from 0; `None` for the whole property.
    pub index: Option<usize>,
}

/// Why a fragment cannot be written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FragmentError {
    /// The instance has no such property.
    #[error("the instance has no property `{0}`")]
    NoProperty(Name),
    /// An index on what is no array.
    #[error("`{0}` is no array")]
    NotAnArray(Name),
    /// The array ends before that item.
    #[error("`{property}` has {length} items: there is no item {}", .index + 1)]
    NoItem {
        /// The array.
        property: Name,
        /// The item asked for, from 0.
        index: usize,
        /// How many there are.
        length: usize,
    },
    /// Creating what is there.
    #[error("`{0}` has a value: put another in its place, or name an item to insert one")]
    Exists(Name),
}

impl Fragment {
    /// Reads an expression: `Prop`, `/CIM_X/Prop`, `Prop[2]`, `Prop/text()`, `Inner/Prop`, `Prop[.="x"]`, `*`.
    ///
    /// # Errors
    /// What is wrong with the text and where.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        xpath::path(text).map(Self)
    }

    /// The fragment of an instance; empty where the path leads to nothing.
    pub fn select(&self, instance: &Instance, schema: &dyn ClassLookup) -> Fragments {
        let nodes = xpath::select(&self.0, instance, schema);
        if self.0.text {
            return Fragments::Texts(nodes.into_iter().map(|node| node.text().into_owned()).collect());
        }
        let mut properties: Vec<FragmentProperty> = Vec::new();
        let mut last: Option<&Property> = None;
        for node in nodes {
            let Node::Item {
                owner,
                property,
                value,
            } = node
            else {
                return Fragments::Instance;
            };
            let next_item = last.is_some_and(|last| std::ptr::eq(last, property));
            match properties.last_mut() {
                Some(FragmentProperty {
                    property:
                        Property {
                            value: Some(Value::Array(items)),
                            ..
                        },
                    ..
                }) if next_item => items.extend(value.cloned()),
                _ => properties.push(FragmentProperty {
                    class_name: owner.class_name.clone(),
                    property: with_items(property, value),
                }),
            }
            last = Some(property);
        }
        Fragments::Properties(properties)
    }

    /// The one property or item that the expression names, where it can be written.
    ///
    /// # Errors
    /// The place of what names no single property of the instance itself.
    pub fn target(&self, class: &Name, text: &str) -> Result<FragmentTarget, QueryError> {
        let unfit = |at: At| {
            Reason::Unsupported("only one property of the instance, or one item of it, can be written")
                .at(text, at.0)
        };
        let step = match self.0.steps.as_slice() {
            [step] if !self.0.absolute => step,
            [root, step]
                if root.predicates.is_empty() && root.name.as_ref().is_none_or(|name| name == class) =>
            {
                step
            }
            [first, ..] => return Err(unfit(first.at)),
            [] => return Err(unfit(At(0))),
        };
        match step {
            Step {
                name: Some(name),
                predicates,
                ..
            } => {
                let index = match predicates.as_slice() {
                    [] => None,
                    [Expression::Position(position)] => usize::try_from(*position - 1).ok(),
                    _ => return Err(unfit(step.at)),
                };
                Ok(FragmentTarget {
                    property: name.clone(),
                    index,
                })
            }
            Step { at, .. } => Err(unfit(*at)),
        }
    }
}

/// The property with one item, or with its only value.
fn with_items(property: &Property, value: Option<&Value>) -> Property {
    let value = if property.is_array {
        value.map(|item| Value::Array(vec![item.clone()]))
    } else {
        value.cloned()
    };
    Property {
        value,
        ..property.clone()
    }
}

impl FragmentTarget {
    /// Puts a value in the place of the fragment. For an item, `value` is that item alone.
    ///
    /// # Errors
    /// [`FragmentError`], where the place is not there.
    pub fn put(&self, instance: &mut Instance, value: Option<Value>) -> Result<(), FragmentError> {
        match (self.index, value) {
            (None, value) => self.property(instance)?.value = value,
            (Some(index), Some(value)) => {
                if let Some(item) = self.items(instance, index, 0)?.get_mut(index) {
                    *item = value;
                }
            }
            (Some(_), None) => return self.delete(instance),
        }
        Ok(())
    }

    /// Makes the fragment: a property that is NULL gets the value; an item is inserted before the one that
    /// stands there, or appended.
    ///
    /// # Errors
    /// [`FragmentError`], where the place is taken or out of reach.
    pub fn create(&self, instance: &mut Instance, value: Value) -> Result<(), FragmentError> {
        if let Some(index) = self.index {
            self.items(instance, index, 1)?.insert(index, value);
            return Ok(());
        }
        let property = self.property(instance)?;
        if property.value.is_some() {
            return Err(FragmentError::Exists(property.name.clone()));
        }
        property.value = Some(value);
        Ok(())
    }

    /// Takes the fragment away: a property becomes NULL, an item is removed.
    ///
    /// # Errors
    /// [`FragmentError`], where there is nothing to take away.
    pub fn delete(&self, instance: &mut Instance) -> Result<(), FragmentError> {
        match self.index {
            None => self.property(instance)?.value = None,
            Some(index) => {
                self.items(instance, index, 0)?.remove(index);
            }
        }
        Ok(())
    }

    fn property<'a>(&self, instance: &'a mut Instance) -> Result<&'a mut Property, FragmentError> {
        instance
            .properties_mut()
            .iter_mut()
            .find(|property| property.name == self.property)
            .ok_or_else(|| FragmentError::NoProperty(self.property.clone()))
    }

    /// The items of an array, once it is sure that `index` is at most `beyond` items after the last one. NULL
    /// counts as an empty array.
    fn items<'a>(
        &self,
        instance: &'a mut Instance,
        index: usize,
        beyond: usize,
    ) -> Result<&'a mut Vec<Value>, FragmentError> {
        let property = self.property(instance)?;
        let length = property.value.as_ref().map_or(0, |value| value.items().len());
        if !property.is_array {
            return Err(FragmentError::NotAnArray(self.property.clone()));
        }
        if index >= length + beyond {
            return Err(FragmentError::NoItem {
                property: self.property.clone(),
                index,
                length,
            });
        }
        match property.value.get_or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(items) => Ok(items),
            _ => Err(FragmentError::NotAnArray(self.property.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{classes, item, modification};
    use super::*;

    /// What a fragment is, as text: `Class.Property=value` for properties.
    #[track_caller]
    fn check(text: &str, instance: &Instance, expect: &str) {
        let fragment = Fragment::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let shown = match fragment.select(instance, &classes()) {
            Fragments::Instance => "whole".to_owned(),
            Fragments::Texts(texts) => texts.join("|"),
            Fragments::Properties(properties) => properties.iter().map(show).collect::<Vec<_>>().join(" "),
        };
        assert_eq!(shown, expect, "{text}");
    }

    fn show(fragment: &FragmentProperty) -> String {
        let items = fragment
            .property
            .value
            .as_ref()
            .map(Value::items)
            .unwrap_or_default();
        let items: Vec<String> = items.iter().map(Value::to_text).collect();
        format!(
            "{}.{}={}",
            fragment.class_name,
            fragment.property.name,
            items.join(",")
        )
    }

    #[test]
    fn fragments_are_read() {
        check("Name", &item(), "CIM_SubItem.Name=Box 7");
        check("p:name", &item(), "CIM_SubItem.Name=Box 7");
        check("/p:CIM_SubItem/p:Name", &item(), "CIM_SubItem.Name=Box 7");
        check("CIM_SubItem/Name", &item(), "CIM_SubItem.Name=Box 7");
        check("Name/text()", &item(), "Box 7");
        check("Status", &item(), "CIM_SubItem.Status=2,5");
        check("Status[2]", &item(), "CIM_SubItem.Status=5");
        check("Status[2]/text()", &item(), "5");
        check("Status/text()", &item(), "2|5");
        check("Notes[.='two']", &item(), "CIM_SubItem.Notes=two");
        check("Status[3]", &item(), "");
        check("Nothing", &item(), "");
        check("Unknown", &item(), "CIM_SubItem.Unknown=");
        check("Unknown/text()", &item(), "");
        check("/CIM_SubItem", &item(), "whole");
        check("/CIM_Other/Name", &item(), "");
        check("*[.='Box 7']", &item(), "CIM_SubItem.Name=Box 7");
        check(
            "*[.='5' or .='2']",
            &item(),
            "CIM_SubItem.Health=5 CIM_SubItem.Status=2,5",
        );
        check(
            "*/Load",
            &modification(),
            "CIM_SubItem.Load=0.5 CIM_SubItem.Load=0.25",
        );
        check("PreviousInstance/Load", &modification(), "CIM_SubItem.Load=0.25");
    }

    #[track_caller]
    fn target(text: &str) -> Result<FragmentTarget, String> {
        Fragment::parse(text)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .target(&Name::from_static("CIM_SubItem"), text)
            .map_err(|error| error.to_string())
    }

    #[track_caller]
    fn at(text: &str) -> FragmentTarget {
        target(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn only_one_place_can_be_written() {
        let place = |property: &str, index| {
            Ok(FragmentTarget {
                property: Name::new(property),
                index,
            })
        };
        assert_eq!(target("Name"), place("Name", None));
        assert_eq!(target("/CIM_SubItem/Name/text()"), place("Name", None));
        assert_eq!(target("p:Status[2]"), place("Status", Some(1)));
        for (text, column) in [
            ("*", 1),
            ("Inner/Name", 1),
            ("Notes[.='x']", 1),
            ("Status[1][1]", 1),
            ("/CIM_Other/Name", 2),
            ("/CIM_SubItem/*", 14),
            (".", 1),
        ] {
            let expect = format!(
                "line 1, column {column}: only one property of the instance, or one item of it, can be written"
            );
            assert_eq!(target(text), Err(expect), "{text}");
        }
    }

    #[test]
    fn fragments_are_written() {
        let mut instance = item();
        at("Name").put(&mut instance, Some(Value::string("new"))).unwrap();
        at("Status[2]")
            .put(&mut instance, Some(Value::Uint16(6)))
            .unwrap();
        at("Status[3]").create(&mut instance, Value::Uint16(7)).unwrap();
        at("Status[1]").create(&mut instance, Value::Uint16(1)).unwrap();
        at("Notes[1]").delete(&mut instance).unwrap();
        at("Extra").delete(&mut instance).unwrap();
        at("Unknown")
            .create(&mut instance, Value::string("known"))
            .unwrap();
        check("Name", &instance, "CIM_SubItem.Name=new");
        check("Status", &instance, "CIM_SubItem.Status=1,2,6,7");
        check("Notes", &instance, "CIM_SubItem.Notes=two");
        check("Unknown", &instance, "CIM_SubItem.Unknown=known");
        assert_eq!(instance.get("Extra"), None);
    }

    #[test]
    fn what_cannot_be_written_says_why_and_changes_nothing() {
        let mut instance = item();
        let mut refused = |result: fn(&mut Instance) -> Result<(), FragmentError>, expect: &str| {
            let error = result(&mut instance).unwrap_err();
            assert_eq!(error.to_string(), expect);
        };
        refused(
            |instance| at("Nothing").put(instance, Some(Value::Uint16(1))),
            "the instance has no property `Nothing`",
        );
        refused(
            |instance| at("Name[1]").put(instance, Some(Value::Uint16(1))),
            "`Name` is no array",
        );
        refused(
            |instance| at("Status[3]").put(instance, Some(Value::Uint16(1))),
            "`Status` has 2 items: there is no item 3",
        );
        refused(
            |instance| at("Status[4]").create(instance, Value::Uint16(1)),
            "`Status` has 2 items: there is no item 4",
        );
        refused(
            |instance| at("Status[3]").delete(instance),
            "`Status` has 2 items: there is no item 3",
        );
        refused(
            |instance| at("Id").create(instance, Value::Uint16(1)),
            "`Id` has a value: put another in its place, or name an item to insert one",
        );
        assert_eq!(instance, item());
    }
}
