//! Walking an instance as the element it is sent as. Paths only lead down, so each part of an expression meets
//! each element at most once.

use std::borrow::Cow;

use super::super::ClassLookup;
use super::super::ast::CompareOp;
use super::super::eval::order_numbers;
use super::{Constant, Expression, Path, Step};
use crate::cim::{Instance, Name, Property, Value};

/// An element.
#[derive(Clone, Copy)]
pub enum Node<'a> {
    /// That of the instance itself.
    Instance(&'a Instance),
    /// That of a property's value, or of one item of it.
    Item {
        /// The instance that has the property.
        owner: &'a Instance,
        /// The property.
        property: &'a Property,
        /// The value; `None` where the property is NULL.
        value: Option<&'a Value>,
    },
}

impl<'a> Node<'a> {
    /// The instance whose properties are the element's children.
    fn instance(self) -> Option<&'a Instance> {
        match self {
            Self::Instance(instance) => Some(instance),
            Self::Item {
                value: Some(Value::Instance(inner)),
                ..
            } => Some(inner),
            Self::Item { .. } => None,
        }
    }

    /// The text in the element.
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Self::Item {
                value: Some(Value::String(text)),
                ..
            } => Cow::Borrowed(text),
            Self::Item {
                value: Some(Value::Reference(path)),
                ..
            } => Cow::Owned(path.to_string()),
            Self::Item {
                value: Some(value), ..
            } => Cow::Owned(value.to_text()),
            Self::Item { value: None, .. } | Self::Instance(_) => Cow::Borrowed(""),
        }
    }
}

/// Whether an expression is true of an instance.
pub fn holds(expression: &Expression, instance: &Instance, schema: &dyn ClassLookup) -> bool {
    Walk { schema }.holds(expression, Node::Instance(instance), 1)
}

/// The elements that a path leads to.
pub fn select<'a>(path: &Path, instance: &'a Instance, schema: &dyn ClassLookup) -> Vec<Node<'a>> {
    Walk { schema }.select(path, Node::Instance(instance))
}

struct Walk<'s> {
    schema: &'s dyn ClassLookup,
}

impl Walk<'_> {
    fn holds(&self, expression: &Expression, context: Node<'_>, position: usize) -> bool {
        match expression {
            Expression::And(parts) => parts.iter().all(|part| self.holds(part, context, position)),
            Expression::Or(parts) => parts.iter().any(|part| self.holds(part, context, position)),
            Expression::Not(inner) => !self.holds(inner, context, position),
            Expression::Position(wanted) => usize::try_from(*wanted) == Ok(position),
            Expression::Exists(path) => !self.select(path, context).is_empty(),
            Expression::Compare { path, op, constant } => self
                .select(path, context)
                .into_iter()
                .any(|node| compare(node, *op, constant)),
        }
    }

    fn select<'a>(&self, path: &Path, context: Node<'a>) -> Vec<Node<'a>> {
        let mut nodes = vec![context];
        let mut steps = path.steps.iter().peekable();
        // The root has one child, the element of the instance; a relative path may name it, too.
        if let Node::Instance(instance) = context
            && let Some(step) = steps.next_if(|step| path.absolute || self.is_root(step, instance))
            && !(self.names(step, instance) && self.passes(step, context, 1))
        {
            nodes.clear();
        }
        for step in steps {
            nodes = nodes.into_iter().flat_map(|node| self.step(step, node)).collect();
        }
        if path.text {
            nodes.retain(|node| !node.text().is_empty());
        }
        nodes
    }

    /// Whether a first step names the instance's class and not one of its properties.
    fn is_root(&self, step: &Step, instance: &Instance) -> bool {
        step.name
            .as_ref()
            .is_some_and(|name| instance.property(name.as_str()).is_none() && self.is_of(instance, name))
    }

    fn names(&self, step: &Step, instance: &Instance) -> bool {
        step.name.as_ref().is_none_or(|name| self.is_of(instance, name))
    }

    /// A representation may bear the name of any class that the instance is of: polymorphism decides that.
    fn is_of(&self, instance: &Instance, name: &Name) -> bool {
        instance.class_name == *name || self.schema.is_a(&instance.class_name, name)
    }

    fn passes(&self, step: &Step, node: Node<'_>, position: usize) -> bool {
        step.predicates
            .iter()
            .all(|predicate| self.holds(predicate, node, position))
    }

    /// The children that a step leads to. Each predicate counts positions among those the one before it left.
    fn step<'a>(&self, step: &Step, node: Node<'a>) -> Vec<Node<'a>> {
        let Some(owner) = node.instance() else {
            return Vec::new();
        };
        let mut children: Vec<Node<'a>> = match &step.name {
            Some(name) => owner
                .property(name.as_str())
                .map(|property| elements(owner, property).collect())
                .unwrap_or_default(),
            None => owner
                .properties()
                .iter()
                .flat_map(|property| elements(owner, property))
                .collect(),
        };
        for predicate in &step.predicates {
            let mut position = 0;
            children.retain(|child| {
                position += 1;
                self.holds(predicate, *child, position)
            });
        }
        children
    }
}

