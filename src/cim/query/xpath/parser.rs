//! From tokens to the expression: recursive descent with a bounded depth.

use super::super::ast::{At, CompareOp};
use super::super::tokens::Tokens;
use super::super::{MAX_DEPTH, QueryError, Reason};
use super::lexer::{self, Kind};
use super::{Constant, Expression, Path, Step};
use crate::cim::{Name, Value};

/// Reads a condition.
pub fn expression(text: &str) -> Result<Expression, QueryError> {
    whole(text, |parser| match parser.disjunction()? {
        Expression::Position(_) => {
            Err(Reason::Unsupported("a number alone says nothing of an instance").at(text, 0))
        }
        expression => Ok(expression),
    })
}

/// Reads a path that stands alone.
pub fn path(text: &str) -> Result<Path, QueryError> {
    whole(text, |parser| parser.path())
}

fn whole<T>(
    text: &str,
    read: impl FnOnce(&mut Parser<'_>) -> Result<T, QueryError>,
) -> Result<T, QueryError> {
    let mut parser = Parser {
        tokens: Tokens::new(text, lexer::tokens(text)?),
        depth: 0,
    };
    let out = read(&mut parser)?;
    match parser.tokens.peek() {
        Kind::End => Ok(out),
        _ => Err(parser.tokens.expected("the end of the expression")),
    }
}

struct Parser<'a> {
    tokens: Tokens<'a, Kind>,
    depth: usize,
}

/// One side of a comparison.
enum Operand {
    Path(Path),
    Constant(Constant),
}

