//! Every fault with its place and its words.

use super::{check_errors, compile_text};

#[test]
fn of_tokens() {
    check_errors("class A { string P = ?; };", &["1:22: `?` cannot stand in MOF"]);
    check_errors(
        "class A { string P = é; };",
        &["1:22: expected a value, found `é`"],
    );
    check_errors(
        "class A { }; /* no end",
        &["1:14: the comment that starts here has no `*/`"],
    );
    check_errors(
        "class A {\n  string Größe = \"open;\n};",
        &["2:18: the literal that starts here does not end on its line with \""],
    );
    check_errors(
        "class A { string P = \"ab\\q\"; };",
        &[
            "1:25: `\\q` is no escape sequence: \\b \\t \\n \\f \\r \\\" \\' \\\\ and \\x with 1 to 4 hexadecimal digits are",
        ],
    );
    check_errors(
        r#"class A { string P = "\xD800"; };"#,
        &[
            "1:23: `\\xD800` is no escape sequence: \\b \\t \\n \\f \\r \\\" \\' \\\\ and \\x with 1 to 4 hexadecimal digits are",
        ],
    );
    for literal in ["'ab'", "''", "'😀'"] {
        check_errors(
            &format!("class A {{ char16 P = {literal}; }};"),
            &["1:22: a char literal holds exactly one character of at most 16 bits"],
        );
    }
    for number in ["08", "12b", "0x", "1_000", "5.", "1e5", "0xfg", "1.0e", "--5"] {
        let errors = compile_text(&format!("class A {{ real64 P = {number}; }};")).unwrap_err();
        let first = &errors.0[0];
        assert_eq!(
            (first.place.line, first.place.column),
            (1, 22),
            "{number}: {first}"
        );
    }
}

#[test]
fn of_the_grammar() {
    let expected = |at: &str, wanted: &str, found: &str| format!("{at}: expected {wanted}, found {found}");
    for (text, error) in [
        (
            "klass A {};",
            expected(
                "1:1",
                "`class`, `instance of`, `Qualifier`, `#pragma` or a qualifier list `[...]`",
                "`klass`",
            ),
        ),
        (
            "[Key] klass A {};",
            expected("1:7", "`class` or `instance of`", "`klass`"),
        ),
        ("class {};", expected("1:7", "the name of the class", "`{`")),
        (
            "class A B {};",
            expected("1:9", "`{`, `:` and a superclass, or `as` and an alias", "`B`"),
        ),
        (
            "class A as B {};",
            expected("1:12", "an alias, as `$Name`", "`B`"),
        ),
        (
            "class A : {};",
            expected("1:11", "the name of the superclass", "`{`"),
        ),
        (
            "class A {}",
            expected("1:11", "`;` after the class", "the end of the file"),
        ),
        (
            "class A { string P }",
            expected("1:20", "`;`, `=`, `[` or `(`", "`}`"),
        ),
        ("class A { string P[] }", expected("1:22", "`;` or `=`", "`}`")),
        (
            "class A { string P[0]; };",
            expected("1:20", "`]` or the size of the array, from 1", "`0`"),
        ),
        (
            "class A { string P = 5 6; };",
            expected("1:24", "`;` after the property", "`6`"),
        ),
        ("class A { string P = ; };", expected("1:22", "a value", "`;`")),
        (
            "class A { string P[] = {,}; };",
            expected("1:25", "a value or `}`", "`,`"),
        ),
        (
            "class A { string P[] = {1 2}; };",
            expected("1:27", "`,` or `}`", "`2`"),
        ),
        (
            "class A { strong P; };",
            expected(
                "1:18",
                "`REF`: what stands before it is no intrinsic type, so it is the class of a reference",
                "`P`",
            ),
        ),
        ("class A { uint8 F( };", expected("1:20", "a parameter", "`}`")),
        (
            "class A { uint8 F(string a string b); };",
            expected("1:28", "`,` or `)`", "`string`"),
        ),
        (
            "class A { uint8 F() };",
            expected("1:21", "`;` after the method", "`}`"),
        ),
        (
            "[] class A {};",
            expected("1:2", "the name of a qualifier", "`]`"),
        ),
        ("[Key Out] class A {};", expected("1:6", "`,` or `]`", "`Out`")),
        (
            "Qualifier Q = 5;",
            expected("1:13", "`:` and the type of the qualifier", "`=`"),
        ),
        (
            "Qualifier Q : thing;",
            expected("1:15", "a type: boolean, string, uint8 ...", "`thing`"),
        ),
        ("Qualifier Q : string;", expected("1:21", "`, Scope(...)`", "`;`")),
        (
            "Qualifier Q : string, Key;",
            expected("1:23", "`Scope(...)` or `Flavor(...)`", "`Key`"),
        ),
        ("#include (\"x\")", expected("1:2", "`pragma`", "`include`")),
        (
            "#pragma include (x)",
            expected("1:18", "the name of the file as a string", "`x`"),
        ),
        (
            "#pragma locale (\"x\"",
            expected("1:20", "`)`", "the end of the file"),
        ),
        ("instance A {};", expected("1:10", "`of`", "`A`")),
        ("instance of A { p 5; };", expected("1:19", "`=`", "`5`")),
        (
            "instance of A { p = 5 };",
            expected("1:23", "`;` after the value", "`}`"),
        ),
        (
            "instance of A {}",
            expected("1:17", "`;` after the instance", "the end of the file"),
        ),
    ] {
        check_errors(text, &[&error]);
    }
    check_errors(
        "Qualifier Q : string, Scope(klass);",
        &[
            "1:29: `klass` is no scope: class, association, indication, property, reference, method, parameter, qualifier, schema and any are",
        ],
    );
    check_errors(
        "Qualifier Q : string, Scope(any), Flavor(Sweet);",
        &[
            "1:42: `Sweet` is no flavor: EnableOverride, DisableOverride, ToSubclass, Restricted and Translatable are",
        ],
    );
}

