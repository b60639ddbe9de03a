//! The tree that all query languages share, and its text.
//!
//! What is printed reads back to the same tree, in the language it came from.

use std::cmp::Ordering;
use std::fmt;

use super::Query;
use crate::cim::{DateTime, Name};

/// A place in the query text, in bytes. Two trees are the same wherever they stand: places always compare
/// equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct At(pub usize);

impl PartialEq for At {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What is selected.
#[derive(Clone, Debug, PartialEq)]
pub enum Select {
    /// `*`: every property.
    All,
    /// These properties.
    Paths(Vec<Path>),
}

/// The class a query is about.
#[derive(Clone, Debug, PartialEq)]
pub struct From {
    /// The class.
    pub class: Name,
    /// Its other name within the query (CQL).
    pub alias: Option<Name>,
    /// Where the class stands.
    pub at: At,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// All of them; two or more.
    And(Vec<Condition>),
    /// At least one of them; two or more.
    Or(Vec<Condition>),
    /// The opposite.
    Not(Box<Condition>),
    /// One value against another.
    Compare {
        /// The left side.
        left: Operand,
        /// How.
        op: CompareOp,
        /// The right side.
        right: Operand,
        /// Where the operator stands.
        at: At,
    },
    /// A text against a pattern.
    Like {
        /// The text.
        operand: Operand,
        /// The pattern, in the manner of the language.
        pattern: String,
        /// Where the pattern stands.
        at: At,
    },
    /// Whether an object is of a class or of one that derives from it.
    Isa {
        /// The object.
        path: Path,
        /// The class.
        class: Name,
        /// Where the class stands.
        at: At,
    },
    /// Whether there is no value.
    IsNull(Path),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CompareOp {
    /// `=`
    Eq,
    /// `<>` or `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl CompareOp {
    /// The operator as all the languages write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    /// Whether two values in that order compare so.
    pub const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
        }
    }
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A value that stands in the text.
    Literal(Literal, At),
    /// The value of a property.
    Path(Path),
    /// `ANY`: at least one item of an array.
    Any(Path),
    /// `EVERY`: each item of an array.
    Every(Path),
    /// `Property#'Name'`: the value that the property's value map gives that name (CQL).
    Symbol(Path, String),
}

/// A value that stands in the text.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A whole number, between the least sint64 and the greatest uint64.
    Integer(i128),
    /// A finite number with a fraction or an exponent.
    Real(f64),
    /// A text.
    Text(String),
    /// TRUE or FALSE.
    Boolean(bool),
    /// `datetime("…")`.
    DateTime(DateTime),
}

/// The way to a property, from the instance that is judged through embedded ones: one or more steps. The
/// first may be the name of the class or its alias.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The class in which the property is looked for (CQL `Class::Property`).
    pub scope: Option<Name>,
    /// The property.
    pub name: Name,
    /// Which item of an array, from 0.
    pub index: Option<u32>,
    /// Where the step starts.
    pub at: At,
}

impl Path {
    /// Where the path starts.
    pub fn at(&self) -> At {
        self.steps.first().map_or_else(At::default, |step| step.at)
    }
}

impl Operand {
    /// Where the operand starts.
    pub fn at(&self) -> At {
        match self {
            Self::Literal(_, at) => *at,
            Self::Path(path) | Self::Any(path) | Self::Every(path) | Self::Symbol(path, _) => path.at(),
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(from) = &self.from else {
            return self
                .condition
                .as_ref()
                .map_or(Ok(()), |condition| condition.fmt(f));
        };
        write!(f, "SELECT {} FROM {}", self.select, from.class)?;
        if let Some(alias) = &from.alias {
            write!(f, " AS {alias}")?;
        }
        match &self.condition {
            Some(condition) => write!(f, " WHERE {condition}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Paths(paths) => separated(f, paths, ", "),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => separated(f, parts.iter().map(Grouped), " AND "),
            Self::Or(parts) => separated(f, parts.iter().map(Grouped), " OR "),
            Self::Not(inner) => write!(f, "NOT {}", Grouped(inner)),
            Self::Compare { left, op, right, .. } => write!(f, "{left} {} {right}", op.as_str()),
            Self::Like { operand, pattern, .. } => write!(f, "{operand} LIKE {}", Quoted(pattern)),
            Self::Isa { path, class, .. } => write!(f, "{path} ISA {class}"),
            Self::IsNull(path) => write!(f, "{path} IS NULL"),
        }
    }
}

/// A part of a condition, in parentheses where it is itself made of parts.
struct Grouped<'a>(&'a Condition);

impl fmt::Display for Grouped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Condition::And(_) | Condition::Or(_) => write!(f, "({})", self.0),
            single => single.fmt(f),
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal, _) => literal.fmt(f),
            Self::Path(path) => path.fmt(f),
            Self::Any(path) => write!(f, "ANY {path}"),
            Self::Every(path) => write!(f, "EVERY {path}"),
            Self::Symbol(path, symbol) => write!(f, "{path}#{}", Quoted(symbol)),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Real(value) => write!(f, "{value:?}"),
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Boolean(true) => f.write_str("TRUE"),
            Self::Boolean(false) => f.write_str("FALSE"),
            Self::DateTime(value) => write!(f, "datetime('{value}')"),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, &self.steps, ".")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scope) = &self.scope {
            write!(f, "{scope}::")?;
        }
        self.name.fmt(f)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}

/// A text in single quotes, with escapes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'")?;
        for c in self.0.chars() {
            match c {
                '\'' | '\\' => write!(f, "\\{c}")?,
                _ => write!(f, "{c}")?,
            }
        }
        f.write_str("'")
    }
}

fn separated<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    separator: &str,
) -> fmt::Result {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
