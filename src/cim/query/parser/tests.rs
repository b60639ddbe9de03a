//! What is read, what is refused and where, and that what is printed reads back.

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
        ("any x.y[*] = z[2]", "ANY x.y = z[2]"),
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