#[test]
fn reading_goes_on_after_the_faulty_declaration() {
    check_errors(
        "class A { string P };\nclass B { };\nclass {};\n[Key(] class C { string P; };\nclass D {",
        &[
            "1:20: expected `;`, `=`, `[` or `(`, found `}`",
            "3:7: expected the name of the class, found `{`",
            "4:6: expected a value, found `]`",
            "5:10: expected a property, a method or `}`, found the end of the file",
        ],
    );
}

#[test]
fn no_more_than_a_hundred_are_told() {
    let errors = compile_text(&"class;".repeat(1000)).unwrap_err();
    assert_eq!(errors.0.len(), 100);
    let errors = compile_text(&"class A : B {};".repeat(1000)).unwrap_err();
    assert_eq!(errors.0.len(), 100);
}

#[test]
fn of_declarations() {
    check_errors(
        "class A {};\nclass a {};",
        &["2:7: the class `a` is declared already, at test:1:7"],
    );
    check_errors(
        "class A { string P;\nuint8 p; };",
        &["2:7: the property `p` is declared already, at test:1:18"],
    );
    check_errors(
        "class A { uint8 F(); uint8 F(); };",
        &["1:28: the method `F` is declared already, at test:1:17"],
    );
    check_errors(
        "class A { uint8 F(string x, string X); };",
        &["1:36: the parameter `X` is declared already, at test:1:26"],
    );
    check_errors(
        "Qualifier Key : string, Scope(any);",
        &["1:11: the qualifier type `Key` is declared already, at qualifiers:10:11"],
    );
    check_errors(
        "class A { [Key, key] string P; };",
        &["1:17: the qualifier `key` is declared already, at test:1:12"],
    );
    check_errors(
        "class A : Missing {};\nclass B : A {};",
        &["1:11: the superclass `Missing` is not declared"],
    );
    check_errors(
        "class A : C {};\nclass B : A {};\nclass C : B {};\nclass D : C {};",
        &["1:7: the class `A` derives from itself"],
    );
    check_errors(
        "[Association] class L { T REF R; };\nclass M { uint8 F(U REF P); };\nclass N { [EmbeddedInstance(\"V\")] string P; };",
        &[
            "1:25: the class `T` is not declared",
            "2:19: the class `U` is not declared",
            "3:29: the class `V` is not declared",
        ],
    );
    check_errors(
        "class L { L REF R; };",
        &["1:17: only an association may have references: `L` needs the qualifier Association"],
    );
    check_errors(
        "[Association] class L { L REF R[]; };",
        &["1:31: a reference property cannot be an array"],
    );
}

