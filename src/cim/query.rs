//! Query languages: WQL, CQL (DSP0202) and FQL (DSP0212). One tree, three front ends.
//!
//! A query goes through three hands: [`Query::parse`] reads the text, [`Query::check`] holds it against the
//! schema, and [`CheckedQuery::matches`] judges instances. Every fault of the first two names its place in the
//! text. Where the languages differ, this is what holds here:
//!
//! | | WQL | CQL | FQL |
//! |---|---|---|---|
//! | Form | `SELECT … FROM … WHERE …` | the same, FROM with an alias | the condition alone |
//! | LIKE | `%`, `_`, `[a-z]`, `[^a-z]` | regular expression | regular expression |
//! | Text compares | without case | with case | with case |
//! | `WITHIN seconds` | accepted, without effect | no | no |
//! | `Class::Property`, `Property#'Value'` | no | yes | no |
//!
//! The same everywhere: `!=` is `<>`, `= NULL` is `IS NULL`, strings stand in single or double quotes,
//! `ANY` and `EVERY` stand before an array on either side of a comparison, two arrays are equal or not as wholes,
//! and what is not known (NULL) makes a condition unknown, which is no match (three-valued logic).

pub mod ast;
mod check;
mod error;
mod eval;
#[cfg(test)]
mod fixture;
mod filter;
pub mod fragment;
mod lexer;
mod parser;
mod pattern;
mod tokens;
mod xpath;

pub use check::ClassLookup;
pub use check::nearest::nearest;
pub use error::{QueryError, Reason};
pub use eval::CheckedQuery;
pub use filter::{Filter, SelectorError, Selectors};
pub use xpath::XPath;

use super::Name;
use ast::{Condition, Select};

/// The longest query text, in bytes.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;
/// How deep parentheses and NOT may nest.
pub const MAX_DEPTH: usize = 64;
/// How many comparisons a query may have.
pub const MAX_TERMS: usize = 1_000;

/// A query language.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Language {
    /// The WBEM Query Language, as WMI and many CIM servers speak it.
    Wql,
    /// The CIM Query Language (DSP0202).
    Cql,
    /// The Filter Query Language (DSP0212): a condition without SELECT and FROM.
    Fql,
}

impl Language {
    /// The language of a name as a CIM filter (`DMTF:CQL`), a CIM operation (`DMTF:FQL`) or a WS-Management
    /// dialect (DSP0227) gives it. Names compare without case.
    pub fn from_name(name: &str) -> Option<Self> {
        const NAMES: [(&str, Language); 9] = [
            ("WQL", Language::Wql),
            ("http://schemas.microsoft.com/wbem/wsman/1/WQL", Language::Wql),
            ("DMTF:CQL", Language::Cql),
            ("CIM:CQL", Language::Cql),
            ("CQL", Language::Cql),
            ("http://schemas.dmtf.org/wbem/cql/1/dsp0202.pdf", Language::Cql),
            ("DMTF:FQL", Language::Fql),
            ("CIM:FQL", Language::Fql),
            ("FQL", Language::Fql),
        ];
        NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name.trim()))
            .map(|(_, language)| *language)
    }

    /// The name that DSP1054 filters and CIM operations use for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wql => "WQL",
            Self::Cql => "DMTF:CQL",
            Self::Fql => "DMTF:FQL",
        }
    }
}

/// A query that was read but not yet held against a schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    language: Language,
    text: String,
    select: Select,
    from: Option<ast::From>,
    condition: Option<Condition>,
}

impl Query {
    /// The language it is written in.
    pub const fn language(&self) -> Language {
        self.language
    }

    /// The text as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The class after FROM; `None` for FQL, which has no FROM.
    pub fn from_class(&self) -> Option<&Name> {
        self.from.as_ref().map(|from| &from.class)
    }

    /// What is selected; everything in FQL.
    pub const fn select(&self) -> &Select {
        &self.select
    }

    /// The condition, where there is one.
    pub const fn condition(&self) -> Option<&Condition> {
        self.condition.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_many_names() {
        for (name, language) in [
            ("wql", Some(Language::Wql)),
            (
                "http://schemas.microsoft.com/wbem/wsman/1/WQL",
                Some(Language::Wql),
            ),
            ("CIM:CQL", Some(Language::Cql)),
            ("dmtf:cql", Some(Language::Cql)),
            (
                "http://schemas.dmtf.org/wbem/cql/1/dsp0202.pdf",
                Some(Language::Cql),
            ),
            ("DMTF:FQL", Some(Language::Fql)),
            ("SQL", None),
            ("", None),
        ] {
            assert_eq!(Language::from_name(name), language, "{name:?}");
        }
    }

    #[test]
    fn every_language_knows_its_own_name() {
        for language in [Language::Wql, Language::Cql, Language::Fql] {
            assert_eq!(Language::from_name(language.as_str()), Some(language));
        }
    }

    /// The lines of the documentation's examples in a language.
    fn examples(language: &str) -> Vec<&'static str> {
        let text = include_str!("../../docs/queries.md");
        let blocks = text.split("```").skip(1).step_by(2);
        let of_language = blocks.filter_map(|block| block.strip_prefix(language));
        of_language
            .flat_map(str::lines)
            .filter(|line| !line.is_empty())
            .collect()
    }

    #[test]
    fn the_examples_of_the_documentation_fit_the_schema() {
        let house = crate::cim::schema::house().unwrap();
        let schema = house.namespace(&"root/ESMPRO/AS".into()).unwrap();
        let file_system = Name::from_static("ESM_FileSystemThread");
        let mut count = 0;
        for (name, language) in [
            ("wql", Language::Wql),
            ("cql", Language::Cql),
            ("fql", Language::Fql),
        ] {
            for example in examples(name) {
                let checked = Query::parse(language, example).and_then(|query| match language {
                    Language::Fql => query.check_for(&file_system, schema),
                    _ => query.check(schema),
                });
                assert!(checked.is_ok(), "{example}: {}", checked.unwrap_err());
                count += 1;
            }
        }
        for example in examples("xpath") {
            assert!(XPath::parse(example).is_ok(), "{example}");
            count += 1;
        }
        assert_eq!(count, 13);
    }
}
