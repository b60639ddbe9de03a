//! The forms in which wbemcli wrote its results: scripts read them, so they stay as they were, byte by byte.

use std::fmt::Write as _;

use super::object::{Key, KeyText, Object, Reference, unescape};
use crate::cim::{CimType, Class, Instance, InstancePath, Name, Namespace, Property, Value};
use crate::cimxml::Argument;
use crate::cimxml::class;
use crate::cimxml::instance::{self, Shown};
use crate::xml::Writer;

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Style {
    /// `-nl`: a line for each property.
    pub one_per_line: bool,
    /// `-t`: arrays, references and keys are marked.
    pub marks: bool,
    /// `-dr`: references stand in braces.
    pub braces: bool,
}

impl Style {
    /// What stands between two parts of a heading and between a heading and what follows.
    const fn gap(self) -> &'static str {
        if self.one_per_line { "\n" } else { " " }
    }

    /// An instance: its heading and its properties. Those that `is_key` says yes to are marked as keys.
    pub fn instance(self, heading: &str, instance: &Instance, is_key: impl Fn(&Name) -> bool) -> String {
        let mut text = format!("{heading}{}", self.gap());
        for (at, property) in instance.properties().iter().enumerate() {
            self.begin_property(&mut text, at, &property.name);
            self.mark(
                &mut text,
                property.is_array,
                property.cim_type,
                is_key(&property.name),
            );
            text.push('=');
            if let Some(value) = &property.value {
                self.push_property(&mut text, property, value);
            }
            self.end_property(&mut text);
        }
        text.push('\n');
        text
    }

    /// A class: its heading and the names of its properties.
    pub fn class(self, heading: &str, class: &Class) -> String {
        let mut text = format!("{heading}{}", self.gap());
        self.push_declarations(&mut text, class);
        text.push('\n');
        text
    }

    /// A class among others: with `-nl` its superclass stands in the heading.
    pub fn class_in_list(self, prefix: &str, class: &Class) -> String {
        let superclass = class.superclass.as_ref().map_or("", Name::as_str);
        let heading = if self.one_per_line {
            format!("{prefix}:{} : {superclass}", class.name)
        } else {
            format!("{prefix}:{}", class.name)
        };
        self.class(&heading, class)
    }

    /// What a method returned.
    pub fn method(self, heading: &str, method: &str, value: &Value, out: &[Argument]) -> String {
        let mut text = format!("{heading} {method}: ");
        self.push_value(&mut text, value, "");
        for argument in out {
            text.push_str(if self.one_per_line { "\n" } else { ", " });
            let kind = argument.cim_type.unwrap_or(CimType::String);
            // Writing to a String cannot fail.
            let _ = write!(text, "{} ({kind}): ", argument.name);
            if let Some(value) = &argument.value {
                self.push_value(&mut text, value, "");
            }
        }
        text.push('\n');
        text
    }

    /// A value by itself.
    pub fn value(self, value: &Value) -> String {
        let mut text = String::new();
        self.push_value(&mut text, value, "");
        text.push('\n');
        text
    }

    fn push_declarations(self, text: &mut String, class: &Class) {
        for (at, property) in class.properties.iter().enumerate() {
            self.begin_property(text, at, &property.name);
            self.mark(
                text,
                property.ty.is_array(),
                property.ty.cim_type,
                property.is_key(),
            );
            text.push('=');
            self.end_property(text);
        }
    }

    fn begin_property(self, text: &mut String, at: usize, name: &Name) {
        if self.one_per_line {
            text.push('-');
        } else if at > 0 {
            text.push(',');
        }
        text.push_str(name.as_str());
    }

    fn end_property(self, text: &mut String) {
        if self.one_per_line {
            text.push('\n');
        }
    }

    fn mark(self, text: &mut String, is_array: bool, cim_type: CimType, is_key: bool) {
        if !self.marks {
            return;
        }
        if cim_type == CimType::Reference {
            text.push('&');
        } else if is_array {
            text.push_str("[]");
        }
        if is_key {
            text.push('#');
        }
    }

    fn push_property(self, text: &mut String, property: &Property, value: &Value) {
        let quote = if property.cim_type == CimType::String {
            "\""
        } else {
            ""
        };
        self.push_value(text, value, quote);
    }

    /// A path behind what stands before its class: `Class.Key="value",Key2=7`.
    pub fn push_path(self, text: &mut String, path: &InstancePath) {
        text.push_str(path.class_name.as_str());
        for (at, key) in path.keys.iter().enumerate() {
            text.push(if at == 0 { '.' } else { ',' });
            text.push_str(key.name.as_str());
            text.push('=');
            let quote = if is_quoted(&key.value) { "\"" } else { "" };
            self.push_value(text, &key.value, quote);
        }
    }

    fn push_reference(self, text: &mut String, target: &InstancePath) {
        if self.braces {
            text.push('{');
        }
        if let Some(namespace) = &target.namespace {
            text.push_str(namespace.as_str());
            text.push(':');
        }
        self.push_path(text, target);
        if self.braces {
            text.push('}');
        }
    }

    fn push_value(self, text: &mut String, value: &Value, quote: &str) {
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    self.push_value(text, item, quote);
                }
            }
            Value::Reference(path) => {
                self.push_reference(text, path);
            }
            value => {
                text.push_str(quote);
                push_escaped(text, &plain_text(value));
                text.push_str(quote);
            }
        }
    }
}

