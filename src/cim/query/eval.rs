//! Judging instances with a checked query: three-valued logic, no recursion beyond the query's own depth, time
//! at most the size of the query times that of the instance.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::ast::CompareOp;
use super::check::ClassLookup;
use super::pattern::{Pattern, fold};
use crate::cim::{Instance, InstancePath, Name, Property, Value};

/// A query whose names and types the schema has confirmed.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedQuery {
    pub(super) class: Name,
    pub(super) properties: Option<Vec<Name>>,
    pub(super) test: Option<Test>,
    pub(super) ignore_case: bool,
}

/// A condition, ready to be judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Compare {
        left: Source,
        op: CompareOp,
        right: Source,
    },
    Like {
        text: Source,
        pattern: Pattern,
    },
    Isa {
        object: Route,
        class: Name,
    },
    IsNull(Route),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    Constant(Value),
    One(Route),
    Any(Route),
    Every(Route),
}

/// The way from an instance to a value. Without hops it stays at the instance itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    pub hops: Vec<Hop>,
    /// Whether it ends at the name of the object's class.
    pub class_name: bool,
}

/// One property on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    pub scope: Option<Name>,
    pub name: Name,
    pub index: Option<u32>,
}

/// True, false, or unknown because something is NULL.
type Truth = Option<bool>;

impl CheckedQuery {
    /// The class whose instances, and those of the classes below it, the query is about.
    pub const fn class(&self) -> &Name {
        &self.class
    }

    /// The selected properties in the order they were asked in; `None` where all are. Of an embedded
    /// object's property, it is the whole object that is selected.
    pub fn properties(&self) -> Option<&[Name]> {
        self.properties.as_deref()
    }

    /// Whether a property is selected.
    pub fn selects(&self, name: &Name) -> bool {
        self.properties.as_ref().is_none_or(|names| names.contains(name))
    }

    /// The instance with nothing but the selected properties and those that `keep` wants beside them, as the
    /// keys.
    pub fn project(&self, mut instance: Instance, keep: impl Fn(&Property) -> bool) -> Instance {
        if self.properties.is_some() {
            instance.retain(|property| self.selects(&property.name) || keep(property));
        }
        instance
    }

    /// Whether the instance is of the query's class and the condition is true of it; an unknown one is not.
    pub fn matches(&self, instance: &Instance, schema: &dyn ClassLookup) -> bool {
        let of_class = instance.class_name == self.class || schema.is_a(&instance.class_name, &self.class);
        let judge = Judge {
            instance,
            schema,
            ignore_case: self.ignore_case,
        };
        of_class
            && self
                .test
                .as_ref()
                .is_none_or(|test| judge.truth(test) == Some(true))
    }
}

impl CheckedQuery {
    /// Whether the query may match something whose property `property` holds an instance of `class`, as far as the
    /// query's `ISA` conditions tell: false is certain, true is not.
    pub fn may_hold_of(&self, property: &str, class: &Name, schema: &dyn ClassLookup) -> bool {
        let is_property = |route: &Route| matches!(route.hops.as_slice(), [hop] if hop.name == *property && hop.index.is_none());
        self.test.as_ref().is_none_or(|test| {
            test.may_hold(&|isa: &Route, wanted: &Name| {
                !is_property(isa) || class == wanted || schema.is_a(class, wanted)
            })
        })
    }
}

impl Test {
    /// Whether the test may be true where its `ISA` conditions may be as `isa` says.
    fn may_hold(&self, isa: &dyn Fn(&Route, &Name) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.may_hold(isa)),
            Self::Any(parts) => parts.iter().any(|part| part.may_hold(isa)),
            Self::Isa { object, class } => isa(object, class),
            Self::Not(_) | Self::Compare { .. } | Self::Like { .. } | Self::IsNull(_) => true,
        }
    }
}

