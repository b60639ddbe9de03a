//! Instances of known classes on the wire (DSP0230, 7 to 9): written straight into the reply.

use std::fmt::Write;

use super::addressing::{Addressing, encode_path};
use super::ns;
use super::resource_uri::UriForm;
use super::time::format_duration;
use crate::cim::{Class, DateTime, Instance, Name, Property, Value};
use crate::xml::{Ns, Tag, Writer, push_decimal};

/// How a client wants to be answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Style {
    /// The version of WS-Addressing of its request.
    pub addressing: Addressing,
    /// The form of resource URIs of its request.
    pub form: UriForm,
    /// How it reads datetimes.
    pub datetime: DateTimeStyle,
}

/// How a datetime is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DateTimeStyle {
    /// The 25 characters of DSP0004.
    #[default]
    Text,
    /// `cim:Datetime` and `cim:Interval` (DSP0230, annex A).
    Typed,
}

impl DateTimeStyle {
    /// The style for a client, by its `User-Agent`.
    pub fn for_user_agent(user_agent: Option<&str>) -> Self {
        if user_agent.is_some_and(|agent| agent.contains("Microsoft WinRM Client")) {
            Self::Typed
        } else {
            Self::Text
        }
    }
}

const PREFIX: &str = "p";

/// Writes an instance as an element of `class`: its properties in the order of declaration, those that it
/// lacks as NULL, those that the class does not declare not at all (which is how an instance is shown as
/// one of a parent class). With `select`, only the properties named there are written.
pub fn encode_instance(
    w: &mut Writer,
    instance: &Instance,
    class: &Class,
    select: Option<&[Name]>,
    style: &Style,
) {
    let root = Tag {
        prefix: PREFIX,
        local: class.name.as_str(),
    };
    w.start(root);
    declare_class(w, class.name.as_str(), style);
    let selected = |name: &Name| select.is_none_or(|names| names.contains(name));
    for (index, declared) in class.properties.iter().enumerate() {
        if !selected(&declared.name) {
            continue;
        }
        // Instances are made in the order of declaration, as a rule.
        let property = match instance.properties().get(index) {
            Some(property) if property.name == declared.name => Some(property),
            _ => instance.property(declared.name.as_str()),
        };
        encode_value(
            w,
            declared.name.as_str(),
            property.and_then(|p| p.value.as_ref()),
            style,
        );
    }
    w.end(root);
}

/// Declares the namespace of a class on the element that was just opened.
fn declare_class(w: &mut Writer, class_name: &str, style: &Style) {
    let uri = style.form.class_uri(class_name);
    w.declare_as(PREFIX, &uri);
    if style.datetime == DateTimeStyle::Typed {
        w.declare(ns::CIM);
    }
}

/// Writes the reply of a method: `METHOD_OUTPUT` with its return value and what it gives back (DSP0230, 9).
pub fn encode_method_output(
    w: &mut Writer,
    class_name: &str,
    method: &str,
    return_value: Option<&Value>,
    outputs: &[Property],
    style: &Style,
) {
    let local = format!("{method}_OUTPUT");
    let root = Tag {
        prefix: PREFIX,
        local: &local,
    };
    w.start(root);
    declare_class(w, class_name, style);
    for output in outputs {
        encode_value(w, output.name.as_str(), output.value.as_ref(), style);
    }
    encode_value(w, "ReturnValue", return_value, style);
    w.end(root);
}

/// Writes one property: once, once for each item of an array, or as NULL. An array without items cannot be
/// told from a property that is not there.
pub(super) fn encode_value(w: &mut Writer, name: &str, value: Option<&Value>, style: &Style) {
    match value {
        Some(Value::Array(items)) => items.iter().for_each(|item| encode_scalar(w, name, item, style)),
        Some(value) => encode_scalar(w, name, value, style),
        None => {
            let out = w.out();
            open(out, name);
            out.pop();
            out.push_str(" xsi:nil=\"true\"/>");
        }
    }
}