/// Whether a key stands in quotation marks.
fn is_quoted(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::DateTime(_) | Value::Char16(_))
}

/// The text of a value that is no array and no reference, as it stands in CIM-XML.
fn plain_text(value: &Value) -> String {
    match value {
        Value::Boolean(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        Value::Instance(embedded) => {
            let mut writer = Writer::default().keeping_end_tags();
            instance::encode(&mut writer, embedded, None, Shown::all());
            writer.finish()
        }
        Value::Class(embedded) => class::to_string(embedded),
        value => value.to_text(),
    }
}

fn push_escaped(out: &mut String, text: &str) {
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
}

/// What stands before a class: `host:5988/root/cimv2`, or the namespace alone where the agent of this machine is
/// asked.
pub fn prefix(server: Option<&str>, namespace: &Namespace) -> String {
    match server {
        Some(server) => format!("{server}/{namespace}"),
        None => namespace.to_string(),
    }
}

/// The heading of an instance that was asked for by its keys: they are repeated, all of them in quotation marks.
pub fn heading_as_asked(prefix: &str, object: &Object) -> String {
    let mut text = with_class(prefix, object);
    push_as_asked(&mut text, &object.keys);
    text
}

fn push_as_asked(text: &mut String, keys: &[Key]) {
    for (at, key) in keys.iter().enumerate() {
        text.push(if at == 0 { '.' } else { ',' });
        text.push_str(key.name.as_str());
        text.push('=');
        match &key.value {
            KeyText::Quoted(value) | KeyText::Bare(value) => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\"{value}\"");
            }
            KeyText::Reference(Reference { head, keys, .. }) => {
                text.push_str(head);
                push_as_asked(text, keys);
            }
        }
    }
}

/// The heading of a class or method: the object path, its values as they would be printed elsewhere.
pub fn heading_of_object(prefix: &str, object: &Object) -> String {
    let mut text = with_class(prefix, object);
    push_keys(&mut text, &object.keys);
    text
}

fn push_keys(text: &mut String, keys: &[Key]) {
    for (at, key) in keys.iter().enumerate() {
        text.push(if at == 0 { '.' } else { ',' });
        text.push_str(key.name.as_str());
        text.push('=');
        match &key.value {
            KeyText::Bare(value) if is_plain(value) => text.push_str(value),
            KeyText::Quoted(value) | KeyText::Bare(value) => {
                text.push('"');
                push_escaped(text, &unescape(value));
                text.push('"');
            }
            KeyText::Reference(Reference { head, keys, .. }) => {
                text.push_str(head);
                push_keys(text, keys);
            }
        }
    }
}

/// Whether a value stands without quotation marks: an integer or a boolean.
fn is_plain(value: &str) -> bool {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    let is_number = !value.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number || value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}