impl Parser<'_> {
    fn disjunction(&mut self) -> Result<Expression, QueryError> {
        let first = self.conjunction()?;
        let mut parts = vec![first];
        while self.eat_name("or") {
            parts.push(self.conjunction()?);
        }
        Ok(one_or_many(parts, Expression::Or))
    }

    fn conjunction(&mut self) -> Result<Expression, QueryError> {
        let first = self.primary()?;
        let mut parts = vec![first];
        while self.eat_name("and") {
            parts.push(self.primary()?);
        }
        Ok(one_or_many(parts, Expression::And))
    }

    fn primary(&mut self) -> Result<Expression, QueryError> {
        let not = self.is_name("not") && matches!(self.tokens.peek_at(1), Kind::Open);
        if not {
            self.tokens.skip(1);
        }
        if self.tokens.eat(&Kind::Open) {
            let inner = self.nested(Self::disjunction)?;
            self.tokens.expect(&Kind::Close, "`and`, `or` or `)`")?;
            return Ok(if not {
                Expression::Not(Box::new(inner))
            } else {
                inner
            });
        }
        self.comparison()
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, QueryError>) -> Result<T, QueryError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.tokens.fault(Reason::TooDeep));
        }
        self.depth += 1;
        let inner = read(self);
        self.depth -= 1;
        inner
    }

    fn comparison(&mut self) -> Result<Expression, QueryError> {
        let start = self.tokens.at();
        let left = self.operand()?;
        let Some(op) = self.operator() else {
            return match left {
                Operand::Path(path) => Ok(Expression::Exists(path)),
                Operand::Constant(Constant::Number(Value::Sint64(value))) => u32::try_from(value)
                    .ok()
                    .filter(|value| *value > 0)
                    .map(Expression::Position)
                    .ok_or_else(|| Reason::NumberOutOfRange(value.to_string()).at(self.tokens.text(), start)),
                Operand::Constant(_) => Err(self.tokens.expected("a comparison")),
            };
        };
        let right_at = self.tokens.at();
        match (left, self.operand()?) {
            (Operand::Path(path), Operand::Constant(constant)) => {
                Ok(Expression::Compare { path, op, constant })
            }
            (Operand::Constant(constant), Operand::Path(path)) => Ok(Expression::Compare {
                path,
                op: mirrored(op),
                constant,
            }),
            _ => Err(Reason::Unsupported("a comparison is of a path with a value")
                .at(self.tokens.text(), right_at)),
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

    fn operand(&mut self) -> Result<Operand, QueryError> {
        let constant = match self.tokens.peek() {
            Kind::Text(text) => Constant::Text(text.clone()),
            Kind::Number(value) => Constant::Number(value.clone()),
            _ => return self.path().map(Operand::Path),
        };
        self.tokens.skip(1);
        Ok(Operand::Constant(constant))
    }

    fn path(&mut self) -> Result<Path, QueryError> {
        let absolute = self.tokens.eat(&Kind::Slash);
        let mut steps = Vec::new();
        loop {
            if self.is_name("text") && matches!(self.tokens.peek_at(1), Kind::Open) {
                self.tokens.skip(2);
                self.tokens.expect(&Kind::Close, "`)`")?;
                return Ok(Path {
                    absolute,
                    steps,
                    text: true,
                });
            }
            if !self.tokens.eat(&Kind::Dot) {
                steps.push(self.step()?);
            }
            if !self.tokens.eat(&Kind::Slash) {
                return Ok(Path {
                    absolute,
                    steps,
                    text: false,
                });
            }
        }
    }

    fn step(&mut self) -> Result<Step, QueryError> {
        let at = At(self.tokens.at());
        let name = match self.tokens.peek() {
            Kind::Name(_) if matches!(self.tokens.peek_at(1), Kind::Open) => {
                return Err(self.tokens.fault(Reason::Unsupported(
                    "of the functions, only `not()` and `text()` are known",
                )));
            }
            Kind::Name(name) => Some(Name::new(name)),
            Kind::Star => None,
            _ => return Err(self.tokens.expected("a property, `*` or a value")),
        };
        self.tokens.skip(1);
        let mut predicates = Vec::new();
        while self.tokens.eat(&Kind::OpenBracket) {
            predicates.push(self.nested(Self::disjunction)?);
            self.tokens.expect(&Kind::CloseBracket, "`and`, `or` or `]`")?;
        }
        Ok(Step { name, predicates, at })
    }

    fn eat_name(&mut self, wanted: &str) -> bool {
        self.tokens
            .eat_if(|kind| matches!(kind, Kind::Name(name) if name == wanted))
    }

    fn is_name(&self, wanted: &str) -> bool {
        matches!(self.tokens.peek(), Kind::Name(name) if name == wanted)
    }
}

fn one_or_many(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1 {
        parts.swap_remove(0)
    } else {
        many(parts)
    }
}

/// The operator that says the same with its sides exchanged.
const fn mirrored(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Lt => CompareOp::Gt,
        CompareOp::Le => CompareOp::Ge,
        CompareOp::Gt => CompareOp::Lt,
        CompareOp::Ge => CompareOp::Le,
        same => same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn bad(text: &str, expect: &str) {
        let error = expression(text).expect_err(text);
        assert_eq!(error.to_string(), expect, "{text}");
    }

    #[test]
    fn errors_have_a_place() {
        bad(
            "",
            "line 1, column 1: a property, `*` or a value is expected, not the end of the expression",
        );
        bad(
            "/",
            "line 1, column 2: a property, `*` or a value is expected, not the end of the expression",
        );
        bad(
            "A = ",
            "line 1, column 5: a property, `*` or a value is expected, not the end of the expression",
        );
        bad(
            "A B",
            "line 1, column 3: the end of the expression is expected, not `B`",
        );
        bad(
            "A = 'x",
            "line 1, column 5: the string that starts here does not end",
        );
        bad("A['x']", "line 1, column 6: a comparison is expected, not `]`");
        bad("A[0]", "line 1, column 3: `0` is out of range");
        bad(
            "A[1",
            "line 1, column 4: `and`, `or` or `]` is expected, not the end of the expression",
        );
        bad(
            "(A",
            "line 1, column 3: `and`, `or` or `)` is expected, not the end of the expression",
        );
        bad(
            "5",
            "line 1, column 1: a number alone says nothing of an instance",
        );
        bad(
            "A = B",
            "line 1, column 5: a comparison is of a path with a value",
        );
        bad("A = 1.2.3", "line 1, column 5: `1.2.3` is no number");
        bad(
            "//A",
            "line 1, column 1: `//` is not in XPath level 1: name every step",
        );
        bad(
            "A/../B",
            "line 1, column 3: `..` is not in XPath level 1: paths only lead down",
        );
        bad(
            "A/@nil",
            "line 1, column 3: the elements of an instance have no attributes to ask for",
        );
        bad(
            "count(A)",
            "line 1, column 1: of the functions, only `not()` and `text()` are known",
        );
        bad("A = 5 ; B", "line 1, column 7: `;` has no meaning in a query");
        bad(
            "select * from CIM_X",
            "line 1, column 8: the end of the expression is expected, not `*`",
        );
    }

    #[test]
    fn depth_is_limited() {
        for (open, close) in [("(", ")"), ("A[", "]"), ("not(", ")")] {
            let nested = |depth: usize| format!("{}A{}", open.repeat(depth), close.repeat(depth));
            assert!(expression(&nested(MAX_DEPTH)).is_ok(), "{open}");
            assert_eq!(
                expression(&nested(MAX_DEPTH + 1)).unwrap_err().reason,
                Reason::TooDeep,
                "{open}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn random_text_does_no_harm(text in "\\PC{0,60}", tokens in "([Aa:]|p:|[/\\[\\]()='1.*]| and | or |not|text\\(\\)){0,20}") {
            let _ = expression(&text);
            let _ = expression(&tokens);
        }
    }
}
