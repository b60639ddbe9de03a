//! From tokens to the tree: recursive descent, its depth and the number of comparisons bounded.

use super::ast::{At, CompareOp, Condition, From, Literal, Operand, Path, Select, Step};
use super::lexer::{Kind, Token, tokens};
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
            text,
            tokens: tokens(text)?,
            next: 0,
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
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
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
        match self.peek() {
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
        if self.eat(&Kind::Star) {
            return Ok(Select::All);
        }
        let mut paths = vec![self.path("`*` or a property")?];
        while self.eat(&Kind::Comma) {
            paths.push(self.path("a property")?);
        }
        Ok(Select::Paths(paths))
    }

    fn from(&mut self) -> Result<From> {
        let at = At(self.at());
        let class = self.name("a class")?;
        let introduced = self.language == Language::Cql && self.eat_word("AS");
        let bare = matches!(self.peek(), Kind::Word(word) if !is_reserved(word) && !is_clause(word));
        let alias = if introduced || self.language == Language::Cql && bare {
            Some(self.name("an alias")?)
        } else {
            None
        };
        if matches!(self.peek(), Kind::Comma) {
            return Err(self.fault(Reason::Unsupported(
                "a query is about one class; joins are not offered",
            )));
        }
        Ok(From { class, alias, at })
    }

    /// The polling interval of WMI event queries. Events are pushed here, so it has no effect.
    fn within(&mut self) -> Result<()> {
        match self.peek() {
            Kind::Integer(seconds) if *seconds >= 0 => self.next += 1,
            Kind::Real(seconds) if *seconds >= 0.0 => self.next += 1,
            _ => return Err(self.expected("a number of seconds")),
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
                parser.next += 1;
                Ok(Condition::Not(Box::new(parser.negation()?)))
            });
        }
        if matches!(self.peek(), Kind::Open) {
            return self.nested(|parser| {
                parser.next += 1;
                let inner = parser.condition()?;
                parser.token(&Kind::Close, "AND, OR or `)`")?;
                Ok(inner)
            });
        }
        self.comparison()
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Condition>) -> Result<Condition> {
        if self.depth >= MAX_DEPTH {
            return Err(self.fault(Reason::TooDeep));
        }
        self.depth += 1;
        let inner = read(self);
        self.depth -= 1;
        inner
    }

    fn comparison(&mut self) -> Result<Condition> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.fault(Reason::TooManyTerms));
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
            self.next += 2;
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
            let at = At(self.at());
            let class = match self.peek() {
                Kind::Text(text) => {
                    let class = Name::parse(text).map_err(|_| self.expected("a class"))?;
                    self.next += 1;
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
            .at(self.text, operand.at().0));
        }
        let at = At(self.at());
        match self.peek() {
            Kind::Text(text) => {
                let pattern = text.clone();
                self.next += 1;
                Ok(Condition::Like { operand, pattern, at })
            }
            _ => Err(self.expected("a pattern in quotes")),
        }
    }

    fn relation(&mut self, left: Operand) -> Result<Condition> {
        let at = At(self.at());
        let Some(op) = self.operator() else {
            return self.bare(left, at);
        };
        if matches!(op, CompareOp::Eq | CompareOp::Ne) && self.is_word("NULL") {
            let Operand::Path(path) = left else {
                return Err(self.expected("a property or a value"));
            };
            self.next += 1;
            return Ok(null_test(path, op));
        }
        let right = self.operand("a property or a value")?;
        let counts = |operand: &Operand| matches!(operand, Operand::Any(_) | Operand::Every(_));
        if counts(&left) && counts(&right) {
            return Err(
                Reason::Unsupported("only one side of a comparison may have ANY or EVERY")
                    .at(self.text, right.at().0),
            );
        }
        Ok(Condition::Compare { left, op, right, at })
    }

    /// An operand that stands alone is true where its value is.
    fn bare(&mut self, operand: Operand, at: At) -> Result<Condition> {
        let ends =
            matches!(self.peek(), Kind::End | Kind::Close) || self.is_word("AND") || self.is_word("OR");
        let boolean = !matches!(
            operand,
            Operand::Literal(
                Literal::Integer(_) | Literal::Real(_) | Literal::Text(_) | Literal::DateTime(_),
                _
            )
        );
        if !(ends && boolean) {
            return Err(self.expected(if self.language == Language::Fql {
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
        match self.operator() {
            Some(op @ (CompareOp::Eq | CompareOp::Ne)) => Ok(op),
            Some(_) => {
                self.next -= 1;
                Err(self.expected("`=` or `<>`"))
            }
            None => Err(self.expected("`=` or `<>`")),
        }
    }

    fn operator(&mut self) -> Option<CompareOp> {
        let op = match self.peek() {
            Kind::Equal => CompareOp::Eq,
            Kind::NotEqual => CompareOp::Ne,
            Kind::Less => CompareOp::Lt,
            Kind::LessEqual => CompareOp::Le,
            Kind::Greater => CompareOp::Gt,
            Kind::GreaterEqual => CompareOp::Ge,
            _ => return None,
        };
        self.next += 1;
        Some(op)
    }

    fn operand(&mut self, expected: &'static str) -> Result<Operand> {
        let at = At(self.at());
        let literal = match self.peek() {
            Kind::Integer(value) => Literal::Integer(*value),
            Kind::Real(value) => Literal::Real(*value),
            Kind::Text(text) => Literal::Text(text.clone()),
            Kind::Word(word) if word.eq_ignore_ascii_case("TRUE") => Literal::Boolean(true),
            Kind::Word(word) if word.eq_ignore_ascii_case("FALSE") => Literal::Boolean(false),
            Kind::Word(_) => return self.word_operand(expected),
            _ => return Err(self.expected(expected)),
        };
        self.next += 1;
        Ok(Operand::Literal(literal, at))
    }

    fn word_operand(&mut self, expected: &'static str) -> Result<Operand> {
        if self.is_word("DATETIME") && matches!(self.peek_at(1), Kind::Open) {
            return self.datetime();
        }
        let before_name = matches!(self.peek_at(1), Kind::Word(word) if !is_reserved(word));
        if before_name && self.eat_word("ANY") {
            return Ok(Operand::Any(self.path("an array")?));
        }
        if before_name && self.eat_word("EVERY") {
            return Ok(Operand::Every(self.path("an array")?));
        }
        let path = self.path(expected)?;
        if self.language == Language::Cql && self.eat(&Kind::Hash) {
            let Kind::Text(symbol) = self.peek() else {
                return Err(self.expected("the name of a value in quotes"));
            };
            let symbol = symbol.clone();
            self.next += 1;
            return Ok(Operand::Symbol(path, symbol));
        }
        Ok(Operand::Path(path))
    }

    fn datetime(&mut self) -> Result<Operand> {
        self.next += 1;
        self.token(&Kind::Open, "`(`")?;
        let at = At(self.at());
        let Kind::Text(text) = self.peek() else {
            return Err(self.expected("a datetime in quotes"));
        };
        let value = text.parse().map_err(|bad| self.fault(Reason::BadDateTime(bad)))?;
        self.next += 1;
        self.token(&Kind::Close, "`)`")?;
        Ok(Operand::Literal(Literal::DateTime(value), at))
    }

    fn path(&mut self, expected: &'static str) -> Result<Path> {
        if matches!(self.peek(), Kind::Word(word) if is_reserved(word)) {
            return Err(self.expected(expected));
        }
        let mut steps = vec![self.step(expected)?];
        while self.eat(&Kind::Dot) {
            steps.push(self.step("a property")?);
        }
        Ok(Path { steps })
    }

    fn step(&mut self, expected: &'static str) -> Result<Step> {
        let at = At(self.at());
        let mut name = self.any_word(expected)?;
        let mut scope = None;
        if self.language == Language::Cql && self.eat(&Kind::DoubleColon) {
            scope = Some(std::mem::replace(&mut name, self.any_word("a property")?));
        }
        let index = if self.eat(&Kind::OpenBracket) {
            let Kind::Integer(value) = self.peek() else {
                return Err(self.expected("an index from 0"));
            };
            let index = u32::try_from(*value).map_err(|_| self.expected("an index from 0"))?;
            self.next += 1;
            self.token(&Kind::CloseBracket, "`]`")?;
            Some(index)
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

    fn name(&mut self, expected: &'static str) -> Result<Name> {
        match self.peek() {
            Kind::Word(word) if is_reserved(word) => Err(self.expected(expected)),
            _ => self.any_word(expected),
        }
    }

    fn any_word(&mut self, expected: &'static str) -> Result<Name> {
        let Kind::Word(word) = self.peek() else {
            return Err(self.expected(expected));
        };
        let name = Name::new(word);
        self.next += 1;
        Ok(name)
    }

    fn keyword(&mut self, keyword: &str, expected: &'static str) -> Result<()> {
        if self.eat_word(keyword) {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    fn token(&mut self, kind: &Kind, expected: &'static str) -> Result<()> {
        if self.eat(kind) {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    fn eat(&mut self, kind: &Kind) -> bool {
        let there = self.peek() == kind;
        self.next += usize::from(there);
        there
    }

    fn eat_word(&mut self, keyword: &str) -> bool {
        let there = self.is_word(keyword);
        self.next += usize::from(there);
        there
    }

    fn is_word(&self, keyword: &str) -> bool {
        matches!(self.peek(), Kind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn is_word_ahead(&self, keyword: &str) -> bool {
        matches!(self.peek_at(1), Kind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn peek(&self) -> &Kind {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Kind {
        self.tokens
            .get(self.next + ahead)
            .map_or(&Kind::End, |token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.text.len(), |token| token.at)
    }

    fn fault(&self, reason: Reason) -> QueryError {
        reason.at(self.text, self.at())
    }

    fn expected(&self, expected: &'static str) -> QueryError {
        self.fault(Reason::Expected {
            expected,
            found: self.peek().describe(),
        })
    }

    /// Says of the clauses that the languages have beyond WHERE that they are not offered.
    fn expected_end(&self) -> QueryError {
        match self.peek() {
            Kind::Word(word) if is_clause(word) => self.fault(Reason::Unsupported(
                "GROUP, HAVING, ORDER BY, JOIN and the like are not offered",
            )),
            Kind::DoubleColon | Kind::Hash => self.fault(Reason::Unsupported(
                "`Class::Property` and `Property#'Value'` are CQL",
            )),
            _ => self.expected("AND, OR or the end of the query"),
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads a query and compares what is printed of it; that must read back to the same query.
    #[track_caller]
    fn check(language: Language, text: &str, expect: &str) {
        let query = Query::parse(language, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(query.to_string(), expect, "{text}");
        assert!(reads_back(&query), "{text}");
    }

    fn reads_back(query: &Query) -> bool {
        Query::parse(query.language, &query.to_string()).is_ok_and(|again| {
            (again.select, again.from, again.condition)
                == (query.select.clone(), query.from.clone(), query.condition.clone())
        })
    }

    #[track_caller]
    fn bad(language: Language, text: &str, expect: &str) {
        let error = Query::parse(language, text).expect_err(text);
        assert_eq!(error.to_string(), expect, "{text}");
    }

    #[test]
    fn statements() {
        let wql = Language::Wql;
        check(wql, "select*from CIM_X", "SELECT * FROM CIM_X");
        check(
            wql,
            "Select A, CIM_X.B , C.D[0] From CIM_X Where a=1",
            "SELECT A, CIM_X.B, C.D[0] FROM CIM_X WHERE a = 1",
        );
        check(
            wql,
            "select * from __InstanceModificationEvent within 2.5 where TargetInstance isa \"X\"",
            "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA X",
        );
        let cql = Language::Cql;
        check(cql, "select x.A from CIM_X x", "SELECT x.A FROM CIM_X AS x");
        check(
            cql,
            "select * from CIM_X as x where x.CIM_Y::A[3]#'On' = 1",
            "SELECT * FROM CIM_X AS x WHERE x.CIM_Y::A[3]#'On' = 1",
        );
        check(Language::Fql, "a = 1 and b = 2", "a = 1 AND b = 2");
    }

    #[test]
    fn conditions() {
        for (text, expect) in [
            ("a=1 or b=2 and not c=3", "a = 1 OR (b = 2 AND NOT c = 3)"),
            ("((a=1))", "a = 1"),
            ("(a=1 or b=2) and c=3", "(a = 1 OR b = 2) AND c = 3"),
            ("(a=1 and b=2) and c=3", "(a = 1 AND b = 2) AND c = 3"),
            ("not (a=1 or b=2)", "NOT (a = 1 OR b = 2)"),
            ("a != -5 and b >= +1.50", "a <> -5 AND b >= 1.5"),
            ("a is not null or b = null", "NOT a IS NULL OR b IS NULL"),
            ("null <> a", "NOT a IS NULL"),
            ("a not like 'x'", "NOT a LIKE 'x'"),
            ("\"it's\" = any a.b", "'it\\'s' = ANY a.b"),
            ("every a < 0x10", "EVERY a < 16"),
            ("any = 1 and every.x = 2", "any = 1 AND every.x = 2"),
            ("a and not b", "a = TRUE AND NOT b = TRUE"),
            ("datetime = 1", "datetime = 1"),
            (
                "a > DateTime ( \"20260131120000.000000+060\" )",
                "a > datetime('20260131120000.000000+060')",
            ),
            ("x.where = 1", "x.where = 1"),
        ] {
            check(Language::Fql, text, expect);
            let select = |condition: &str| format!("SELECT * FROM X WHERE {condition}");
            check(Language::Wql, &select(text), &select(expect));
            check(Language::Cql, &select(text), &select(expect));
        }
    }

    #[test]
    fn errors_say_what_should_stand_where() {
        let wql = Language::Wql;
        for (text, expect) in [
            (
                "",
                "line 1, column 1: SELECT is expected, not the end of the query",
            ),
            (
                "selec * from x",
                "line 1, column 1: SELECT is expected, not `selec`",
            ),
            (
                "select from x",
                "line 1, column 8: `*` or a property is expected, not `from`",
            ),
            (
                "select a b from x",
                "line 1, column 10: `,` or FROM is expected, not `b`",
            ),
            (
                "select a, from x",
                "line 1, column 11: a property is expected, not `from`",
            ),
            (
                "select * from",
                "line 1, column 14: a class is expected, not the end of the query",
            ),
            (
                "select * from 'x'",
                "line 1, column 15: a class is expected, not the string `x`",
            ),
            (
                "select * from x, y",
                "line 1, column 16: a query is about one class; joins are not offered",
            ),
            (
                "select * from x y",
                "line 1, column 17: AND, OR or the end of the query is expected, not `y`",
            ),
            (
                "select * from x within y",
                "line 1, column 24: a number of seconds is expected, not `y`",
            ),
            (
                "select * from x\nwhere",
                "line 2, column 6: a property, a value, NOT or `(` is expected, not the end of the query",
            ),
            (
                "select * from x\nwhere\n  é = = 1",
                "line 3, column 7: a property or a value is expected, not `=`",
            ),
            (
                "select * from x where a 5",
                "line 1, column 25: a comparison, LIKE, ISA or IS is expected, not `5`",
            ),
            (
                "select * from x where 5",
                "line 1, column 24: a comparison, LIKE, ISA or IS is expected, not the end of the query",
            ),
            (
                "select * from x where (a = 1",
                "line 1, column 29: AND, OR or `)` is expected, not the end of the query",
            ),
            (
                "select * from x where a = 1)",
                "line 1, column 28: AND, OR or the end of the query is expected, not `)`",
            ),
            (
                "select * from x where a is 5",
                "line 1, column 28: NULL or NOT NULL is expected, not `5`",
            ),
            (
                "select * from x where a like b",
                "line 1, column 30: a pattern in quotes is expected, not `b`",
            ),
            (
                "select * from x where 'a' like 'b'",
                "line 1, column 23: a property before LIKE is expected, not a value",
            ),
            (
                "select * from x where a isa 'not a name'",
                "line 1, column 29: a class is expected, not the string `not a name`",
            ),
            (
                "select * from x where a < null",
                "line 1, column 27: a property or a value is expected, not `null`",
            ),
            (
                "select * from x where null < a",
                "line 1, column 28: `=` or `<>` is expected, not `<`",
            ),
            (
                "select * from x where any a = any b",
                "line 1, column 35: only one side of a comparison may have ANY or EVERY",
            ),
            (
                "select * from x where a[x] = 1",
                "line 1, column 25: an index from 0 is expected, not `x`",
            ),
            (
                "select * from x where a[-1] = 1",
                "line 1, column 25: an index from 0 is expected, not `-1`",
            ),
            (
                "select * from x where a = datetime('yesterday')",
                "line 1, column 36: `yesterday` is no datetime: it must have exactly 25 characters",
            ),
            (
                "select * from x where a = 1 group within 5",
                "line 1, column 29: GROUP, HAVING, ORDER BY, JOIN and the like are not offered",
            ),
            (
                "select * from x where a = b::c",
                "line 1, column 28: `Class::Property` and `Property#'Value'` are CQL",
            ),
        ] {
            bad(wql, text, expect);
        }
        bad(
            Language::Fql,
            "a isa b",
            "line 1, column 3: a comparison, LIKE or IS is expected, not `isa`",
        );
        bad(
            Language::Fql,
            "select * from x",
            "line 1, column 1: a property, a value, NOT or `(` is expected, not `select`",
        );
        bad(
            Language::Cql,
            "select * from x within 5",
            "line 1, column 17: GROUP, HAVING, ORDER BY, JOIN and the like are not offered",
        );
    }

    #[test]
    fn depth_and_terms_are_limited() {
        let nested = |depth: usize| format!("{}a = 1{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Query::parse(Language::Fql, &nested(MAX_DEPTH)).is_ok());
        let error = Query::parse(Language::Fql, &nested(MAX_DEPTH + 1)).unwrap_err();
        assert_eq!((error.reason, error.column), (Reason::TooDeep, MAX_DEPTH + 1));
        let error = Query::parse(Language::Fql, &format!("{} a = 1", "not ".repeat(2_000))).unwrap_err();
        assert_eq!(error.reason, Reason::TooDeep);
        let many = |count: usize| vec!["a = 1"; count].join(" or ");
        assert!(Query::parse(Language::Fql, &many(MAX_TERMS)).is_ok());
        let error = Query::parse(Language::Fql, &many(MAX_TERMS + 1)).unwrap_err();
        assert_eq!(error.reason, Reason::TooManyTerms);
    }

    fn name() -> impl Strategy<Value = Name> {
        "[A-Za-z_é][A-Za-z0-9_é]{0,6}"
            .prop_filter("reserved words are no names", |name| {
                !is_reserved(name) && !is_clause(name)
            })
            .prop_map(|name| Name::new(&name))
    }

    fn path() -> impl Strategy<Value = Path> {
        let step = (
            proptest::option::of(name()),
            name(),
            proptest::option::of(any::<u32>()),
        );
        proptest::collection::vec(step, 1..4).prop_map(|steps| Path {
            steps: steps
                .into_iter()
                .map(|(scope, name, index)| Step {
                    scope,
                    name,
                    index,
                    at: At::default(),
                })
                .collect(),
        })
    }

    fn literal() -> impl Strategy<Value = Literal> {
        prop_oneof![
            any::<i64>().prop_map(|value| Literal::Integer(value.into())),
            any::<u64>().prop_map(|value| Literal::Integer(value.into())),
            proptest::num::f64::NORMAL.prop_map(Literal::Real),
            any::<String>().prop_map(Literal::Text),
            any::<bool>().prop_map(Literal::Boolean),
            (0..u64::from(u32::MAX)).prop_map(|secs| {
                Literal::DateTime(crate::cim::DateTime::from_duration(
                    std::time::Duration::from_secs(secs),
                ))
            }),
        ]
    }

    fn operand() -> impl Strategy<Value = Operand> {
        prop_oneof![
            literal().prop_map(|literal| Operand::Literal(literal, At::default())),
            path().prop_map(Operand::Path),
            (path(), any::<String>()).prop_map(|(path, symbol)| Operand::Symbol(path, symbol)),
        ]
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let op = prop_oneof![
            Just(CompareOp::Eq),
            Just(CompareOp::Ne),
            Just(CompareOp::Lt),
            Just(CompareOp::Le),
            Just(CompareOp::Gt),
            Just(CompareOp::Ge),
        ];
        let quantified = prop_oneof![
            path().prop_map(Operand::Any),
            path().prop_map(Operand::Every),
            operand()
        ];
        let at = At::default();
        let leaf = prop_oneof![
            (quantified, op, operand()).prop_map(move |(left, op, right)| Condition::Compare {
                left,
                op,
                right,
                at
            }),
            (path(), any::<String>()).prop_map(move |(path, pattern)| Condition::Like {
                operand: Operand::Path(path),
                pattern,
                at
            }),
            (path(), name()).prop_map(move |(path, class)| Condition::Isa { path, class, at }),
            path().prop_map(Condition::IsNull),
        ];
        leaf.prop_recursive(6, 40, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
                proptest::collection::vec(inner.clone(), 2..4).prop_map(Condition::Or),
                inner.prop_map(|inner| Condition::Not(Box::new(inner))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(
            paths in proptest::collection::vec(path(), 0..3),
            class in name(),
            alias in proptest::option::of(name()),
            condition in proptest::option::of(condition()),
        ) {
            let query = Query {
                language: Language::Cql,
                text: String::new(),
                select: if paths.is_empty() { Select::All } else { Select::Paths(paths) },
                from: Some(From { class, alias, at: At::default() }),
                condition,
            };
            prop_assert!(reads_back(&query), "{}", query);
        }

        #[test]
        fn random_text_does_no_harm(text in "\\PC{0,80}") {
            for language in [Language::Wql, Language::Cql, Language::Fql] {
                let _ = Query::parse(language, &text);
            }
        }

        #[test]
        fn random_tokens_do_no_harm(
            words in proptest::collection::vec(
                proptest::sample::select(vec![
                    "SELECT", "*", "FROM", "A", "WHERE", "AND", "OR", "NOT", "(", ")", "=", "<>", "<", "LIKE", "'x%'",
                    "ISA", "IS", "NULL", "5", "-1.5", "TRUE", ".", "::", "[", "]", "#", "ANY", "datetime", ",",
                    "WITHIN", "AS", "'20260131120000.000000+060'",
                ]),
                0..20,
            )
        ) {
            let text = words.join(" ");
            for language in [Language::Wql, Language::Cql, Language::Fql] {
                for text in [&text, &format!("SELECT * FROM A WHERE {text}")] {
                    if let Ok(query) = Query::parse(language, text) {
                        prop_assert!(reads_back(&query), "{}", query);
                    }
                }
            }
        }
    }
}