fn encode_scalar(w: &mut Writer, name: &str, value: &Value, style: &Style) {
    match value {
        Value::Instance(instance) => return encode_embedded(w, name, instance, style),
        Value::Class(class) => {
            open(w.out(), name);
            let definition = crate::cimxml::class::to_string(class);
            w.text(&definition);
        }
        Value::Reference(path) => {
            open(w.out(), name);
            encode_path(w, path, &style.form, style.addressing);
        }
        Value::String(text) => {
            open(w.out(), name);
            w.text(text);
        }
        Value::Char16(_) => {
            open(w.out(), name);
            w.text(&value.to_text());
        }
        Value::DateTime(datetime) => {
            open(w.out(), name);
            encode_datetime(w.out(), *datetime, style.datetime);
        }
        number => {
            let out = w.out();
            open(out, name);
            encode_number(out, number);
        }
    }
    close(w.out(), name);
}

fn open(out: &mut String, name: &str) {
    out.push_str("<p:");
    out.push_str(name);
    out.push('>');
}

fn close(out: &mut String, name: &str) {
    out.push_str("</p:");
    out.push_str(name);
    out.push('>');
}

fn encode_number(out: &mut String, value: &Value) {
    match *value {
        Value::Uint8(v) => push_decimal(out, v.into()),
        Value::Uint16(v) => push_decimal(out, v.into()),
        Value::Uint32(v) => push_decimal(out, v.into()),
        Value::Uint64(v) => push_decimal(out, v),
        Value::Boolean(v) => out.push_str(if v { "true" } else { "false" }),
        _ => value.write_text(out),
    }
}

/// An embedded instance: the type of its element names the class (DSP0230, 8.2).
fn encode_embedded(w: &mut Writer, name: &str, instance: &Instance, style: &Style) {
    let tag = Tag {
        prefix: PREFIX,
        local: name,
    };
    w.start(tag);
    w.declare_as("e", &style.form.class_uri(instance.class_name.as_str()));
    w.attr(Ns::XSI.name("type"), &format!("e:{}_Type", instance.class_name));
    for property in instance.properties() {
        encode_value(w, property.name.as_str(), property.value.as_ref(), style);
    }
    w.end(tag);
}

