//! XPath level 1 (DSP0226, annex on XPath support) on instances, without their XML.
//!
//! An instance is seen as the element that WS-Management sends of it (DSP0230): one child per property, one per
//! item of an array, an empty one where the value is NULL; an embedded instance has children of its own. The
//! context is the element of the instance: `Name` is its property, `/CIM_X/Name` the same from the root.
//!
//! Names compare without case and prefixes are not looked at, as a representation holds one namespace per class.
//! Beyond level 1, `and`, `or`, `not()` and the comparisons with an order are understood.

mod eval;
mod lexer;
mod parser;

use super::ast::{At, CompareOp};
use super::{ClassLookup, QueryError, Reason};
use crate::cim::{Instance, Name};

pub(super) use eval::{Node, select};
pub(super) use parser::path;

/// An XPath expression that says of an instance whether it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct XPath(Expression);

impl XPath {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with the text and where; also for what XPath has beyond level 1.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        parser::expression(text).map(Self).map_err(|error| {
            // Some clients send a query under the dialect of XPath where their user names none.
            let first_word = text.split_whitespace().next().unwrap_or("");
            if first_word.eq_ignore_ascii_case("SELECT") {
                Reason::Unsupported("this is a query and no XPath: name the dialect of WQL or CQL")
                    .at(text, 0)
            } else {
                error
            }
        })
    }

    /// Whether the expression is true of the instance: a path where it leads to something, a comparison where
    /// it holds for at least one of the elements that the path leads to.
    pub fn matches(&self, instance: &Instance, schema: &dyn ClassLookup) -> bool {
        eval::holds(&self.0, instance, schema)
    }
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    /// At least one element is there.
    Exists(Path),
    /// At least one element compares so with the constant.
    Compare {
        path: Path,
        op: CompareOp,
        constant: Constant,
    },
    /// In a predicate: the element is the n-th of its name, from 1.
    Position(u32),
}

/// A way to elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    /// Whether it starts above the instance and not in it.
    pub absolute: bool,
    pub steps: Vec<Step>,
    /// Whether it ends in `text()`.
    pub text: bool,
}

/// One step down.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// `None` for `*`.
    pub name: Option<Name>,
    pub predicates: Vec<Expression>,
    pub at: At,
}

/// A value that stands in the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Text(String),
    /// A number of any type.
    Number(crate::cim::Value),
}
