//! What can be wrong with MOF, and where.

use std::fmt;
use std::sync::Arc;

use crate::cim::{CimType, Name};

/// A place in a source file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The file, as its loader names it.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One fault in MOF.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct MofError {
    /// Where it is.
    pub place: Place,
    /// What it is.
    pub problem: Problem,
}

/// All faults that one compilation found, at least one, in the order of the files and places.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MofErrors(pub Vec<MofError>);

impl fmt::Display for MofErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for MofErrors {}

/// What is wrong at a place. The texts say what would be right.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say what the variants and their fields are")]
pub enum Problem {
    #[error("expected {wanted}, found {found}")]
    Expected { wanted: &'static str, found: String },
    #[error("`{0}` cannot stand in MOF")]
    StrayCharacter(char),
    #[error("the comment that starts here has no `*/`")]
    OpenComment,
    #[error("the literal that starts here does not end on its line with {0}")]
    OpenLiteral(char),
    #[error(
        "`\\{0}` is no escape sequence: \\b \\t \\n \\f \\r \\\" \\' \\\\ and \\x with 1 to 4 hexadecimal digits are"
    )]
    BadEscape(String),
    #[error("a char literal holds exactly one character of at most 16 bits")]
    BadChar,
    #[error("`{0}` is no number: 12, -5, 0x1F, 017, 101b and 1.5e3 are")]
    BadNumber(String),
    #[error(
        "`{0}` is no flavor: EnableOverride, DisableOverride, ToSubclass, Restricted and Translatable are"
    )]
    UnknownFlavor(String),
    #[error(
        "`{0}` is no scope: class, association, indication, property, reference, method, parameter, qualifier, schema and any are"
    )]
    UnknownScope(String),
    #[error("instances are nested more than {0} deep")]
    TooDeep(usize),
    #[error("includes are nested more than {0} deep")]
    IncludesTooDeep(usize),
    #[error("more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
    #[error("cannot read `{name}`: {reason}")]
    CannotLoad { name: String, reason: String },
    #[error("`{0}` includes itself")]
    IncludeCycle(String),

    #[error("the {kind} `{name}` is declared already, at {first}")]
    Duplicate {
        kind: &'static str,
        name: Name,
        first: String,
    },
    #[error("no qualifier type `{0}` is declared")]
    UnknownQualifier(Name),
    #[error("the qualifier `{name}` cannot stand on {element}; its scope is {scopes}")]
    WrongScope {
        name: Name,
        element: &'static str,
        scopes: String,
    },
    #[error("the qualifier `{qualifier}` is inherited from `{from}` with another value and DisableOverride")]
    QualifierFixed { qualifier: Name, from: Name },
    #[error("the superclass `{0}` is not declared")]
    UnknownSuperclass(Name),
    #[error("the class `{0}` derives from itself")]
    InheritanceCycle(Name),
    #[error("the class `{0}` is not declared")]
    UnknownClass(Name),
    #[error("expected {expected}, found {found}")]
    WrongValue { expected: String, found: String },
    #[error("{value} is out of the range of {expected}")]
    OutOfRange { value: String, expected: CimType },
    #[error("`{text}` is no datetime: {reason}")]
    BadDateTime { text: String, reason: &'static str },
    #[error("`{0}` is no instance path, as `CIM_X.Name=\"a\",Index=1`")]
    BadPath(String),
    #[error("`{name}` is inherited from `{from}`: say Override(\"{name}\")")]
    OverrideMissing { name: Name, from: Name },
    #[error("`{name}` overrides nothing: no superclass has a {what} of that name")]
    OverridesNothing { name: Name, what: &'static str },
    #[error("Override names `{found}`, but the overridden element is `{name}`")]
    OverrideName { name: Name, found: String },
    #[error("`{name}` is {found} here, but {inherited} in `{from}`")]
    OverrideType {
        name: Name,
        found: String,
        inherited: String,
        from: Name,
    },
    #[error("`{name}` may only be narrowed to `{inherited}` or to a class that derives from it")]
    NotNarrower { name: Name, inherited: Name },
    #[error("a key cannot be an array")]
    KeyArray,
    #[error("`{name}` cannot be a key: the superclass `{superclass}` has its keys already")]
    KeyAdded { name: Name, superclass: Name },
    #[error("only an association may have references: `{0}` needs the qualifier Association")]
    ReferenceOutsideAssociation(Name),
    #[error("a reference property cannot be an array")]
    ReferenceArray,
    #[error("`{class}` has no property `{name}`")]
    UnknownProperty { class: Name, name: Name },
    #[error("the key `{name}` of `{class}` has no value")]
    KeyWithoutValue { class: Name, name: Name },
    #[error("`{0}` is abstract: only classes derived from it have instances")]
    AbstractInstance(Name),
    #[error("no instance or class has the alias `${0}`")]
    UnknownAlias(String),
    #[error("the instance of alias `${0}` refers to itself through its keys or embedded instances")]
    AliasCycle(String),
    #[error("an instance of `{found}` cannot stand here; expected one of `{expected}`")]
    WrongClass { expected: Name, found: Name },
}
