//! The part of XPath 1.0 that filters and fragments use: paths to properties, and comparisons of them
//! (DSP0226, annex D: XPath level 1; with comparisons beside it, as filters need them).
//!
//! ```text
//! expression = term { "and" term }
//! term       = path [ ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) literal ]
//! path       = [ "/" | "//" | "./" | "../" ] step { "/" step } [ "/" "text()" ]
//! step       = name [ "[" ( number | expression ) "]" ]
//! ```

use std::cmp::Ordering;

use super::Fault;
use super::fault::{FaultCause, shorten};
use crate::cim::{Instance, Name, Value};

/// An expression that is true or false of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct XPathFilter {
    terms: Vec<Term>,
}

/// A path to a property, or to one item of an array.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyPath {
    /// The class, where the path begins with one.
    pub class_name: Option<Name>,
    /// The property; a path may end at the instance itself.
    pub property: Option<Name>,
    /// Which item of an array, counted from one.
    pub index: Option<usize>,
    /// Whether the path ends in `text()`.
    pub text: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    path: PropertyPath,
    /// A condition in brackets after the class.
    condition: Option<XPathFilter>,
    comparison: Option<(Operator, Literal)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Text(String),
    Number(f64),
}

/// How deep conditions may stand inside one another.
const MAX_DEPTH: usize = 8;
/// Longest expression that is read, in bytes.
const MAX_BYTES: usize = 4096;

impl XPathFilter {
    /// Reads an expression. What is beyond this part of XPath is the fault `wsman:CannotProcessFilter`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Parser::run(text, |parser| parser.filter(MAX_DEPTH)).map_err(|at| {
            let reason = format!(
                "The XPath expression `{}` cannot be read from character {} on; write PROPERTY = 'value', joined by `and`.",
                shorten(text),
                at + 1
            );
            Fault::new(FaultCause::CannotProcessFilter, reason)
        })
    }

    /// Whether it is true of an instance. `is_a` says whether the instance is of a class.
    pub fn matches(&self, instance: &Instance, is_a: &dyn Fn(&Name) -> bool) -> bool {
        self.terms.iter().all(|term| term.matches(instance, is_a))
    }
}

impl PropertyPath {
    /// Reads a path; nothing else may stand in the text. The error is the place, in characters.
    pub fn parse(text: &str) -> Result<Self, usize> {
        Parser::run(text, |parser| match parser.path(0)? {
            (path, None) => Ok(path),
            (_, Some(_)) => Err(parser.at()),
        })
    }
}

impl Term {
    fn matches(&self, instance: &Instance, is_a: &dyn Fn(&Name) -> bool) -> bool {
        let right_class = self.path.class_name.as_ref().is_none_or(is_a);
        let condition = self
            .condition
            .as_ref()
            .is_none_or(|filter| filter.matches(instance, is_a));
        right_class && condition && self.holds(instance)
    }

    /// As in XPath, a comparison with an array is true if it is true of one of its items.
    fn holds(&self, instance: &Instance) -> bool {
        let Some(property) = &self.path.property else {
            return self.comparison.is_none();
        };
        let Some(value) = instance.get(property.as_str()) else {
            return false;
        };
        let items = match self.path.index {
            None => value.items(),
            Some(index) => value
                .items()
                .get(index.wrapping_sub(1))
                .map_or(&[][..], std::slice::from_ref),
        };
        match &self.comparison {
            None => !items.is_empty(),
            Some((operator, literal)) => items.iter().any(|item| operator.holds(literal.compare(item))),
        }
    }
}

