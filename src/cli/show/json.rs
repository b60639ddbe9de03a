//! Instances as JSON: numbers as numbers, NULL as null, references as the commands take them.

use serde_json::{Map, Number, Value as Json};

use super::path_text;
use crate::cim::{Instance, Name, Value};

/// An instance as an object; its class is `__class`. With `select`, only the properties named there, in that
/// order, null where there are none.
pub fn instance_json(instance: &Instance, select: Option<&[Name]>) -> Map<String, Json> {
    let mut object = Map::new();
    object.insert("__class".to_owned(), instance.class_name.as_str().into());
    match select {
        None => {
            for property in instance.properties() {
                object.insert(
                    property.name.as_str().to_owned(),
                    value_json(property.value.as_ref()),
                );
            }
        }
        Some(names) => {
            for name in names {
                object.insert(name.as_str().to_owned(), value_json(instance.get(name.as_str())));
            }
        }
    }
    object
}

/// One value by itself.
pub fn value_json(value: Option<&Value>) -> Json {
    match value {
        None => Json::Null,
        Some(Value::Boolean(value)) => (*value).into(),
        Some(Value::Array(items)) => items.iter().map(|item| value_json(Some(item))).collect(),
        Some(Value::Reference(path)) => path_text(path).into(),
        Some(Value::Instance(instance)) => instance_json(instance, None).into(),
        Some(Value::Class(class)) => class.name.as_str().into(),
        // JSON has no word for infinities and NaN; their texts do. By its text a real32 keeps its digits.
        Some(value @ (Value::Real32(_) | Value::Real64(_))) => {
            let text = value.to_text();
            let number = text.parse().ok().and_then(Number::from_f64);
            number.map_or_else(|| text.into(), Json::Number)
        }
        Some(value) => match value.as_integer() {
            Some(integer) => i64::try_from(integer)
                .map(Json::from)
                .or_else(|_| u64::try_from(integer).map(Json::from))
                .unwrap_or(Json::Null),
            None => value.to_text().into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::{CimType, InstancePath};

    #[test]
    fn values_keep_their_types() {
        let mut instance = Instance::new(Name::new("C_X"));
        instance.set("Big", u64::MAX);
        instance.set("Small", i64::MIN);
        instance.set("Real", 0.1_f32);
        instance.set("NaN", f32::NAN);
        instance.set("Flag", true);
        instance.set("Many", vec!["a", "b"]);
        instance.set("Ref", InstancePath::new(Name::new("C_Y")).with_key("K", 1_u8));
        instance.set_or_null("Null", CimType::Uint8, None::<u8>);
        let all = Json::from(instance_json(&instance, None));
        insta::assert_snapshot!(all, @r#"{"Big":18446744073709551615,"Flag":true,"Many":["a","b"],"NaN":"NaN","Null":null,"Real":0.1,"Ref":"C_Y?K=1","Small":-9223372036854775808,"__class":"C_X"}"#);
        let some = Json::from(instance_json(
            &instance,
            Some(&[Name::new("flag"), Name::new("No")]),
        ));
        insta::assert_snapshot!(some, @r#"{"No":null,"__class":"C_X","flag":true}"#);
    }
}
