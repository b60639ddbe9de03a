//! Everything that the grammar allows.

use super::{class, classes};
use crate::cim::schema::Scopes;
use crate::cim::{ArraySize, CimType, Flavor, Name, Value};

#[track_caller]
fn check_default(declaration: &str, expect: Option<Value>) {
    let class = class(&format!("class A {{ {declaration}; }};"), "A");
    assert_eq!(class.properties[0].default, expect, "{declaration}");
}

#[test]
fn literals() {
    check_default("uint8 P = 255", Some(Value::Uint8(255)));
    check_default("sint8 P = -128", Some(Value::Sint8(-128)));
    check_default("sint16 P = +7", Some(Value::Sint16(7)));
    check_default("uint32 P = 0xfF", Some(Value::Uint32(255)));
    check_default("uint32 P = 0", Some(Value::Uint32(0)));
    check_default("uint32 P = 017", Some(Value::Uint32(15)));
    check_default("uint32 P = 101B", Some(Value::Uint32(5)));
    check_default("sint32 P = -101b", Some(Value::Sint32(-5)));
    check_default("uint64 P = 18446744073709551615", Some(Value::Uint64(u64::MAX)));
    check_default("sint64 P = -9223372036854775808", Some(Value::Sint64(i64::MIN)));
    check_default("real32 P = 1.5", Some(Value::Real32(1.5)));
    check_default("real64 P = -.5e+3", Some(Value::Real64(-500.0)));
    check_default("real64 P = 25.0E-1", Some(Value::Real64(2.5)));
    check_default("real64 P = 2", Some(Value::Real64(2.0)));
    check_default("boolean P = TRUE", Some(Value::Boolean(true)));
    check_default("boolean P = false", Some(Value::Boolean(false)));
    check_default("string P = Null", None);
    check_default("string P", None);
    check_default("char16 P = 'é'", Some(Value::Char16(0xe9)));
    check_default(r"char16 P = '\''", Some(Value::Char16(0x27)));
    check_default(r"char16 P = '\xD800'", Some(Value::Char16(0xd800)));
    check_default(
        r#"datetime P = "00000001020304.000000:000""#,
        Some(Value::DateTime("00000001020304.000000:000".parse().unwrap())),
    );
    check_default("uint8 P[] = { 1, 2 }", Some(vec![1_u8, 2].into()));
    check_default("uint8 P[2] = { 1 }", Some(vec![1_u8].into()));
    check_default("string P[] = {}", Some(Value::Array(Vec::new())));
    check_default("string P[] = NULL", None);
}

#[test]
fn strings() {
    check_default(r#"string P = """#, Some(Value::string("")));
    check_default(
        "string P = \"a\" /* and */ \"b\" // so on\n \"c\"",
        Some(Value::string("abc")),
    );
    check_default(
        r#"string P = "\b\t\n\f\r\"\'\\\x41\x00e9z""#,
        Some(Value::string("\u{8}\t\n\u{c}\r\"'\\Aéz")),
    );
    check_default(
        r#"string P = "\xD83D\xde00 日本""#,
        Some(Value::string("😀 日本")),
    );
}

#[test]
fn keywords_have_no_case() {
    let class = class(
        "[INDICATION] Class A { UINT8 P; };\nCLASS B { };\n QUALIFIER Q : STRING, SCOPE(ANY), FLAVOR(translatable);",
        "A",
    );
    assert!(class.is_indication());
    assert_eq!(class.properties[0].ty.cim_type, CimType::Uint8);
}

#[test]
fn comments_and_a_byte_order_mark_are_skipped() {
    class("\u{feff}// one\r/* two\n * */ class A { /**/ };// end", "A");
}

#[test]
fn directives_that_mean_nothing_here_are_skipped() {
    class(
        "#pragma locale (\"en_US\")\n#pragma deleteclass(\"A\", NOFAIL)\n#PRAGMA instancelocale(\"x\")\nclass A {};",
        "A",
    );
}

#[test]
fn qualifier_types() {
    let schema = classes(
        r#"Qualifier A : string[3] = { "x" }, Scope(property, METHOD), Flavor(DisableOverride, Restricted);
        Qualifier B : boolean, Flavor(Translatable), Scope(any);"#,
    );
    let a = schema.qualifier_type(&Name::new("a")).unwrap();
    assert_eq!((a.cim_type, a.array), (CimType::String, ArraySize::Fixed(3)));
    assert_eq!(a.default, Some(vec!["x"].into()));
    assert_eq!(a.scopes, Scopes::PROPERTY.with(Scopes::METHOD));
    assert_eq!(a.scopes.to_string(), "property, method");
    let fixed = Flavor {
        overridable: false,
        to_subclass: false,
        translatable: false,
    };
    assert_eq!(a.flavor, fixed);
    let b = schema.qualifier_type(&Name::new("B")).unwrap();
    assert_eq!((b.scopes.to_string().as_str(), b.default.as_ref()), ("any", None));
    let translatable = Flavor {
        translatable: true,
        ..Flavor::default()
    };
    assert_eq!(b.flavor, translatable);
}

#[test]
fn qualifiers_on_elements() {
    let class = class(
        r#"class A {
            [Key, Description("d" "e") : Restricted DisableOverride, Values{"x", "y"}, MaxLen(5)] string P;
            [Key(false), Values, MaxLen] string Q;
        };"#,
        "A",
    );
    let [p, q] = class.properties.as_slice() else {
        panic!("two properties")
    };
    assert!(p.is_key() && !q.is_key());
    let description = p.qualifier("description").unwrap();
    assert_eq!(description.value.as_deref(), Some(&Value::string("de")));
    let flavor = Flavor {
        overridable: false,
        to_subclass: false,
        translatable: true,
    };
    assert_eq!(description.flavor, flavor, "what is not said comes from the type");
    assert_eq!(
        p.qualifier("Values").unwrap().value.as_deref(),
        Some(&vec!["x", "y"].into())
    );
    assert_eq!(
        p.qualifier("MaxLen").unwrap().value.as_deref(),
        Some(&Value::Uint32(5))
    );
    assert_eq!(
        q.qualifier("Values").unwrap().value.as_deref(),
        Some(&Value::Array(Vec::new()))
    );
    assert_eq!(q.qualifier("MaxLen").unwrap().value, None);
}

#[test]
fn methods_and_references() {
    let schema = classes(
        "[Association] class L as $L : Base { [Key] T REF Left; [Key] T REF Right = NULL; };
        class T { uint32 Run([In, Out] T REF Others[], [In(false), Out] string Names[4]); boolean Stop(); };
        [Association] class Base {};",
    );
    let link = schema.class(&Name::new("L")).unwrap();
    assert!(link.is_association());
    let left = link.property("Left").unwrap();
    assert_eq!(left.ty.reference_class, Some(Name::new("T")));
    assert_eq!(left.ty.cim_type, CimType::Reference);
    let class = schema.class(&Name::new("T")).unwrap();
    let run = class.method("run").unwrap();
    let parameters: Vec<_> = run
        .parameters
        .iter()
        .map(|p| (p.name.as_str(), p.ty.array, p.is_in(), p.is_out()))
        .collect();
    assert_eq!(
        parameters,
        [
            ("Others", ArraySize::Variable, true, true),
            ("Names", ArraySize::Fixed(4), false, true)
        ]
    );
    assert_eq!(class.method("Stop").unwrap().return_type, CimType::Boolean);
}
