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

/// The prefix of the namespace of an instance's class.
pub(super) const PREFIX: &str = "p";
/// The prefix of an embedded instance, whose properties are in the namespace of its own class. Deeper ones
/// take turns.
pub(super) const EMBEDDED_PREFIX: &str = "e";

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
            Some(property) if same_name(&property.name, &declared.name) => Some(property),
            _ => instance.property(declared.name.as_str()),
        };
        let value = property.and_then(|property| property.value.as_ref());
        Properties::new(w, style).value(declared.name.as_str(), value);
    }
    w.end(root);
}

/// Whether names are equal. Those of an instance are, as a rule, the very ones of its class.
fn same_name(a: &Name, b: &Name) -> bool {
    std::ptr::eq(a.as_str(), b.as_str()) || a == b
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
    let mut properties = Properties::new(w, style);
    for output in outputs {
        properties.value(output.name.as_str(), output.value.as_ref());
    }
    properties.value("ReturnValue", return_value);
    w.end(root);
}

/// Writes properties of one instance.
pub(super) struct Properties<'w, 's> {
    w: &'w mut Writer,
    style: &'s Style,
    prefix: &'static str,
    /// How the tags begin: there are many, so each is put together from as few pieces as can be.
    open: &'static str,
    close: &'static str,
}

impl<'w, 's> Properties<'w, 's> {
    pub(super) const fn new(w: &'w mut Writer, style: &'s Style) -> Self {
        Self {
            w,
            style,
            prefix: PREFIX,
            open: "<p:",
            close: "</p:",
        }
    }

    /// The properties of an instance inside.
    fn embedded(&mut self) -> Properties<'_, 's> {
        let (prefix, open, close) = match self.prefix {
            PREFIX => (EMBEDDED_PREFIX, "<e:", "</e:"),
            _ => (PREFIX, "<p:", "</p:"),
        };
        Properties {
            w: self.w,
            style: self.style,
            prefix,
            open,
            close,
        }
    }

    /// Writes a property: once, once for each item of an array, or as NULL. An array without items cannot be
    /// told from a property that is not there.
    pub(super) fn value(&mut self, name: &str, value: Option<&Value>) {
        match value {
            Some(Value::Array(items)) => items.iter().for_each(|item| self.scalar(name, item)),
            Some(value) => self.scalar(name, value),
            None => {
                let out = self.w.out();
                out.push_str(self.open);
                out.push_str(name);
                out.push_str(" xsi:nil=\"true\"/>");
            }
        }
    }

    fn scalar(&mut self, name: &str, value: &Value) {
        if let Value::Instance(instance) = value {
            return self.instance(name, instance);
        }
        let datetime_style = self.style.datetime;
        let out = self.open(name);
        match value {
            Value::String(text) => self.w.text(text),
            Value::Char16(_) => self.w.text(&value.to_text()),
            Value::DateTime(datetime) => encode_datetime(out, *datetime, datetime_style),
            Value::Reference(path) => encode_path(self.w, path, &self.style.form, self.style.addressing),
            Value::Class(class) => self.w.text(&crate::cimxml::class::to_string(class)),
            number => encode_number(out, number),
        }
        self.close(name);
    }

    /// An embedded instance: the type of its element names the class (DSP0230, 8.2).
    fn instance(&mut self, name: &str, instance: &Instance) {
        let tag = Tag {
            prefix: self.prefix,
            local: name,
        };
        let class_name = instance.class_name.as_str();
        let uri = self.style.form.class_uri(class_name);
        self.w.start(tag);
        let mut inner = self.embedded();
        inner.w.declare_as(inner.prefix, &uri);
        inner.w.attr(
            Ns::XSI.name("type"),
            &format!("{}:{class_name}_Type", inner.prefix),
        );
        for property in instance.properties() {
            inner.value(property.name.as_str(), property.value.as_ref());
        }
        self.w.end(tag);
    }

    fn open(&mut self, name: &str) -> &mut String {
        let out = self.w.out();
        out.push_str(self.open);
        out.push_str(name);
        out.push('>');
        out
    }

    fn close(&mut self, name: &str) {
        let out = self.w.out();
        out.push_str(self.close);
        out.push_str(name);
        out.push('>');
    }
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
    <e:Name>part</e:Name>
    <e:Counts>7</e:Counts>
  </p:Part>
  <p:Parts xmlns:e="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample" xsi:type="e:ESM_Sample_Type">
    <e:Name>part</e:Name>
    <e:Counts>7</e:Counts>
  </p:Parts>
  <p:Parts xmlns:e="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample" xsi:type="e:ESM_Sample_Type">
    <e:Name>part</e:Name>
    <e:Counts>7</e:Counts>
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