impl Operator {
    fn holds(self, ordering: Option<Ordering>) -> bool {
        match self {
            Self::Equal => ordering == Some(Ordering::Equal),
            Self::NotEqual => ordering != Some(Ordering::Equal),
            Self::Less => ordering == Some(Ordering::Less),
            Self::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => ordering == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

impl Literal {
    /// How a value compares with the literal: numbers as numbers, everything else as text.
    fn compare(&self, value: &Value) -> Option<Ordering> {
        match self {
            Self::Number(number) => {
                let left = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
                left.partial_cmp(number)
            }
            Self::Text(text) => match (value.as_f64(), text.trim().parse::<f64>()) {
                (Some(left), Ok(right)) => left.partial_cmp(&right),
                (Some(_), Err(_)) => None,
                (None, _) => Some(value.to_text().as_str().cmp(text)),
            },
        }
    }
}

/// A descent over the text. Errors are places, in characters.
struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn run<T>(text: &'t str, parse: impl FnOnce(&mut Self) -> Result<T, usize>) -> Result<T, usize> {
        if text.len() > MAX_BYTES {
            return Err(MAX_BYTES);
        }
        let mut parser = Self { text, rest: text };
        let result = parse(&mut parser)?;
        parser.skip_blanks();
        if parser.rest.is_empty() {
            Ok(result)
        } else {
            Err(parser.at())
        }
    }

    /// How many characters were read.
    fn at(&self) -> usize {
        self.text.chars().count() - self.rest.chars().count()
    }

    fn filter(&mut self, depth: usize) -> Result<XPathFilter, usize> {
        let mut terms = vec![self.term(depth)?];
        while self.take_word("and") {
            terms.push(self.term(depth)?);
        }
        Ok(XPathFilter { terms })
    }

    fn term(&mut self, depth: usize) -> Result<Term, usize> {
        let (path, condition) = self.path(depth)?;
        let operators = [
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let mut comparison = None;
        for (sign, operator) in operators {
            if self.take(sign) {
                comparison = Some((operator, self.literal()?));
                break;
            }
        }
        Ok(Term {
            path,
            condition,
            comparison,
        })
    }

    /// A path, and the condition in brackets after its class.
    fn path(&mut self, depth: usize) -> Result<(PropertyPath, Option<XPathFilter>), usize> {
        let rooted = ["//", "../", "./", "/"]
            .into_iter()
            .any(|prefix| self.take(prefix));
        let mut path = PropertyPath {
            class_name: None,
            property: None,
            index: None,
            text: false,
        };
        let mut condition = None;
        let first = self.name()?;
        let mut has_brackets = self.brackets(depth, &mut path.index, &mut condition)?;
        // A rooted path, one with a condition and one that goes on begin with the class.
        let goes_on =
            self.rest.trim_start().starts_with('/') && !self.rest.trim_start().starts_with("/text()");
        if rooted || condition.is_some() || goes_on {
            path.class_name = (first != "*").then(|| Name::new(first));
            if self.take("/") {
                if path.index.is_some() {
                    return Err(self.at());
                }
                path.property = Some(Name::new(self.name()?));
                let mut nested = None;
                has_brackets = self.brackets(0, &mut path.index, &mut nested)?;
            }
        } else {
            path.property = Some(Name::new(first));
        }
        if has_brackets && path.property.is_none() && condition.is_none() {
            return Err(self.at());
        }
        path.text = self.take("/text()");
        Ok((path, condition))
    }

    /// A number or a condition in brackets, where there are any.
    fn brackets(
        &mut self,
        depth: usize,
        index: &mut Option<usize>,
        condition: &mut Option<XPathFilter>,
    ) -> Result<bool, usize> {
        if !self.take("[") {
            return Ok(false);
        }
        self.skip_blanks();
        let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 {
            let (number, rest) = self.rest.split_at(digits);
            *index = Some(number.parse().ok().filter(|&index| index > 0).ok_or(self.at())?);
            self.rest = rest;
        } else {
            let depth = depth.checked_sub(1).ok_or(self.at())?;
            *condition = Some(self.filter(depth)?);
        }
        if self.take("]") { Ok(true) } else { Err(self.at()) }
    }

    /// The local part of a name, or `*`. Prefixes are not looked at: there is one namespace here.
    fn name(&mut self) -> Result<&'t str, usize> {
        if self.take("*") {
            return Ok("*");
        }
        self.skip_blanks();
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.')))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let local = name.rsplit(':').next().unwrap_or_default();
        if local.is_empty() || local.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') {
            return Err(self.at());
        }
        self.rest = rest;
        Ok(local)
    }

    fn literal(&mut self) -> Result<Literal, usize> {
        self.skip_blanks();
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        if let Some(quote) = quote {
            let inner = self.rest.get(1..).unwrap_or_default();
            let (text, rest) = inner.split_once(quote).ok_or(self.at())?;
            self.rest = rest;
            return Ok(Literal::Text(text.to_owned()));
        }
        for (word, text) in [("true()", "true"), ("false()", "false")] {
            if self.take(word) {
                return Ok(Literal::Text(text.to_owned()));
            }
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E')))
            .unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        let number = number.parse().map_err(|_| self.at())?;
        self.rest = rest;
        Ok(Literal::Number(number))
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(word) {
            Some(rest) if rest.starts_with(|c: char| c.is_whitespace()) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance() -> Instance {
        let mut instance = Instance::new(Name::from_static("ESM_X"));
        instance.set("Name", "box");
        instance.set("Count", 7_u32);
        instance.set("On", true);
        instance.set("List", vec!["a", "b"]);
        instance.set_or_null("Nothing", crate::cim::CimType::String, None::<&str>);
        instance
    }

    #[track_caller]
    fn check(expression: &str, expect: Option<bool>) {
        let is_a = |class: &Name| *class == "ESM_X" || *class == "CIM_X";
        let got = XPathFilter::parse(expression)
            .ok()
            .map(|filter| filter.matches(&instance(), &is_a));
        assert_eq!(got, expect, "{expression}");
    }

    #[test]
    fn filters_are_judged() {
        check("Name = 'box'", Some(true));
        check("Name=\"other\"", Some(false));
        check("p:Name/text() = 'box'", Some(true));
        check("Count > 6 and Count <= 7.0", Some(true));
        check("Count = '7'", Some(true));
        check("Count = 'x'", Some(false));
        check("Count != 7", Some(false));
        check("On = true()", Some(true));
        check("On = 'false'", Some(false));
        check("ESM_X[Name='box']", Some(true));
        check("../CIM_X[Name='box' and Count=7]", Some(true));
        check("//CIM_Y[Name='box']", Some(false));
        check("/ESM_X/Name = 'box'", Some(true));
        check("/ESM_X", Some(true));
        check("/*[Count>100]", Some(false));
        check("List = 'b'", Some(true));
        check("List[1] = 'b'", Some(false));
        check("List[3]", Some(false));
        check("Name", Some(true));
        check("Nothing", Some(false));
        check("Nothing = ''", Some(false));
        check("Absent", Some(false));
    }

    #[test]
    fn what_is_beyond_is_refused() {
        for bad in [
            "",
            "=",
            "Name = ",
            "Name = 'x",
            "select * from X",
            "count(x)",
            "Name or Count",
            "X[",
            "X[0]",
            "1=1",
            "Name = box",
        ] {
            check(bad, None);
        }
        check(&"a[".repeat(1000), None);
        check(&"a".repeat(5000), None);
    }

    #[test]
    fn an_error_names_the_place() {
        let fault = XPathFilter::parse("Name = box").unwrap_err();
        assert!(fault.reason.contains("from character 8 on"), "{}", fault.reason);
    }
}