/// What a route leads to.
enum Found<'a> {
    Value(&'a Value),
    Object(&'a Instance),
    ClassName(&'a Name),
}

struct Judge<'a> {
    instance: &'a Instance,
    schema: &'a dyn ClassLookup,
    ignore_case: bool,
}

impl<'a> Judge<'a> {
    fn truth(&self, test: &Test) -> Truth {
        match test {
            Test::All(parts) => every(parts, |part| self.truth(part)),
            Test::Any(parts) => any(parts, |part| self.truth(part)),
            Test::Not(inner) => self.truth(inner).map(|truth| !truth),
            Test::IsNull(route) => Some(self.follow(route).is_none()),
            Test::Isa { object, class } => self.isa(object, class),
            Test::Like { text, pattern } => {
                self.judge_each(text, |value| text_of(value).map(|text| pattern.matches(&text)))
            }
            Test::Compare {
                left,
                op,
                right: right @ (Source::Any(_) | Source::Every(_)),
            } => {
                let left = self.one(left)?;
                self.judge_each(right, |item| self.relate(&left, *op, item))
            }
            Test::Compare { left, op, right } => {
                let right = self.one(right)?;
                self.judge_each(left, |item| self.relate(item, *op, &right))
            }
        }
    }

    fn isa(&self, object: &Route, class: &Name) -> Truth {
        let own = match self.follow(object)? {
            Found::Object(object) => &object.class_name,
            Found::Value(Value::Class(class)) => &class.name,
            Found::Value(Value::Reference(path)) => &path.class_name,
            Found::Value(_) | Found::ClassName(_) => return None,
        };
        Some(own == class || self.schema.is_a(own, class))
    }

    /// Judges the value of a source, or its items one by one where it is quantified.
    fn judge_each(&self, source: &Source, judge: impl Fn(&Value) -> Truth) -> Truth {
        let items = |route| match self.follow(route)? {
            Found::Value(value @ Value::Array(_)) => Some(value.items()),
            _ => None,
        };
        match source {
            Source::Constant(_) | Source::One(_) => judge(&*self.one(source)?),
            Source::Any(route) => any(items(route)?, judge),
            Source::Every(route) => every(items(route)?, judge),
        }
    }

    fn one<'s>(&self, source: &'s Source) -> Option<Cow<'s, Value>>
    where
        'a: 's,
    {
        match source {
            Source::Constant(value) => Some(Cow::Borrowed(value)),
            Source::One(route) => match self.follow(route)? {
                Found::Value(value) => Some(Cow::Borrowed(value)),
                Found::ClassName(name) => Some(Cow::Owned(Value::string(name.as_str()))),
                Found::Object(_) => None,
            },
            Source::Any(_) | Source::Every(_) => None,
        }
    }

    /// What a route leads to; `None` where there is nothing or NULL.
    fn follow(&self, route: &Route) -> Option<Found<'a>> {
        let mut object = self.instance;
        let mut hops = route.hops.iter().peekable();
        while let Some(hop) = hops.next() {
            let value = self.hop(object, hop)?;
            match value {
                Value::Instance(inner) => object = inner.as_ref(),
                _ if hops.peek().is_none() && !route.class_name => return Some(Found::Value(value)),
                _ => return None,
            }
        }
        Some(if route.class_name {
            Found::ClassName(&object.class_name)
        } else {
            Found::Object(object)
        })
    }

    fn hop(&self, object: &'a Instance, hop: &Hop) -> Option<&'a Value> {
        let in_scope = hop
            .scope
            .as_ref()
            .is_none_or(|scope| object.class_name == *scope || self.schema.is_a(&object.class_name, scope));
        if !in_scope {
            return None;
        }
        let value = object.get(hop.name.as_str())?;
        match (hop.index, value) {
            (None, value) => Some(value),
            (Some(index), Value::Array(items)) => items.get(usize::try_from(index).ok()?),
            (Some(_), _) => None,
        }
    }

    fn relate(&self, left: &Value, op: CompareOp, right: &Value) -> Truth {
        match (op, self.order(left, right)) {
            (op, Order::Is(order)) => Some(op.holds(order)),
            (CompareOp::Eq, Order::Differ) => Some(false),
            (CompareOp::Ne, Order::Differ) => Some(true),
            (_, Order::Differ | Order::None) => None,
        }
    }

    fn order(&self, left: &Value, right: &Value) -> Order {
        match (left, right) {
            (Value::Boolean(a), Value::Boolean(b)) => Order::equal_or_differ(a == b),
            (Value::Reference(a), Value::Reference(b)) => Order::equal_or_differ(a == b),
            (Value::DateTime(a), Value::DateTime(b)) => a.partial_cmp(b).into(),
            (Value::Array(a), Value::Array(b)) => self.order_arrays(a, b),
            (Value::String(a), Value::String(b)) => Order::Is(self.order_texts(a, b)),
            (Value::Char16(_), Value::String(_) | Value::Char16(_))
            | (Value::String(_), Value::Char16(_)) => {
                Order::Is(self.order_texts(&left.to_text(), &right.to_text()))
            }
            (Value::String(text), other) => self.order_text_with(text, other).reverse(),
            (other, Value::String(text)) => self.order_text_with(text, other),
            _ => order_numbers(left, right).into(),
        }
    }

    /// Arrays are equal when they have equal items in the same order; they have no order.
    fn order_arrays(&self, a: &[Value], b: &[Value]) -> Order {
        let same = |(a, b): (&Value, &Value)| match (a, b) {
            // The types of one query have no arrays of arrays; a value could, and is not followed.
            (Value::Array(_), _) | (_, Value::Array(_)) => false,
            _ => matches!(self.order(a, b), Order::Is(order) if order.is_eq()),
        };
        Order::equal_or_differ(a.len() == b.len() && a.iter().zip(b).all(same))
    }

    /// Compares a value with a text that stands for one of its type. Only where the schema did not know the
    /// type does such a text come here; one that does not fit makes the comparison unknown.
    fn order_text_with(&self, text: &str, value: &Value) -> Order {
        let same_type = match value {
            Value::Reference(_) => text.parse::<InstancePath>().ok().map(Value::from),
            _ => value.cim_type().and_then(|ty| Value::from_text(ty, text).ok()),
        };
        match same_type {
            Some(Value::String(_)) | None => Order::None,
            Some(same_type) => self.order(value, &same_type),
        }
    }

    fn order_texts(&self, a: &str, b: &str) -> Ordering {
        if self.ignore_case {
            a.chars().map(fold).cmp(b.chars().map(fold))
        } else {
            a.cmp(b)
        }
    }
}

