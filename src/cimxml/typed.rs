//! What came without its type gets it from the class: keys, arguments, properties.
//!
//! CIM-XML lets a client leave types out, or say no more of them than "numeric".

use super::path::UNNAMED_KEY;
use super::value::Reading;
use super::{Argument, DecodeError};
use crate::cim::{
    CimError, CimStatus, CimType, Class, Instance, InstancePath, KeyBinding, Method, Property, PropertyDecl,
    TypeDecl, Value,
};

/// The keys of `path` with the names and types that `class` declares. A class that declares no keys, being above
/// those that do, leaves them as they are.
///
/// # Errors
/// `INVALID_PARAMETER` if a key is none of the class, is missing, or does not fit its type.
pub fn keys(path: &InstancePath, class: &Class) -> Result<InstancePath, CimError> {
    let declared: Vec<&PropertyDecl> = class.keys().collect();
    if declared.is_empty() {
        return Ok(path.clone());
    }
    let mut typed = InstancePath {
        keys: Vec::with_capacity(declared.len()),
        ..path.clone()
    };
    for key in &path.keys {
        let unnamed = key.name == UNNAMED_KEY && declared.len() == 1;
        let found = declared.iter().find(|known| unnamed || known.name == key.name);
        let known = found.ok_or_else(|| {
            CimError::invalid_parameter(format!("class {} has no key `{}`", class.name, key.name))
        })?;
        let value = fit(&key.value, &known.ty, known.embedded().is_some())
            .map_err(|reason| CimError::invalid_parameter(format!("the key {}: {reason}", known.name)))?;
        typed.keys.push(KeyBinding {
            name: known.name.clone(),
            value,
        });
    }
    match declared
        .iter()
        .find(|known| typed.key(known.name.as_str()).is_none())
    {
        Some(missing) => Err(CimError::invalid_parameter(format!(
            "the path lacks the key {} of class {}",
            missing.name, class.name
        ))),
        None => Ok(typed),
    }
}

/// The arguments of a call with the names and types that the method declares.
///
/// # Errors
/// `INVALID_PARAMETER` if one is no input parameter of the method, stands twice, or does not fit its type.
pub fn arguments(arguments: &[Argument], method: &Method) -> Result<Vec<Property>, CimError> {
    let mut typed: Vec<Property> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let wrong = |reason: String| {
            CimError::invalid_parameter(format!(
                "the argument {} of {}: {reason}",
                argument.name, method.name
            ))
        };
        let declared = method
            .parameter(argument.name.as_str())
            .filter(|parameter| parameter.is_in())
            .ok_or_else(|| wrong("there is no such input parameter".to_owned()))?;
        if typed.iter().any(|property| property.name == declared.name) {
            return Err(wrong("it stands twice".to_owned()));
        }
        let value = argument
            .value
            .as_ref()
            .map(|value| fit(value, &declared.ty, declared.embedded().is_some()))
            .transpose()
            .map_err(wrong)?;
        typed.push(Property {
            name: declared.name.clone(),
            cim_type: declared.ty.cim_type,
            is_array: declared.ty.is_array(),
            value,
        });
    }
    Ok(typed)
}

/// An instance with the names and types that its class declares. Properties that the class does not declare are
/// left as they are.
///
/// # Errors
/// `TYPE_MISMATCH` if a value does not fit its type.
pub fn instance(instance: &Instance, class: &Class) -> Result<Instance, CimError> {
    let mut typed = Instance::with_capacity(class.name.clone(), instance.properties().len());
    for property in instance.properties() {
        let fitted = match class.property(property.name.as_str()) {
            Some(declared) => declared.with_value(value(property.value.as_ref(), declared)?),
            None => property.clone(),
        };
        typed.push(fitted);
    }
    Ok(typed)
}

/// A value that is meant for a property, of the type that is declared.
///
/// # Errors
/// `TYPE_MISMATCH` if it does not fit.
pub fn value(value: Option<&Value>, declared: &PropertyDecl) -> Result<Option<Value>, CimError> {
    value
        .map(|value| fit(value, &declared.ty, declared.embedded().is_some()))
        .transpose()
        .map_err(|reason| {
            CimError::new(
                CimStatus::TypeMismatch,
                format!("the property {}: {reason}", declared.name),
            )
        })
}

