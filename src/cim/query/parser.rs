//! From tokens to the tree: recursive descent, its depth and the number of comparisons bounded.

use super::ast::{At, CompareOp, Condition, From, Literal, Operand, Path, Select, Step};
use super::lexer::{self, Kind};
use super::tokens::Tokens;
use super::{Language, MAX_DEPTH, MAX_TERMS, Query, QueryError, Reason};
use crate::cim::Name;

/// Words that cannot be the name of a property or class unless a `.` or `::` stands before them.
const RESERVED: [&str; 12] = [
    "SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "LIKE", "ISA", "IS", "NULL", "TRUE", "FALSE",
];

impl Query {
    /// Reads a query. The error says where the text is wrong and what should stand there.
    pub fn parse(language: Language, text: &str) -> std::result::Result<Self, QueryError> {
        let mut parser = Parser {
            language,
            tokens: Tokens::new(text, lexer::tokens(text)?),
            depth: 0,
            terms: 0,
        };
        let (select, from, condition) = parser.query()?;
        Ok(Self {
            language,
            text: text.to_owned(),
            select,
            from,
            condition,
        })
    }
}

struct Parser<'a> {
    language: Language,
    tokens: Tokens<'a, Kind>,
    depth: usize,
    terms: usize,
}

type Result<T> = std::result::Result<T, QueryError>;