/// How two values stand to each other.
#[derive(Clone, Copy)]
enum Order {
    Is(Ordering),
    /// They are not equal and have no order.
    Differ,
    /// They do not compare.
    None,
}

impl Order {
    const fn equal_or_differ(equal: bool) -> Self {
        if equal {
            Self::Is(Ordering::Equal)
        } else {
            Self::Differ
        }
    }

    const fn reverse(self) -> Self {
        match self {
            Self::Is(order) => Self::Is(order.reverse()),
            other => other,
        }
    }
}

impl From<Option<Ordering>> for Order {
    fn from(order: Option<Ordering>) -> Self {
        order.map_or(Self::None, Self::Is)
    }
}

/// True where one is true, false where all are false, else unknown.
fn any<T>(items: &[T], judge: impl Fn(&T) -> Truth) -> Truth {
    let mut sum = Some(false);
    for item in items {
        match judge(item) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => sum = None,
        }
    }
    sum
}

/// False where one is false, true where all are true, else unknown.
fn every<T>(items: &[T], judge: impl Fn(&T) -> Truth) -> Truth {
    any(items, |item| judge(item).map(|truth| !truth)).map(|truth| !truth)
}

fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Char16(_) => Some(Cow::Owned(value.to_text())),
        _ => None,
    }
}

/// Numbers of any width compare by value, without rounding.
pub fn order_numbers(a: &Value, b: &Value) -> Option<Ordering> {
    match (a.as_integer(), b.as_integer()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (Some(a), None) => order_with_real(a, b.as_f64()?),
        (None, Some(b)) => order_with_real(b, a.as_f64()?).map(Ordering::reverse),
        (None, None) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// An integer of at most 64 bits against a real. The whole part of a real of that size converts exactly;
/// larger ones are larger than every integer.
fn order_with_real(integer: i128, real: f64) -> Option<Ordering> {
    if real.is_nan() {
        return None;
    }
    // The cast saturates, far outside what 64 bits hold.
    let whole = real.trunc() as i128;
    let fraction = real.fract();
    Some(integer.cmp(&whole).then_with(|| {
        if fraction > 0.0 {
            Ordering::Less
        } else if fraction < 0.0 {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }))
}

#[cfg(test)]
mod tests;