/// `value` as one of that type, or why it is none.
fn fit(value: &Value, ty: &TypeDecl, is_embedded: bool) -> Result<Value, String> {
    match (value, ty.is_array()) {
        (Value::Array(items), true) => items
            .iter()
            .map(|item| fit_single(item, ty.cim_type, is_embedded))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        (Value::Array(_), false) => Err(format!("it is one {} and no array", ty.cim_type)),
        (_, true) => Err(format!("it is an array of {}", ty.cim_type)),
        (single, false) => fit_single(single, ty.cim_type, is_embedded),
    }
}

fn fit_single(value: &Value, cim_type: CimType, is_embedded: bool) -> Result<Value, String> {
    let bad = |reason: &dyn std::fmt::Display| reason.to_string();
    match value {
        Value::String(text) if is_embedded => Reading::plain(cim_type)
            .embedded(text)
            .map_err(|error: DecodeError| bad(&error)),
        Value::String(text) if cim_type == CimType::Reference => text
            .parse::<InstancePath>()
            .map(|path| Value::Reference(Box::new(path)))
            .map_err(|error| bad(&error)),
        value if value.cim_type() == Some(cim_type) => Ok(value.clone()),
        Value::Reference(_) | Value::Instance(_) | Value::Class(_) => {
            Err(format!("it is of type {cim_type}"))
        }
        value => Value::from_text(cim_type, &value.to_text()).map_err(|error| bad(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::Name;
    use crate::cimxml::class;
    use crate::xml::{Limits, Reader};

    /// A class with two keys, an array, an embedded instance and a method.
    fn thing() -> Class {
        let key = "<QUALIFIER NAME=\"Key\" TYPE=\"boolean\"><VALUE>TRUE</VALUE></QUALIFIER>";
        let embedded = "<QUALIFIER NAME=\"EmbeddedInstance\" TYPE=\"string\"><VALUE>C_Y</VALUE></QUALIFIER>";
        let out = "<QUALIFIER NAME=\"In\" TYPE=\"boolean\"><VALUE>FALSE</VALUE></QUALIFIER>";
        read(&format!(
            "<CLASS NAME=\"C_X\"><PROPERTY NAME=\"Name\" TYPE=\"string\">{key}</PROPERTY><PROPERTY NAME=\"Index\" TYPE=\"uint8\">{key}</PROPERTY>\
             <PROPERTY.ARRAY NAME=\"Levels\" TYPE=\"sint8\"/><PROPERTY NAME=\"Inner\" TYPE=\"string\">{embedded}</PROPERTY><PROPERTY.REFERENCE NAME=\"To\"/>\
             <METHOD NAME=\"Do\" TYPE=\"uint32\"><PARAMETER NAME=\"Delay\" TYPE=\"uint32\"/><PARAMETER.REFERENCE NAME=\"To\"/>\
             <PARAMETER.ARRAY NAME=\"Parts\" TYPE=\"string\">{embedded}</PARAMETER.ARRAY><PARAMETER NAME=\"Result\" TYPE=\"string\">{out}</PARAMETER></METHOD></CLASS>"
        ))
    }

    fn read(text: &str) -> Class {
        let mut reader = Reader::new(text, Limits::default()).unwrap();
        let root = reader.root().unwrap();
        class::decode(&mut reader, &root).unwrap()
    }

    fn path() -> InstancePath {
        InstancePath::new(Name::new("c_x"))
    }

    #[track_caller]
    fn check_keys(path: InstancePath, expect: Result<&str, &str>) {
        let got = keys(&path, &thing())
            .map(|path| format!("{:?}", path.keys))
            .map_err(|error| {
                assert_eq!(error.status, CimStatus::InvalidParameter);
                error.detail
            });
        assert_eq!(got.as_deref().map_err(String::as_str), expect);
    }

    #[test]
    fn keys_get_the_types_of_the_class() {
        let typed = Ok(
            "[KeyBinding { name: \"Name\", value: String(\"7\") }, KeyBinding { name: \"Index\", value: Uint8(7) }]",
        );
        check_keys(path().with_key("NAME", 7_u64).with_key("index", "7"), typed);
        check_keys(path().with_key("Name", "7").with_key("Index", 7_u64), typed);
        check_keys(
            path().with_key("Name", "7").with_key("Index", 300_u64),
            Err("the key Index: `300` is no uint8 (0 to 255)"),
        );
        check_keys(
            path().with_key("Name", "7"),
            Err("the path lacks the key Index of class C_X"),
        );
        check_keys(
            path().with_key("Name", "7").with_key("Number", "7"),
            Err("class C_X has no key `Number`"),
        );
        check_keys(
            path().with_key("Name", path()).with_key("Index", "7"),
            Err("the key Name: it is of type string"),
        );
    }

    #[test]
    fn a_class_without_keys_leaves_them_as_they_are() {
        let class = read("<CLASS NAME=\"C_Base\"/>");
        let path = path().with_key("Any", "7");
        assert_eq!(keys(&path, &class), Ok(path));
    }

    #[test]
    fn the_one_key_of_a_class_needs_no_name() {
        let class = read(
            "<CLASS NAME=\"C_One\"><PROPERTY NAME=\"Id\" TYPE=\"uint16\"><QUALIFIER NAME=\"Key\" TYPE=\"boolean\"><VALUE>TRUE</VALUE></QUALIFIER></PROPERTY></CLASS>",
        );
        let mut unnamed = path();
        unnamed.keys.push(KeyBinding {
            name: UNNAMED_KEY,
            value: Value::string("7"),
        });
        assert_eq!(keys(&unnamed, &class).unwrap().key("Id"), Some(&Value::Uint16(7)));
        assert!(keys(&unnamed, &thing()).is_err());
    }

    #[track_caller]
    fn check_argument(name: &str, value: impl Into<Value>, expect: Result<&str, &str>) {
        let value = value.into();
        let argument = Argument {
            name: name.into(),
            cim_type: None,
            is_array: value.is_array(),
            value: Some(value),
        };
        let class = thing();
        let got = arguments(&[argument], class.method("do").unwrap());
        let got = got
            .map(|typed| format!("{:?}", typed[0].value))
            .map_err(|error| error.detail);
        assert_eq!(got.as_deref().map_err(String::as_str), expect, "{name}");
    }

    #[test]
    fn arguments_get_the_types_of_the_method() {
        check_argument("DELAY", "5", Ok("Some(Uint32(5))"));
        check_argument(
            "Delay",
            "x",
            Err("the argument Delay of Do: `x` is no uint32 (0 to 4294967295)"),
        );
        check_argument(
            "Delay",
            vec!["5"],
            Err("the argument Delay of Do: it is one uint32 and no array"),
        );
        check_argument(
            "To",
            "root/x:C_Y.K=1",
            Ok(
                "Some(Reference(InstancePath { namespace: Some(\"root/x\"), class_name: \"C_Y\", keys: [KeyBinding { name: \"K\", value: Uint64(1) }] }))",
            ),
        );
        check_argument(
            "Parts",
            vec!["<INSTANCE CLASSNAME=\"C_Y\"/>"],
            Ok("Some(Array([Instance(Instance { class_name: \"C_Y\", properties: [] })]))"),
        );
        check_argument(
            "Parts",
            vec!["<A/>"],
            Err("the argument Parts of Do: there is A where INSTANCE or CLASS belongs"),
        );
        check_argument(
            "Parts",
            "x",
            Err("the argument Parts of Do: it is an array of string"),
        );
        check_argument(
            "Result",
            "x",
            Err("the argument Result of Do: there is no such input parameter"),
        );
        let twice = Argument {
            name: "Delay".into(),
            cim_type: None,
            is_array: false,
            value: None,
        };
        let class = thing();
        let error = arguments(&[twice.clone(), twice], class.method("Do").unwrap()).unwrap_err();
        assert_eq!(error.detail, "the argument Delay of Do: it stands twice");
    }

    #[test]
    fn properties_get_the_types_of_the_class() {
        let mut given = Instance::new("c_x".into());
        given.set("index", "7");
        given.set("LEVELS", vec!["-1", "2"]);
        given.set("Other", "kept");
        given.set_or_null("Inner", CimType::String, None::<&str>);
        let typed = instance(&given, &thing()).unwrap();
        assert_eq!(typed.class_name.as_str(), "C_X");
        assert_eq!(typed.get("Index"), Some(&Value::Uint8(7)));
        assert_eq!(typed.get("Levels"), Some(&Value::from(vec![-1_i8, 2])));
        assert_eq!(typed.get_str("Other"), Some("kept"));
        assert_eq!(
            typed.property("Inner").map(|property| property.value.is_none()),
            Some(true)
        );
        given.set("Index", true);
        let error = instance(&given, &thing()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CIM_ERR_TYPE_MISMATCH: the property Index: `true` is no uint8 (0 to 255)"
        );
    }
}
