//! Qualifier types: what a qualifier may hold, where it may stand, how it is inherited (DSP0004, 5.6.1).

use std::collections::BTreeMap;
use std::fmt;

use crate::cim::{ArraySize, CimType, Flavor, Name, Value};

/// A qualifier as it is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct QualifierType {
    /// The name.
    pub name: Name,
    /// The type of its values.
    pub cim_type: CimType,
    /// Whether its values are arrays.
    pub array: ArraySize,
    /// The value that holds wherever the qualifier is not given; `None` is NULL.
    pub default: Option<Value>,
    /// Where it may stand.
    pub scopes: Scopes,
    /// How it is inherited unless a use says otherwise.
    pub flavor: Flavor,
}

/// The qualifier types of a namespace by name.
pub type QualifierTypes = BTreeMap<Name, QualifierType>;

/// A set of the kinds of elements that a qualifier may stand on (DSP0004, 5.6.1.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scopes(u16);

/// The keywords; the bit of a scope is its place in this list.
const KEYWORDS: [&str; 9] = [
    "schema",
    "class",
    "association",
    "indication",
    "qualifier",
    "property",
    "reference",
    "method",
    "parameter",
];

impl Scopes {
    /// No element at all.
    pub const NONE: Self = Self(0);
    /// Classes that are neither associations nor indications.
    pub const CLASS: Self = Self(1 << 1);
    /// Associations.
    pub const ASSOCIATION: Self = Self(1 << 2);
    /// Indications.
    pub const INDICATION: Self = Self(1 << 3);
    /// Properties that are no references.
    pub const PROPERTY: Self = Self(1 << 5);
    /// References.
    pub const REFERENCE: Self = Self(1 << 6);
    /// Methods.
    pub const METHOD: Self = Self(1 << 7);
    /// Parameters of methods.
    pub const PARAMETER: Self = Self(1 << 8);
    /// Every element.
    pub const ANY: Self = Self((1 << KEYWORDS.len()) - 1);

    /// The scope of that keyword, in whatever case.
    pub fn from_keyword(keyword: &str) -> Option<Self> {
        if keyword.eq_ignore_ascii_case("any") {
            return Some(Self::ANY);
        }
        let bit = KEYWORDS
            .iter()
            .position(|known| known.eq_ignore_ascii_case(keyword))?;
        Some(Self(1 << bit))
    }

    /// The union of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets have an element in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The keywords of the set; `any` stands for all of them.
    pub fn keywords(self) -> impl Iterator<Item = &'static str> {
        let any = (self == Self::ANY).then_some("any");
        let each = KEYWORDS
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| any.is_none() && self.0 & (1 << bit) != 0)
            .map(|(_, keyword)| keyword);
        any.into_iter().chain(each)
    }
}

/// The keywords with commas between them, as MOF writes them.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, keyword) in self.keywords().enumerate() {
            write!(f, "{}{keyword}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
