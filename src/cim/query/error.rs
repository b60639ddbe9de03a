//! What can be wrong with a query, and where.

use std::fmt;

use crate::cim::{BadDateTime, CimType, Name};

/// What is wrong with a query, and where in its text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueryError {
    /// The place, in bytes from the start of the text.
    pub offset: usize,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a query.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Reason {
    /// The text is over the limit.
    #[error("the query has {bytes} bytes; at most {} are read", super::MAX_TEXT_BYTES)]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Parentheses and NOT nest too deep.
    #[error("parentheses and NOT nest deeper than {}", super::MAX_DEPTH)]
    TooDeep,
    /// There are too many comparisons.
    #[error("the query has more than {} comparisons", super::MAX_TERMS)]
    TooManyTerms,
    /// Something else should stand here.
    #[error("{expected} is expected, not {found}")]
    Expected {
        /// What should stand here.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A character that no query language has.
    #[error("`{0}` has no meaning in a query")]
    UnexpectedCharacter(char),
    /// A string without its closing quote.
    #[error("the string that starts here does not end")]
    UnterminatedString,
    /// An escape that the languages do not have.
    #[error("`\\{0}` is no escape; a backslash is written `\\\\`")]
    BadEscape(String),
    /// A number that is none.
    #[error("`{0}` is no number")]
    BadNumber(String),
    /// A number that no property can have.
    #[error("`{0}` is out of range")]
    NumberOutOfRange(String),
    /// A datetime that is none.
    #[error(transparent)]
    BadDateTime(#[from] BadDateTime),
    /// A pattern of LIKE that cannot be read.
    #[error("the pattern is wrong: {0}")]
    BadPattern(&'static str),
    /// Something that the language has but that is not offered, or that another language has.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The condition stands alone, and nobody said for which class.
    #[error("an FQL filter needs a class to be checked against")]
    NoClass,
    /// A class that the namespace does not have.
    #[error("there is no class `{0}` in the namespace")]
    UnknownClass(Name),
    /// A property that the class does not have.
    #[error("class `{class}` has no property `{property}`{}", did_you_mean(.nearest))]
    UnknownProperty {
        /// The class.
        class: Name,
        /// The property.
        property: Name,
        /// The property of the class whose name is the most alike.
        nearest: Option<Name>,
    },
    /// `Class::Property` with a class that has nothing to do with the query's.
    #[error("`{scope}` neither derives from `{class}` nor is one of its parents")]
    UnrelatedClass {
        /// The class before `::`.
        scope: Name,
        /// The class that stands there.
        class: Name,
    },
    /// A step into a property that holds no object.
    #[error("`{property}` is a {cim_type} and has no properties of its own")]
    NotAnObject {
        /// The property.
        property: Name,
        /// Its type.
        cim_type: CimType,
    },
    /// An object where one value is wanted.
    #[error("an object has no value of its own: name one of its properties, or use ISA or IS NULL")]
    IsAnObject,
    /// An array where one value is wanted.
    #[error("`{0}` is an array: put ANY or EVERY before it, or an index like [0] after it")]
    IsAnArray(Name),
    /// ANY, EVERY or an index where there is no array.
    #[error("`{0}` is no array")]
    NotAnArray(Name),
    /// Types that do not compare.
    #[error("a {left} does not compare with a {right}")]
    TypeMismatch {
        /// The type of the left side.
        left: CimType,
        /// The type of the right side.
        right: CimType,
    },
    /// A text that is no value of the property's type.
    #[error("`{text}` is no {expected}")]
    BadValue {
        /// The text.
        text: String,
        /// The type of the other side.
        expected: CimType,
    },
    /// A type that has no order.
    #[error("values of type {0} have no order: only `=` and `<>` compare them")]
    NoOrder(CimType),
    /// LIKE on something that is no text.
    #[error("LIKE compares texts, and this is a {0}")]
    NotText(CimType),
    /// A symbol that the value map does not have.
    #[error("`{property}` has no value with the name `{symbol}`")]
    UnknownSymbol {
        /// The property.
        property: Name,
        /// The name of the value.
        symbol: String,
    },
}

impl Reason {
    /// The error with its place: byte `offset` of `text`.
    pub(super) fn at(self, text: &str, offset: usize) -> QueryError {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        QueryError {
            offset: before.len(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
            reason: self,
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.reason)
    }
}

impl std::error::Error for QueryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}

fn did_you_mean(nearest: &Option<Name>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