fn with_class(prefix: &str, object: &Object) -> String {
    format!("{prefix}:{}", object.class.as_ref().map_or("", Name::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::{ArraySize, PropertyDecl, TypeDecl};

    const PLAIN: Style = Style {
        one_per_line: false,
        marks: false,
        braces: false,
    };
    const NL_T: Style = Style {
        one_per_line: true,
        marks: true,
        braces: false,
    };

    fn target() -> InstancePath {
        InstancePath::new(Name::new("C_X"))
            .with_key("K", "a\"b\\c&'d")
            .with_key("N", 7_u64)
            .with_key("B", true)
    }

    fn sample() -> Instance {
        let mut instance = Instance::new(Name::new("C_X"));
        instance.set("K", "a\"b\\c&'d\nnext");
        instance.set("N", 7_u32);
        instance.set_or_null("Null", CimType::String, None::<&str>);
        instance.set("Empty", "");
        instance.set("T", Value::DateTime("20200101000000.000000+000".parse().unwrap()));
        instance.set("C", Value::Char16(99));
        instance.set("Bo", true);
        instance.set("A", vec!["x", "y,z"]);
        instance.set_property(Property {
            name: Name::new("E"),
            cim_type: CimType::Uint16,
            is_array: true,
            value: Some(Value::Array(Vec::new())),
        });
        instance.set("R", target().in_namespace(Namespace::new("root/cimv2")));
        instance.set("R3", target());
        let mut part = Instance::new(Name::new("C_P"));
        part.set("W", 1_u8);
        instance.set("P", part);
        instance
    }

    fn is_key(name: &Name) -> bool {
        ["K", "N", "B"].iter().any(|key| *name == **key)
    }

    /// What wbemcli printed for the same instance, but for the reference with a host: it forgot a colon there.
    #[test]
    fn instances_are_printed_as_wbemcli_does() {
        insta::assert_snapshot!(NL_T.instance("h:5988/root/cimv2:C_X.K=\"a\"", &sample(), is_key), @r#"
        h:5988/root/cimv2:C_X.K="a"
        -K#="a\"b\\c&'d
        next"
        -N#=7
        -Null=
        -Empty=""
        -T=20200101000000.000000+000
        -C=c
        -Bo=TRUE
        -A[]="x","y,z"
        -E[]=
        -R&=root/cimv2:C_X.K="a\"b\\c&'d",N=7,B=TRUE
        -R3&=C_X.K="a\"b\\c&'d",N=7,B=TRUE
        -P="<INSTANCE CLASSNAME=\"C_P\"><PROPERTY NAME=\"W\" TYPE=\"uint8\"><VALUE>1</VALUE></PROPERTY></INSTANCE>"
        "#);
        let braces = Style {
            braces: true,
            ..PLAIN
        };
        let mut path = String::new();
        braces.push_path(
            &mut path,
            &InstancePath::new(Name::new("C_A")).with_key("From", target()),
        );
        assert_eq!(path, r#"C_A.From={C_X.K="a\"b\\c&'d",N=7,B=TRUE}"#);
        insta::assert_snapshot!(braces.instance("C_X", &sample(), is_key), @r#"
        C_X K="a\"b\\c&'d
        next",N=7,Null=,Empty="",T=20200101000000.000000+000,C=c,Bo=TRUE,A="x","y,z",E=,R={root/cimv2:C_X.K="a\"b\\c&'d",N=7,B=TRUE},R3={C_X.K="a\"b\\c&'d",N=7,B=TRUE},P="<INSTANCE CLASSNAME=\"C_P\"><PROPERTY NAME=\"W\" TYPE=\"uint8\"><VALUE>1</VALUE></PROPERTY></INSTANCE>"
        "#);
    }

    #[test]
    fn classes_are_printed_as_wbemcli_does() {
        let property = |name: &str, ty: TypeDecl| {
            std::sync::Arc::new(PropertyDecl {
                name: Name::new(name),
                ty,
                default: None,
                qualifiers: Vec::new(),
                class_origin: Name::new("C_X"),
                propagated: false,
            })
        };
        let many = TypeDecl {
            array: ArraySize::Variable,
            ..TypeDecl::scalar(CimType::Uint8)
        };
        let class = Class {
            name: Name::new("C_X"),
            superclass: Some(Name::new("C_P")),
            qualifiers: Vec::new(),
            properties: vec![
                property("N", TypeDecl::scalar(CimType::Uint8)),
                property("A", many),
                property("R", TypeDecl::scalar(CimType::Reference)),
            ],
            methods: Vec::new(),
        };
        insta::assert_snapshot!(NL_T.class("h:1/root:C_X", &class), @r"
        h:1/root:C_X
        -N=
        -A[]=
        -R&=
        ");
        insta::assert_snapshot!(PLAIN.class("h:1/root:C_X", &class), @"h:1/root:C_X N=,A=,R=");
        insta::assert_snapshot!(NL_T.class_in_list("h:1/root", &class), @r"
        h:1/root:C_X : C_P
        -N=
        -A[]=
        -R&=
        ");
        insta::assert_snapshot!(PLAIN.class_in_list("h:1/root", &class), @"h:1/root:C_X N=,A=,R=");
    }

    #[test]
    fn methods_are_printed_as_wbemcli_does() {
        let argument = |name: &str, value: Option<Value>| Argument {
            name: Name::new(name),
            cim_type: value.as_ref().and_then(Value::cim_type),
            is_array: false,
            value,
        };
        let out = [
            argument("o1", Some("v1".into())),
            argument("o2", Some(Value::Uint32(2))),
            argument("o3", None),
        ];
        insta::assert_snapshot!(PLAIN.method("h:1/root:C_X", "Go", &Value::Uint32(0), &out), @"h:1/root:C_X Go: 0, o1 (string): v1, o2 (uint32): 2, o3 (string):");
        insta::assert_snapshot!(NL_T.method("h:1/root:C_X", "Go", &Value::Uint32(0), &out), @r"
        h:1/root:C_X Go: 0
        o1 (string): v1
        o2 (uint32): 2
        o3 (string):
        ");
    }

    #[test]
    fn headings_repeat_what_was_asked() {
        let text = r#"C_A.From=root/x:C_X.K="v\"w",N=3,To=C_Y.B=true"#;
        let object = Object::parse(text).unwrap();
        insta::assert_snapshot!(heading_as_asked("h:1/root", &object), @r#"h:1/root:C_A.From=root/x:C_X.K="v\"w",N="3",To=C_Y.B="true""#);
        insta::assert_snapshot!(heading_of_object("h:1/root", &object), @r#"h:1/root:C_A.From=root/x:C_X.K="v\"w",N=3,To=C_Y.B=true"#);
        assert_eq!(prefix(None, &Namespace::new("root/x")), "root/x");
        assert_eq!(prefix(Some("h:1"), &Namespace::new("root/x")), "h:1/root/x");
    }
}