fn encode_datetime(out: &mut String, datetime: DateTime, style: DateTimeStyle) {
    // Writing to a string cannot fail.
    let _ = match (style, datetime) {
        (DateTimeStyle::Text, _) => write!(out, "{datetime}"),
        (DateTimeStyle::Typed, DateTime::Timestamp(stamp)) => {
            let (year, month, day, hour, minute, second, micros) = stamp.fields();
            let offset = stamp.offset_minutes();
            let (sign, offset) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
            write!(
                out,
                "<cim:Datetime>{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}{sign}{:02}:{:02}</cim:Datetime>",
                offset / 60,
                offset % 60,
            )
        }
        (DateTimeStyle::Typed, DateTime::Interval(_)) => {
            let length = datetime.to_duration().unwrap_or_default();
            write!(out, "<cim:Interval>{}</cim:Interval>", format_duration(length))
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::Namespace;
    use crate::wsman::sample;

    fn encode(select: Option<&[Name]>, style: &Style) -> String {
        let mut w = Writer::default();
        encode_instance(&mut w, &sample::instance(), &sample::class(), select, style);
        sample::pretty(&w.finish())
    }

    #[test]
    fn an_instance_is_written_in_the_order_of_its_class() {
        insta::assert_snapshot!(encode(None, &Style::default()), @r#"
<p:ESM_Sample xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
  <p:Name>a&lt;b&gt;&amp;&quot;c&quot;</p:Name>
  <p:Index>1</p:Index>
  <p:Caption>日本語 é</p:Caption>
  <p:On>true</p:On>
  <p:Small>-128</p:Small>
  <p:Large>18446744073709551615</p:Large>
  <p:Load>12.5</p:Load>
  <p:Letter>A</p:Letter>
  <p:Since>19700101000001.000000+000</p:Since>
  <p:UpTime>00000001010101.000000:000</p:UpTime>
  <p:Tags>one</p:Tags>
  <p:Tags>two</p:Tags>
  <p:Counts>1</p:Counts>
  <p:Counts>2</p:Counts>
  <p:Counts>3</p:Counts>
  <p:Target>
    <wsa:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address>
    <wsa:ReferenceParameters>
      <wsman:ResourceURI>http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample</wsman:ResourceURI>
      <wsman:SelectorSet>
        <wsman:Selector Name="Name">other</wsman:Selector>
        <wsman:Selector Name="Index">2</wsman:Selector>
        <wsman:Selector Name="__cimnamespace">root/ESMPRO/AS</wsman:Selector>
      </wsman:SelectorSet>
    </wsa:ReferenceParameters>
  </p:Target>
  <p:Part xmlns:e="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample" xsi:type="e:ESM_Sample_Type">
    <p:Name>part</p:Name>
    <p:Counts>7</p:Counts>
  </p:Part>
  <p:Parts xmlns:e="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample" xsi:type="e:ESM_Sample_Type">
    <p:Name>part</p:Name>
    <p:Counts>7</p:Counts>
  </p:Parts>
  <p:Parts xmlns:e="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample" xsi:type="e:ESM_Sample_Type">
    <p:Name>part</p:Name>
    <p:Counts>7</p:Counts>
  </p:Parts>
  <p:Unknown xsi:nil="true"/>
</p:ESM_Sample>
"#);
    }

    #[test]
    fn a_windows_client_reads_its_own_datetimes_and_uris() {
        let style = Style {
            form: UriForm::Wmi(Namespace::from_static("root/ESMPRO/AS")),
            datetime: DateTimeStyle::for_user_agent(Some("Microsoft WinRM Client")),
            ..Style::default()
        };
        let select = ["since", "UpTime", "Target"].map(Name::new);
        insta::assert_snapshot!(encode(Some(&select), &style), @r#"
<p:ESM_Sample xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/ESMPRO/AS/ESM_Sample" xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common">
  <p:Since>
    <cim:Datetime>1970-01-01T00:00:01.000000+00:00</cim:Datetime>
  </p:Since>
  <p:UpTime>
    <cim:Interval>PT90061S</cim:Interval>
  </p:UpTime>
  <p:Target>
    <wsa:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address>
    <wsa:ReferenceParameters>
      <wsman:ResourceURI>http://schemas.microsoft.com/wbem/wsman/1/wmi/root/ESMPRO/AS/ESM_Sample</wsman:ResourceURI>
      <wsman:SelectorSet>
        <wsman:Selector Name="Name">other</wsman:Selector>
        <wsman:Selector Name="Index">2</wsman:Selector>
      </wsman:SelectorSet>
    </wsa:ReferenceParameters>
  </p:Target>
</p:ESM_Sample>
"#);
    }

    #[test]
    fn an_instance_is_shown_as_one_of_its_parent() {
        let mut parent = sample::class();
        parent.name = Name::from_static("CIM_Parent");
        parent.properties.truncate(2);
        let mut w = Writer::default();
        encode_instance(&mut w, &sample::instance(), &parent, None, &Style::default());
        insta::assert_snapshot!(w.finish(), @r#"<p:CIM_Parent xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_Parent"><p:Name>a&lt;b&gt;&amp;&quot;c&quot;</p:Name><p:Index>1</p:Index></p:CIM_Parent>"#);
    }

    #[test]
    fn properties_that_an_instance_lacks_are_null() {
        let mut class = sample::class();
        class.properties.truncate(2);
        let mut w = Writer::default();
        encode_instance(
            &mut w,
            &Instance::new(class.name.clone()),
            &class,
            None,
            &Style::default(),
        );
        insta::assert_snapshot!(w.finish(), @r#"<p:ESM_Sample xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample"><p:Name xsi:nil="true"/><p:Index xsi:nil="true"/></p:ESM_Sample>"#);
    }

    #[test]
    fn only_windows_gets_typed_datetimes() {
        for agent in [None, Some("openwsman 2.2.0"), Some("Microsoft-WSMan")] {
            assert_eq!(
                DateTimeStyle::for_user_agent(agent),
                DateTimeStyle::Text,
                "{agent:?}"
            );
        }
    }
}