/// The elements of a property: one per item of an array, one without text where it is NULL.
fn elements<'a>(owner: &'a Instance, property: &'a Property) -> impl Iterator<Item = Node<'a>> {
    let items: &[Value] = property.value.as_ref().map_or(&[], Value::items);
    let null = property.value.is_none().then_some(None);
    items.iter().map(Some).chain(null).map(move |value| Node::Item {
        owner,
        property,
        value,
    })
}

fn compare(node: Node<'_>, op: CompareOp, constant: &Constant) -> bool {
    let numeric = |number: &Value| {
        let own = match node {
            Node::Item {
                value: Some(value), ..
            } if value.as_f64().is_some() => Some(value.clone()),
            _ => node.text().trim().parse().ok().map(Value::Real64),
        };
        // What is no number is unequal to every number and neither above nor below.
        match own.and_then(|own| order_numbers(&own, number)) {
            Some(order) => op.holds(order),
            None => op == CompareOp::Ne,
        }
    };
    match (constant, op) {
        (Constant::Number(number), _) => numeric(number),
        (Constant::Text(text), CompareOp::Eq) => node.text() == text.as_str(),
        (Constant::Text(text), CompareOp::Ne) => node.text() != text.as_str(),
        (Constant::Text(text), _) => text
            .trim()
            .parse()
            .is_ok_and(|number| numeric(&Value::Real64(number))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{classes, item, modification};
    use super::super::XPath;
    use super::*;

    #[track_caller]
    fn check(text: &str, instance: &Instance, expect: bool) {
        let xpath = XPath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(xpath.matches(instance, &classes()), expect, "{text}");
    }

    #[test]
    fn comparisons() {
        for (text, expect) in [
            ("/p:CIM_SubItem/p:Name=\"Box 7\"", true),
            ("/p:CIM_SubItem/p:Name='Box'", false),
            ("/CIM_Item/Name='Box 7'", true),
            ("/CIM_Other/Name='Box 7'", false),
            ("CIM_SubItem[Name='Box 7']", true),
            ("/CIM_SubItem[Name='Box 7' and Id=3]", true),
            ("/CIM_SubItem[Name='Box 7' and Id=4]", false),
            ("/*[Id=3]/Name", true),
            ("/*[Id=4]/Name", false),
            ("Name='Box 7'", true),
            ("./name='Box 7'", true),
            ("'Box 7' = Name", true),
            ("Name/text()='Box 7'", true),
            ("Id=3 or Id=4", true),
            ("not(Id=3)", false),
            ("(Id=4 or Id=3) and Enabled='true'", true),
            ("Id=3.0", true),
            ("Id='3'", true),
            ("Id='3.0'", false),
            ("Id>2 and Id<=3 and Id!=4", true),
            ("2 < Id", true),
            ("Id < '4'", true),
            ("Name > 0", false),
            ("Name != 0", true),
            ("Size=18446744073709551615", true),
            ("Size=18446744073709551614", false),
            ("Delta=-5", true),
            ("Load=.5", true),
            ("InstallDate='20260131120000.000000+060'", true),
            ("Parent='CIM_Item.Id=1'", true),
        ] {
            check(text, &item(), expect);
        }
    }

    #[test]
    fn elements_are_there_or_not() {
        for (text, expect) in [
            ("Name", true),
            ("Nothing", false),
            ("Nothing='x'", false),
            ("not(Nothing)", true),
            ("Unknown", true),
            ("Unknown/text()", false),
            ("Unknown=''", true),
            ("Empty", false),
            ("Name/Deeper", false),
            ("*='Box 7'", true),
            ("/CIM_SubItem", true),
            (".", true),
        ] {
            check(text, &item(), expect);
        }
    }

    #[test]
    fn arrays() {
        for (text, expect) in [
            ("Status=5", true),
            ("Status=6", false),
            ("Status!=5", true),
            ("Status[1]=2", true),
            ("Status[2]=2", false),
            ("Status[3]", false),
            ("Notes[.='two']", true),
            ("Notes[.='two'][1]", true),
            ("Notes[.='two'][2]", false),
            ("Notes[2][.='two']", true),
            ("Notes[text()='three']", false),
        ] {
            check(text, &item(), expect);
        }
    }

    #[test]
    fn embedded_instances() {
        for (text, expect) in [
            ("SourceInstance/Load=0.5", true),
            ("/CIM_InstModification/PreviousInstance/p:Load=0.25", true),
            ("SourceInstance[Load>0.4]/Name='Box 7'", true),
            ("SourceInstance[Load>0.6]/Name='Box 7'", false),
            ("SourceInstance/Status[2]=5", true),
        ] {
            check(text, &modification(), expect);
        }
    }

    #[test]
    fn a_query_is_told_from_xpath() {
        let error = XPath::parse(" select * from CIM_X").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 1, column 1: this is a query and no XPath: name the dialect of WQL or CQL"
        );
        check("select = 'x'", &item(), false);
    }
}
