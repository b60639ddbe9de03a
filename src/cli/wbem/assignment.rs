//! Values of properties and parameters as wbemcli takes them: `Name="text",Flag=true,Many=1,2,3`.

use super::object::{Reference, quoted_text, unescape};
use super::trouble::Trouble;
use crate::cim::{CimType, Name, TypeDecl, Value};
use crate::client::classes::Classes;

/// One assignment: a name, and the values that stand behind it.
#[derive(Clone, Debug, PartialEq)]
struct Assignment<'a> {
    name: Name,
    /// The values as they were written, at least one.
    items: Vec<&'a str>,
}

/// Reads assignments and gives the values their types: `declared` says what the class or method declares. Further
/// values behind commas make an array. A value that is empty and without quotation marks is NULL.
///
/// # Errors
/// If a name is not declared, stands twice, or a value does not fit its type.
pub fn parse(
    text: &str,
    declared: impl Fn(&Name) -> Option<TypeDecl>,
    classes: &Classes,
) -> Result<Vec<(Name, TypeDecl, Option<Value>)>, Trouble> {
    let mut values: Vec<(Name, TypeDecl, Option<Value>)> = Vec::new();
    for assignment in divide(text, &declared)? {
        let name = assignment.name;
        let Some(ty) = declared(&name) else {
            return Err(Trouble::Command(format!(
                "Undefined attribute(s) specified: {name}"
            )));
        };
        if values.iter().any(|(known, ..)| *known == name) {
            return Err(Trouble::Command(format!("`{name}` stands twice")));
        }
        let value = typed(&assignment.items, &ty, classes).map_err(|trouble| trouble.about(&name))?;
        values.push((name, ty, value));
    }
    Ok(values)
}

/// Divides at commas outside quotation marks. What begins with a name and an equals sign begins an assignment,
/// unless it is a key of the reference that stands before it.
fn divide<'a>(
    text: &'a str,
    declared: &impl Fn(&Name) -> Option<TypeDecl>,
) -> Result<Vec<Assignment<'a>>, Trouble> {
    let mut assignments: Vec<Assignment<'a>> = Vec::new();
    // Where the last value begins: the keys of a reference make it longer.
    let mut value_start = 0;
    for (start, end) in pieces(text)? {
        let piece = slice(text, start, end);
        let named = piece
            .split_once('=')
            .and_then(|(name, _)| Some((Name::parse(name).ok()?, name.len() + 1)));
        let last = assignments.last_mut();
        let is_in_reference = last
            .as_ref()
            .is_some_and(|last| declared(&last.name).is_some_and(|ty| ty.cim_type == CimType::Reference));
        match (named, last) {
            (Some((name, _)), Some(last)) if is_in_reference && declared(&name).is_none() => {
                if let Some(item) = last.items.last_mut() {
                    *item = slice(text, value_start, end);
                }
            }
            (Some((name, at)), _) => {
                value_start = start + at;
                let items = vec![slice(text, value_start, end)];
                assignments.push(Assignment { name, items });
            }
            (None, Some(last)) => {
                value_start = start;
                last.items.push(piece);
            }
            (None, None) => {
                return Err(Trouble::Command(format!(
                    "`{piece}` is no value of a property: write Name=value[,value...][,Name=value]"
                )));
            }
        }
    }
    Ok(assignments)
}

fn slice(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

/// Where the pieces between commas begin and end.
fn pieces(text: &str) -> Result<Vec<(usize, usize)>, Trouble> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find([',', '"'])) {
        at += found;
        if slice(text, at, at + 1) == "," {
            pieces.push((start, at));
            at += 1;
            start = at;
        } else {
            let (_, behind) = quoted_text(text.get(at + 1..).unwrap_or_default())?;
            at = text.len() - behind.len();
        }
    }
    pieces.push((start, text.len()));
    Ok(pieces)
}

fn typed(items: &[&str], ty: &TypeDecl, classes: &Classes) -> Result<Option<Value>, Trouble> {
    match items {
        [""] => Ok(None),
        [item] if !ty.is_array() => scalar(item, ty.cim_type, classes).map(Some),
        items if ty.is_array() => {
            let values = items.iter().map(|item| scalar(item, ty.cim_type, classes));
            values
                .collect::<Result<_, _>>()
                .map(|items| Some(Value::Array(items)))
        }
        items => Err(Trouble::Command(format!(
            "it is one value, and {} are given; a comma in a value stands between quotation marks",
            items.len()
        ))),
    }
}

fn scalar(item: &str, cim_type: CimType, classes: &Classes) -> Result<Value, Trouble> {
    let text = unquote(item)?;
    if cim_type == CimType::Reference {
        return Ok(Value::Reference(Box::new(
            Reference::parse(&text)?.path(classes)?,
        )));
    }
    Value::from_text(cim_type, &text).map_err(Trouble::command)
}

