//! Declarations as MOF (DSP0004, annex A): what the compiler reads back as the same.

use std::fmt::Write;

use crate::cim::schema::{NamespaceSchema, QualifierType, QualifierTypes};
use crate::cim::{
    ArraySize, CimType, Class, Flavor, Method, Name, Parameter, PropertyDecl, Qualifier, TypeDecl, Value,
};

/// All qualifier types and classes of a namespace as one source, superclasses first. A class is printed as it
/// was declared: without what it inherits.
pub fn print(schema: &NamespaceSchema) -> String {
    let mut out = String::new();
    for declared in schema.qualifier_types().values() {
        print_qualifier_type(&mut out, declared);
    }
    for class in schema.classes() {
        out.push('\n');
        print_class(&mut out, class, schema.qualifier_types());
    }
    out
}

fn print_qualifier_type(out: &mut String, declared: &QualifierType) {
    put(
        out,
        format_args!("Qualifier {} : {}", declared.name, declared.cim_type),
    );
    print_array(out, declared.array);
    if let Some(default) = &declared.default {
        out.push_str(" = ");
        print_value(out, default);
    }
    put(out, format_args!(", Scope({})", declared.scopes));
    let words: Vec<&str> = flavor_words(declared.flavor, Flavor::default()).collect();
    if !words.is_empty() {
        put(out, format_args!(", Flavor({})", words.join(", ")));
    }
    out.push_str(";\n");
}

/// Appends a class as it was declared. `types` holds the types of its qualifiers: flavors are printed where
/// they differ from those.
pub fn print_class(out: &mut String, class: &Class, types: &QualifierTypes) {
    let printer = Printer { types };
    printer.qualifiers(out, &class.qualifiers, "\n");
    put(out, format_args!("class {}", class.name));
    if let Some(superclass) = &class.superclass {
        put(out, format_args!(" : {superclass}"));
    }
    out.push_str(" {\n");
    for property in class.properties.iter().filter(|property| !property.propagated) {
        printer.property(out, property);
    }
    for method in class.methods.iter().filter(|method| !method.propagated) {
        printer.method(out, method);
    }
    out.push_str("};\n");
}

struct Printer<'a> {
    types: &'a QualifierTypes,
}

impl Printer<'_> {
    fn property(&self, out: &mut String, property: &PropertyDecl) {
        out.push_str("  ");
        self.qualifiers(out, &property.qualifiers, "\n  ");
        print_typed(out, &property.ty, &property.name);
        if let Some(default) = &property.default {
            out.push_str(" = ");
            print_value(out, default);
        }
        out.push_str(";\n");
    }

    fn method(&self, out: &mut String, method: &Method) {
        out.push_str("  ");
        self.qualifiers(out, &method.qualifiers, "\n  ");
        put(out, format_args!("{} {}(", method.return_type, method.name));
        for (at, parameter) in method.parameters.iter().enumerate() {
            out.push_str(if at == 0 { "\n    " } else { ",\n    " });
            self.parameter(out, parameter);
        }
        out.push_str(");\n");
    }

    fn parameter(&self, out: &mut String, parameter: &Parameter) {
        self.qualifiers(out, &parameter.qualifiers, " ");
        print_typed(out, &parameter.ty, &parameter.name);
    }

    /// The qualifiers of an element itself in brackets with `after` behind them; nothing where there are none.
    fn qualifiers(&self, out: &mut String, qualifiers: &[Qualifier], after: &str) {
        let mut before = "[";
        for qualifier in qualifiers.iter().filter(|qualifier| !qualifier.propagated) {
            out.push_str(before);
            self.qualifier(out, qualifier);
            before = ", ";
        }
        if before != "[" {
            out.push(']');
            out.push_str(after);
        }
    }

    fn qualifier(&self, out: &mut String, qualifier: &Qualifier) {
        put(out, format_args!("{}", qualifier.name));
        match qualifier.value.as_deref() {
            Some(Value::Boolean(true)) => {}
            Some(value @ Value::Array(_)) => {
                out.push(' ');
                print_value(out, value);
            }
            Some(value) => {
                out.push('(');
                print_value(out, value);
                out.push(')');
            }
            None => out.push_str("(NULL)"),
        }
        let default = self.types.get(&qualifier.name).map(|declared| declared.flavor);
        let mut before = " : ";
        for word in flavor_words(qualifier.flavor, default.unwrap_or_default()) {
            out.push_str(before);
            out.push_str(word);
            before = " ";
        }
    }
}

/// The words that make `flavor` of `default`. MOF has none for what is not translatable.
fn flavor_words(flavor: Flavor, default: Flavor) -> impl Iterator<Item = &'static str> {
    let word = |own: bool, default: bool, yes, no| (own != default).then_some(if own { yes } else { no });
    [
        word(
            flavor.overridable,
            default.overridable,
            "EnableOverride",
            "DisableOverride",
        ),
        word(
            flavor.to_subclass,
            default.to_subclass,
            "ToSubclass",
            "Restricted",
        ),
        (flavor.translatable && !default.translatable).then_some("Translatable"),
    ]
    .into_iter()
    .flatten()
}

fn print_typed(out: &mut String, ty: &TypeDecl, name: &Name) {
    match (&ty.reference_class, ty.cim_type) {
        (Some(class), CimType::Reference) => put(out, format_args!("{class} REF {name}")),
        (_, cim_type) => put(out, format_args!("{cim_type} {name}")),
    }
    print_array(out, ty.array);
}

fn print_array(out: &mut String, array: ArraySize) {
    match array {
        ArraySize::Scalar => {}
        ArraySize::Variable => out.push_str("[]"),
        ArraySize::Fixed(size) => put(out, format_args!("[{size}]")),
    }
}

fn print_value(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('{');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                print_value(out, item);
            }
            out.push('}');
        }
        Value::String(text) => print_quoted(out, text),
        Value::DateTime(value) => print_quoted(out, &value.to_string()),
        Value::Reference(path) => print_quoted(out, &path.to_string()),
        Value::Char16(unit) => {
            out.push('\'');
            match char::from_u32(u32::from(*unit)) {
                Some(c) => print_char(out, c),
                // Half of a surrogate pair.
                None => put(out, format_args!("\\x{unit:04X}")),
            }
            out.push('\'');
        }
        Value::Real32(_) | Value::Real64(_) => print_real(out, &value.to_text()),
        // Declarations hold no objects: these have no default values.
        other => other.write_text(out),
    }
}

fn print_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        print_char(out, c);
    }
    out.push('"');
}

fn print_char(out: &mut String, c: char) {
    match c {
        '"' | '\'' | '\\' => put(out, format_args!("\\{c}")),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        control if control.is_ascii_control() => put(out, format_args!("\\x{:04X}", u32::from(control))),
        plain => out.push(plain),
    }
}

/// A real of MOF has a point with a digit behind it; `text` may lack both.
fn print_real(out: &mut String, text: &str) {
    let (mantissa, exponent) = text.split_at(text.find('e').unwrap_or(text.len()));
    let point = if mantissa.contains('.') { "" } else { ".0" };
    put(out, format_args!("{mantissa}{point}{exponent}"));
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests;
