//! One filter for all the ways in which a client says which instances it wants.

use super::{CheckedQuery, ClassLookup, XPath};
use crate::cim::{CimType, Class, Instance, InstancePath, KeyBinding, Name, Property, Value};

/// Which instances are wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Those that a query in WQL, CQL or FQL matches.
    Query(CheckedQuery),
    /// Those whose properties have these values.
    Selectors(Selectors),
    /// Those of which an XPath expression is true.
    XPath(XPath),
}

impl Filter {
    /// Whether an instance is wanted.
    pub fn matches(&self, instance: &Instance, schema: &dyn ClassLookup) -> bool {
        match self {
            Self::Query(query) => query.matches(instance, schema),
            Self::Selectors(selectors) => selectors.matches(instance),
            Self::XPath(xpath) => xpath.matches(instance, schema),
        }
    }

    /// Whether a property of a wanted instance is selected: a query may name some, the others want all.
    pub fn selects(&self, name: &Name) -> bool {
        match self {
            Self::Query(query) => query.selects(name),
            Self::Selectors(_) | Self::XPath(_) => true,
        }
    }

    /// The instance with nothing but the selected properties and those that `keep` wants beside them.
    pub fn project(&self, instance: Instance, keep: impl Fn(&Property) -> bool) -> Instance {
        match self {
            Self::Query(query) => query.project(instance, keep),
            Self::Selectors(_) | Self::XPath(_) => instance,
        }
    }
}

/// The selector filter (DSP0226, filter dialects): properties by name, each with the value it must have.
#[derive(Clone, Debug, PartialEq)]
pub struct Selectors(Vec<Wanted>);

#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    name: Name,
    value: Value,
}

/// Why selectors are no filter for a class.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SelectorError {
    /// The class has no such property.
    #[error("class `{class}` has no property `{property}`")]
    UnknownProperty {
        /// The class.
        class: Name,
        /// The property.
        property: Name,
    },
    /// The property is an array; a selector is one value.
    #[error("`{0}` is an array: a selector cannot be compared with it")]
    IsAnArray(Name),
    /// The text is no value of the property's type.
    #[error("selector `{property}`: `{text}` is no {expected}")]
    BadValue {
        /// The property.
        property: Name,
        /// The text as it came, cut to a readable length.
        text: String,
        /// The type.
        expected: CimType,
    },
}

impl Selectors {
    /// Holds selectors against the class they are for. A value is a text, as it comes on the wire, or a
    /// reference.
    ///
    /// # Errors
    /// [`SelectorError`] for the first that does not fit the class.
    pub fn check(
        selectors: impl IntoIterator<Item = KeyBinding>,
        class: &Class,
    ) -> Result<Self, SelectorError> {
        let wanted = selectors.into_iter().map(|selector| wanted(selector, class));
        wanted.collect::<Result<_, _>>().map(Self)
    }

    /// Whether the instance has all the values.
    pub fn matches(&self, instance: &Instance) -> bool {
        self.0
            .iter()
            .all(|wanted| instance.get(wanted.name.as_str()) == Some(&wanted.value))
    }
}

fn wanted(selector: KeyBinding, class: &Class) -> Result<Wanted, SelectorError> {
    let property = class
        .property(selector.name.as_str())
        .ok_or_else(|| SelectorError::UnknownProperty {
            class: class.name.clone(),
            property: selector.name.clone(),
        })?;
    if property.ty.is_array() {
        return Err(SelectorError::IsAnArray(property.name.clone()));
    }
    let cim_type = property.ty.cim_type;
    let typed = |text: &str| match cim_type {
        CimType::Reference => text.parse::<InstancePath>().ok().map(Value::from),
        _ => Value::from_text(cim_type, text).ok(),
    };
    let value = match selector.value {
        value if value.cim_type() == Some(cim_type) => value,
        value => typed(&value.to_text()).ok_or_else(|| SelectorError::BadValue {
            property: property.name.clone(),
            text: value.to_text().chars().take(80).collect(),
            expected: cim_type,
        })?,
    };
    Ok(Wanted {
        name: property.name.clone(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{classes, item};
    use super::super::{Language, Query};
    use super::*;

    fn selectors(pairs: &[(&str, Value)]) -> Result<Filter, String> {
        let selectors = pairs.iter().map(|(name, value)| KeyBinding {
            name: Name::new(name),
            value: value.clone(),
        });
        let classes = classes();
        let class = classes.class(&Name::from_static("CIM_SubItem")).unwrap();
        Selectors::check(selectors, class)
            .map(Filter::Selectors)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn selectors_compare_by_the_type_of_the_property() {
        let path = |id: u32| Value::from(InstancePath::new(Name::new("cim_item")).with_key("Id", id));
        for (pairs, expect) in [
            (vec![], true),
            (
                vec![("Name", Value::from("Box 7")), ("id", Value::from("3"))],
                true,
            ),
            (
                vec![("Name", Value::from("Box 7")), ("Id", Value::from("4"))],
                false,
            ),
            (vec![("Name", Value::from("box 7"))], false),
            (vec![("Enabled", Value::from("TRUE"))], true),
            (
                vec![("InstallDate", Value::from("20260131120000.000000+060"))],
                true,
            ),
            (vec![("Id", Value::from(3_u64))], true),
            (vec![("Parent", path(1))], true),
            (vec![("Parent", path(2))], false),
            (vec![("Parent", Value::from("root/cimv2:CIM_Item.Id=1"))], true),
            (vec![("Unknown", Value::from(""))], false),
        ] {
            let filter = selectors(&pairs).unwrap();
            assert_eq!(filter.matches(&item(), &classes()), expect, "{pairs:?}");
        }
    }

    #[test]
    fn bad_selectors_are_refused() {
        for (name, text, expect) in [
            ("Nothing", "x", "class `CIM_SubItem` has no property `Nothing`"),
            (
                "Status",
                "2",
                "`Status` is an array: a selector cannot be compared with it",
            ),
            ("Id", "x", "selector `Id`: `x` is no uint32"),
            ("Parent", "a b", "selector `Parent`: `a b` is no reference"),
        ] {
            assert_eq!(
                selectors(&[(name, Value::from(text))]),
                Err(expect.to_owned()),
                "{name}"
            );
        }
    }

    #[test]
    fn a_query_selects_properties_and_the_others_all() {
        let query = Query::parse(Language::Wql, "SELECT Name FROM CIM_Item").unwrap();
        let filter = Filter::Query(query.check(&classes()).unwrap());
        assert!(filter.matches(&item(), &classes()));
        let projected = filter.project(item(), |property| property.name == *"Id");
        assert_eq!(projected.properties().len(), 2);
        let filter = Filter::XPath(XPath::parse("Id=3").unwrap());
        assert!(filter.matches(&item(), &classes()));
        assert!(filter.selects(&Name::new("Size")));
        assert_eq!(filter.project(item(), |_| false), item());
    }
}