/// The value without the quotation marks around it, where they stand around the whole of it.
fn unquote(item: &str) -> Result<String, Trouble> {
    let Some(quoted) = item.strip_prefix('"') else {
        return Ok(item.to_owned());
    };
    let (inside, behind) = quoted_text(quoted)?;
    if behind.is_empty() {
        Ok(unescape(inside))
    } else {
        Err(Trouble::Command(format!(
            "`{behind}` stands behind a quotation mark; one inside a value is \\\""
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::ArraySize;

    /// S is a string, N a number, A an array of strings, M one of numbers, R and Q references.
    fn declared(name: &Name) -> Option<TypeDecl> {
        let (cim_type, is_array) = match name.as_str() {
            "S" => (CimType::String, false),
            "N" => (CimType::Uint8, false),
            "A" => (CimType::String, true),
            "M" => (CimType::Sint16, true),
            "R" | "Q" => (CimType::Reference, false),
            "P" => (CimType::Reference, true),
            _ => return None,
        };
        let array = if is_array {
            ArraySize::Variable
        } else {
            ArraySize::Scalar
        };
        Some(TypeDecl {
            array,
            ..TypeDecl::scalar(cim_type)
        })
    }

    fn shown(value: &Value) -> String {
        match value {
            Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join("; ")),
            Value::Reference(path) => path.to_string(),
            value => format!("{value:?}"),
        }
    }

    #[track_caller]
    fn check(text: &str, expect: Result<&str, &str>) {
        let parsed = parse(text, declared, &Classes::default());
        let got = match parsed {
            Ok(values) => {
                let values = values.iter().map(|(name, _, value)| {
                    format!(
                        "{name}={}",
                        value.as_ref().map_or_else(|| "NULL".to_owned(), shown)
                    )
                });
                Ok(values.collect::<Vec<_>>().join(" "))
            }
            Err(trouble) => Err(trouble.told_by("w").text().to_owned()),
        };
        match expect {
            Ok(expect) => assert_eq!(got.as_deref(), Ok(expect), "{text}"),
            Err(expect) => assert!(
                got.as_ref().is_err_and(|got| got.contains(expect)),
                "{text}: {got:?}"
            ),
        }
    }

    #[test]
    fn values_have_the_declared_types() {
        check("S=a b", Ok(r#"S=String("a b")"#));
        check(r#"S="a, b=c",N=5"#, Ok(r#"S=String("a, b=c") N=Uint8(5)"#));
        check(r#"S="a\"b\\c\d""#, Ok(r#"S=String("a\"b\\c\\d")"#));
        check("S=a=b", Ok(r#"S=String("a=b")"#));
        check("S=,N=", Ok("S=NULL N=NULL"));
        check(r#"S="""#, Ok(r#"S=String("")"#));
        check(
            r#"A=x,"y,z",w,N=1"#,
            Ok(r#"A=[String("x"); String("y,z"); String("w")] N=Uint8(1)"#),
        );
        check("A=x", Ok(r#"A=[String("x")]"#));
        check(r#"A="N=1",b"#, Ok(r#"A=[String("N=1"); String("b")]"#));
        check("M=-1,2", Ok("M=[Sint16(-1); Sint16(2)]"));
    }

    #[test]
    fn keys_of_references_are_no_properties() {
        check(
            r#"R=C_Y.K="1",L=2,Q=root/x:C_Z.K="z",N=7"#,
            Ok(r#"R=C_Y.K="1",L=2 Q=root/x:C_Z.K="z" N=Uint8(7)"#),
        );
        check(r#"R="C_Y.K=\"1\",L=2",N=7"#, Ok(r#"R=C_Y.K="1",L=2 N=Uint8(7)"#));
        check(
            r#"P=C_Y.K="1",L=2,C_Y.K="3""#,
            Ok(r#"P=[C_Y.K="1",L=2; C_Y.K="3"]"#),
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        check("X=1", Err("Undefined attribute(s) specified: X"));
        check("N=300", Err("N: `300` is no uint8 (0 to 255)"));
        check("N=1,2", Err("N: it is one value, and 2 are given"));
        check("N=1,n=2", Err("Undefined attribute(s) specified: n"));
        check("S=1,S=2", Err("`S` stands twice"));
        check("5", Err("`5` is no value of a property"));
        check(r#"S="a"#, Err("Unbalanced quoted string"));
        check(r#"S="a"b"#, Err("S: `b` stands behind a quotation mark"));
        check("R=x", Err("R: `x` names no instance"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[SNAMRQPX=\",\\\\é.:/1 ]{0,40}") {
            let _ = parse(&text, declared, &Classes::default());
        }
    }
}