impl Parser<'_> {
    fn query(&mut self) -> Result<(Select, Option<From>, Option<Condition>)> {
        let parts = if self.language == Language::Fql {
            (Select::All, None, Some(self.condition()?))
        } else {
            self.select_statement()?
        };
        match self.tokens.peek() {
            Kind::End => Ok(parts),
            _ => Err(self.expected_end()),
        }
    }

    fn select_statement(&mut self) -> Result<(Select, Option<From>, Option<Condition>)> {
        self.keyword("SELECT", "SELECT")?;
        let select = self.select_list()?;
        self.keyword("FROM", "`,` or FROM")?;
        let from = self.from()?;
        if self.language == Language::Wql && self.eat_word("WITHIN") {
            self.within()?;
        }
        let condition = if self.eat_word("WHERE") {
            Some(self.condition()?)
        } else {
            None
        };
        Ok((select, Some(from), condition))
    }

    fn select_list(&mut self) -> Result<Select> {
        if self.tokens.eat(&Kind::Star) {
            return Ok(Select::All);
        }
        let mut paths = vec![self.path("`*` or a property")?];
        while self.tokens.eat(&Kind::Comma) {
            paths.push(self.path("a property")?);
        }
        Ok(Select::Paths(paths))
    }

    fn from(&mut self) -> Result<From> {
        let at = At(self.tokens.at());
        let class = self.name("a class")?;
        let introduced = self.language == Language::Cql && self.eat_word("AS");
        let bare = matches!(self.tokens.peek(), Kind::Word(word) if !is_reserved(word) && !is_clause(word));
        let alias = if introduced || self.language == Language::Cql && bare {
            Some(self.name("an alias")?)
        } else {
            None
        };
        if matches!(self.tokens.peek(), Kind::Comma) {
            return Err(self.tokens.fault(Reason::Unsupported(
                "a query is about one class; joins are not offered",
            )));
        }
        Ok(From { class, alias, at })
    }

    /// The polling interval of WMI event queries. Events are pushed here, so it has no effect.
    fn within(&mut self) -> Result<()> {
        match self.tokens.peek() {
            Kind::Integer(seconds) if *seconds >= 0 => self.tokens.skip(1),
            Kind::Real(seconds) if *seconds >= 0.0 => self.tokens.skip(1),
            _ => return Err(self.tokens.expected("a number of seconds")),
        }
        Ok(())
    }

    fn condition(&mut self) -> Result<Condition> {
        let first = self.conjunction()?;
        let mut rest = Vec::new();
        while self.eat_word("OR") {
            rest.push(self.conjunction()?);
        }
        Ok(one_or_many(first, rest, Condition::Or))
    }

    fn conjunction(&mut self) -> Result<Condition> {
        let first = self.negation()?;
        let mut rest = Vec::new();
        while self.eat_word("AND") {
            rest.push(self.negation()?);
        }
        Ok(one_or_many(first, rest, Condition::And))
    }

    fn negation(&mut self) -> Result<Condition> {
        if self.is_word("NOT") {
            return self.nested(|parser| {
                parser.tokens.skip(1);
                Ok(Condition::Not(Box::new(parser.negation()?)))
            });
        }
        if matches!(self.tokens.peek(), Kind::Open) {
            return self.nested(|parser| {
                parser.tokens.skip(1);
                let inner = parser.condition()?;
                parser.tokens.expect(&Kind::Close, "AND, OR or `)`")?;
                Ok(inner)
            });
        }
        self.comparison()
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Condition>) -> Result<Condition> {
        if self.depth >= MAX_DEPTH {
            return Err(self.tokens.fault(Reason::TooDeep));
        }
        self.depth += 1;
        let inner = read(self);
        self.depth -= 1;
        inner
    }

    fn comparison(&mut self) -> Result<Condition> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.tokens.fault(Reason::TooManyTerms));
        }
        let left_is_null = self.eat_word("NULL");
        if left_is_null {
            let op = self.null_operator()?;
            let path = self.path("a property")?;
            return Ok(null_test(path, op));
        }
        let left = self.operand("a property, a value, NOT or `(`")?;
        if let Operand::Path(path) = &left
            && let Some(condition) = self.object_test(path)?
        {
            return Ok(condition);
        }
        if self.eat_word("LIKE") {
            return self.like(left);
        }
        if self.is_word("NOT") && self.is_word_ahead("LIKE") {
            self.tokens.skip(2);
            return Ok(Condition::Not(Box::new(self.like(left)?)));
        }
        self.relation(left)
    }

    /// What only a path can be asked: IS \[NOT\] NULL, ISA.
    fn object_test(&mut self, path: &Path) -> Result<Option<Condition>> {
        if self.eat_word("IS") {
            let not = self.eat_word("NOT");
            self.keyword("NULL", if not { "NULL" } else { "NULL or NOT NULL" })?;
            let test = Condition::IsNull(path.clone());
            return Ok(Some(if not { Condition::Not(Box::new(test)) } else { test }));
        }
        if self.language != Language::Fql && self.eat_word("ISA") {
            let at = At(self.tokens.at());
            let class = match self.tokens.peek() {
                Kind::Text(text) => {
                    let class = Name::parse(text).map_err(|_| self.tokens.expected("a class"))?;
                    self.tokens.skip(1);
                    class
                }
                _ => self.name("a class")?,
            };
            return Ok(Some(Condition::Isa {
                path: path.clone(),
                class,
                at,
            }));
        }
        Ok(None)
    }

    fn like(&mut self, operand: Operand) -> Result<Condition> {
        if !matches!(operand, Operand::Path(_) | Operand::Any(_) | Operand::Every(_)) {
            return Err(Reason::Expected {
                expected: "a property before LIKE",
                found: "a value".to_owned(),
            }
            .at(self.tokens.text(), operand.at().0));
        }
        let at = At(self.tokens.at());
        match self.tokens.peek() {
            Kind::Text(text) => {
                let pattern = text.clone();
                self.tokens.skip(1);
                Ok(Condition::Like { operand, pattern, at })
            }
            _ => Err(self.tokens.expected("a pattern in quotes")),
        }
    }

    fn relation(&mut self, left: Operand) -> Result<Condition> {
        let at = At(self.tokens.at());
        let Some(op) = self.operator() else {
            return self.bare(left, at);
        };
        if matches!(op, CompareOp::Eq | CompareOp::Ne) && self.is_word("NULL") {
            let Operand::Path(path) = left else {
                return Err(self.tokens.expected("a property or a value"));
            };
            self.tokens.skip(1);
            return Ok(null_test(path, op));
        }
        let right = self.operand("a property or a value")?;
        let counts = |operand: &Operand| matches!(operand, Operand::Any(_) | Operand::Every(_));
        if counts(&left) && counts(&right) {
            return Err(
                Reason::Unsupported("only one side of a comparison may have ANY or EVERY")
                    .at(self.tokens.text(), right.at().0),
            );
        }
        Ok(Condition::Compare { left, op, right, at })
    }

    /// An operand that stands alone is true where its value is.
    fn bare(&mut self, operand: Operand, at: At) -> Result<Condition> {
        let ends = matches!(self.tokens.peek(), Kind::End | Kind::Close)
            || self.is_word("AND")
            || self.is_word("OR");
        let boolean = !matches!(
            operand,
            Operand::Literal(
                Literal::Integer(_) | Literal::Real(_) | Literal::Text(_) | Literal::DateTime(_),
                _
            )
        );
        if !(ends && boolean) {
            return Err(self.tokens.expected(if self.language == Language::Fql {
                "a comparison, LIKE or IS"
            } else {
                "a comparison, LIKE, ISA or IS"
            }));
        }
        Ok(Condition::Compare {
            left: operand,
            op: CompareOp::Eq,
            right: Operand::Literal(Literal::Boolean(true), at),
            at,
        })
    }

    fn null_operator(&mut self) -> Result<CompareOp> {
        if self.tokens.eat(&Kind::Equal) {
            Ok(CompareOp::Eq)
        } else if self.tokens.eat(&Kind::NotEqual) {
            Ok(CompareOp::Ne)
        } else {
            Err(self.tokens.expected("`=` or `<>`"))
        }
    }

    fn operator(&mut self) -> Option<CompareOp> {
        let op = match self.tokens.peek() {
            Kind::Equal => CompareOp::Eq,
            Kind::NotEqual => CompareOp::Ne,
            Kind::Less => CompareOp::Lt,
            Kind::LessEqual => CompareOp::Le,
            Kind::Greater => CompareOp::Gt,
            Kind::GreaterEqual => CompareOp::Ge,
            _ => return None,
        };
        self.tokens.skip(1);
        Some(op)
    }

    fn operand(&mut self, expected: &'static str) -> Result<Operand> {
        let at = At(self.tokens.at());
        let literal = match self.tokens.peek() {
            Kind::Integer(value) => Literal::Integer(*value),
            Kind::Real(value) => Literal::Real(*value),
            Kind::Text(text) => Literal::Text(text.clone()),
            word if word.is_word("TRUE") => Literal::Boolean(true),
            word if word.is_word("FALSE") => Literal::Boolean(false),
            Kind::Word(_) => return self.word_operand(expected),
            _ => return Err(self.tokens.expected(expected)),
        };
        self.tokens.skip(1);
        Ok(Operand::Literal(literal, at))
    }

    fn word_operand(&mut self, expected: &'static str) -> Result<Operand> {
        if self.is_word("DATETIME") && matches!(self.tokens.peek_at(1), Kind::Open) {
            return self.datetime();
        }
        let before_name = matches!(self.tokens.peek_at(1), Kind::Word(word) if !is_reserved(word));
        if before_name && self.eat_word("ANY") {
            return Ok(Operand::Any(self.path("an array")?));
        }
        if before_name && self.eat_word("EVERY") {
            return Ok(Operand::Every(self.path("an array")?));
        }
        let path = self.path(expected)?;
        if self.language == Language::Cql && self.tokens.eat(&Kind::Hash) {
            let Kind::Text(symbol) = self.tokens.peek() else {
                return Err(self.tokens.expected("the name of a value in quotes"));
            };
            let symbol = symbol.clone();
            self.tokens.skip(1);
            return Ok(Operand::Symbol(path, symbol));
        }
        Ok(Operand::Path(path))
    }

    fn datetime(&mut self) -> Result<Operand> {
        self.tokens.skip(1);
        self.tokens.expect(&Kind::Open, "`(`")?;
        let at = At(self.tokens.at());
        let Kind::Text(text) = self.tokens.peek() else {
            return Err(self.tokens.expected("a datetime in quotes"));
        };
        let value = text
            .parse()
            .map_err(|bad| self.tokens.fault(Reason::BadDateTime(bad)))?;
        self.tokens.skip(1);
        self.tokens.expect(&Kind::Close, "`)`")?;
        Ok(Operand::Literal(Literal::DateTime(value), at))
    }

    fn path(&mut self, expected: &'static str) -> Result<Path> {
        if matches!(self.tokens.peek(), Kind::Word(word) if is_reserved(word)) {
            return Err(self.tokens.expected(expected));
        }
        let mut steps = vec![self.step(expected)?];
        while self.tokens.eat(&Kind::Dot) {
            steps.push(self.step("a property")?);
        }
        Ok(Path { steps })
    }

    fn step(&mut self, expected: &'static str) -> Result<Step> {
        let at = At(self.tokens.at());
        let mut name = self.any_word(expected)?;
        let mut scope = None;
        if self.language == Language::Cql && self.tokens.eat(&Kind::DoubleColon) {
            scope = Some(std::mem::replace(&mut name, self.any_word("a property")?));
        }
        let index = if self.tokens.eat(&Kind::OpenBracket) {
            self.index()?
        } else {
            None
        };
        Ok(Step {
            scope,
            name,
            index,
            at,
        })
    }

    /// The rest of an index; `[*]` means all items, as no index does.
    fn index(&mut self) -> Result<Option<u32>> {
        let index = match self.tokens.peek() {
            Kind::Integer(value) => {
                let index = u32::try_from(*value).map_err(|_| self.tokens.expected("an index from 0"))?;
                Some(index)
            }
            Kind::Star => None,
            _ => return Err(self.tokens.expected("an index from 0")),
        };
        self.tokens.skip(1);
        self.tokens.expect(&Kind::CloseBracket, "`]`")?;
        Ok(index)
    }

    fn name(&mut self, expected: &'static str) -> Result<Name> {
        match self.tokens.peek() {
            Kind::Word(word) if is_reserved(word) => Err(self.tokens.expected(expected)),
            _ => self.any_word(expected),
        }
    }

    fn any_word(&mut self, expected: &'static str) -> Result<Name> {
        let Kind::Word(word) = self.tokens.peek() else {
            return Err(self.tokens.expected(expected));
        };
        let name = Name::new(word);
        self.tokens.skip(1);
        Ok(name)
    }

    fn keyword(&mut self, keyword: &str, expected: &'static str) -> Result<()> {
        if self.eat_word(keyword) {
            Ok(())
        } else {
            Err(self.tokens.expected(expected))
        }
    }

    fn eat_word(&mut self, keyword: &str) -> bool {
        self.tokens.eat_if(|kind| kind.is_word(keyword))
    }

    fn is_word(&self, keyword: &str) -> bool {
        self.tokens.peek().is_word(keyword)
    }

    fn is_word_ahead(&self, keyword: &str) -> bool {
        self.tokens.peek_at(1).is_word(keyword)
    }

    /// Says of the clauses that the languages have beyond WHERE that they are not offered.
    fn expected_end(&self) -> QueryError {
        match self.tokens.peek() {
            Kind::Word(word) if is_clause(word) => self.tokens.fault(Reason::Unsupported(
                "GROUP, HAVING, ORDER BY, JOIN and the like are not offered",
            )),
            Kind::DoubleColon | Kind::Hash => self.tokens.fault(Reason::Unsupported(
                "`Class::Property` and `Property#'Value'` are CQL",
            )),
            _ => self.tokens.expected("AND, OR or the end of the query"),
        }
    }
}

fn one_or_many(
    first: Condition,
    mut rest: Vec<Condition>,
    many: fn(Vec<Condition>) -> Condition,
) -> Condition {
    if rest.is_empty() {
        return first;
    }
    rest.insert(0, first);
    many(rest)
}

fn null_test(path: Path, op: CompareOp) -> Condition {
    let test = Condition::IsNull(path);
    if op == CompareOp::Ne {
        Condition::Not(Box::new(test))
    } else {
        test
    }
}

fn is_reserved(word: &str) -> bool {
    RESERVED
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(word))
}

/// Words that begin a clause which is not offered.
fn is_clause(word: &str) -> bool {
    const CLAUSES: [&str; 8] = [
        "GROUP", "HAVING", "ORDER", "JOIN", "INNER", "UNION", "WITHIN", "LIMIT",
    ];
    CLAUSES.iter().any(|clause| clause.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