#[test]
fn of_qualifiers() {
    check_errors(
        "class A { [Nope] string P; };",
        &["1:12: no qualifier type `Nope` is declared"],
    );
    check_errors(
        "[Key] class A { [Association] string P; [MaxLen(5)] uint8 F([Key] string x); };",
        &[
            "1:2: the qualifier `Key` cannot stand on a class; its scope is property, reference",
            "1:18: the qualifier `Association` cannot stand on a property; its scope is association",
            "1:62: the qualifier `Key` cannot stand on a parameter; its scope is property, reference",
        ],
    );
    check_errors(
        "[Association, Indication] class A { [MaxLen(1)] A REF R; };",
        &[
            "1:15: the qualifier `Indication` cannot stand on an association; its scope is class, indication",
            "1:38: the qualifier `MaxLen` cannot stand on a reference; its scope is property, method, parameter",
        ],
    );
    check_errors(
        "class A { [MaxLen(\"5\"), Description(5), Values(\"a\"), Key{TRUE}] string P; };",
        &[
            "1:19: expected uint32, found a string",
            "1:37: expected string, found an integer",
            "1:48: expected an array of string in braces, found a string",
            "1:57: expected one boolean, found an array",
        ],
    );
}

#[test]
fn of_values() {
    for (declaration, error) in [
        ("uint8 P = 256", "1:21: 256 is out of the range of uint8"),
        ("uint8 P = -1", "1:21: -1 is out of the range of uint8"),
        ("uint8 P = 1.0", "1:21: expected uint8, found a real number"),
        ("uint8 P = \"1\"", "1:21: expected uint8, found a string"),
        ("uint8 P = TRUE", "1:21: expected uint8, found a boolean"),
        ("string P = 5", "1:22: expected string, found an integer"),
        ("string P = 'c'", "1:22: expected string, found a char literal"),
        ("boolean P = 1", "1:23: expected boolean, found an integer"),
        ("string P = {\"a\"}", "1:22: expected one string, found an array"),
        (
            "uint8 P[] = 5",
            "1:23: expected an array of uint8 in braces, found an integer",
        ),
        ("uint8 P[] = {1, NULL}", "1:27: expected uint8, found NULL"),
        (
            "uint8 P[1] = {1, 2}",
            "1:24: expected at most 1 values, found an array",
        ),
        ("string P = $A", "1:22: expected string, found an alias"),
        (
            "string P = instance of A {}",
            "1:22: expected string, found an instance",
        ),
        (
            "datetime P = \"now\"",
            "1:24: `now` is no datetime: it must have exactly 25 characters",
        ),
    ] {
        check_errors(&format!("class A {{ {declaration}; }};"), &[error]);
    }
    let huge = "9".repeat(400);
    let error = format!("1:22: {huge}.0 is out of the range of real64");
    let got = compile_text(&format!("class A {{ real64 P = {huge}.0; }};")).unwrap_err();
    assert!(
        got.to_string().contains("is out of the range of real64"),
        "{got} {error}"
    );
    check_errors(
        "class A { real32 P = 1.0e39; };",
        &["1:22: 1000000000000000000000000000000000000000 is out of the range of real32"],
    );
}

#[test]
fn of_keys() {
    check_errors(
        "class A { [Key] string P[]; };",
        &["1:24: a key cannot be an array"],
    );
    check_errors(
        "class A { [Key] string P; string Q; };\nclass B : A { [Key] string R; };\nclass C : A { [Key, Override(\"Q\")] string Q; };",
        &[
            "2:28: `R` cannot be a key: the superclass `A` has its keys already",
            "3:43: `Q` cannot be a key: the superclass `A` has its keys already",
        ],
    );
    super::classes("class A { string Q; };\nclass B : A { [Key, Override(\"Q\")] string Q; };");
}
