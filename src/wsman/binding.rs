//! Instances of known classes on the wire (DSP0230, 7 to 9): written straight into the reply.

use std::fmt::Write;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::addressing::{Addressing, encode_path};
use super::ns;
use super::resource_uri::UriForm;
use super::time::format_duration;
use crate::cim::{Class, DateTime, Instance, Name, Property, Value};
use crate::xml::{Ns, Tag, Writer};

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
    ClassTags::new(class, select, style).encode(w, instance, class, style);
}

/// The tags of the classes whose instances were written so far, put together once and not for each reply.
///
/// Nothing is ever taken out, so that they are read without a lock: a class in here never changes, and of those that
/// come when it is full the tags are made each time. Nor are those kept which few replies need: of some of the
/// properties, or with another form of resource URIs than the DMTF's.
#[derive(Debug, Default)]
pub struct KnownTags {
    first: OnceLock<Box<Known>>,
}

#[derive(Debug)]
struct Known {
    /// It is held, so that no other class comes to stand where it stands.
    class: Arc<Class>,
    datetime: DateTimeStyle,
    tags: ClassTags,
    next: OnceLock<Box<Self>>,
}

/// Classes that tags are kept of: more than this agent has instances of. Each takes about 4 KiB.
const MOST_KNOWN: usize = 64;

impl KnownTags {
    /// The tags of that class, made now if they were not before; `None` if they are not kept.
    pub(super) fn get(&self, class: &Arc<Class>, style: &Style) -> Option<&ClassTags> {
        if style.form != UriForm::Dmtf {
            return None;
        }
        let mut place = &self.first;
        for _ in 0..MOST_KNOWN {
            let known = place.get_or_init(|| {
                Box::new(Known {
                    class: Arc::clone(class),
                    datetime: style.datetime,
                    tags: ClassTags::new(class, None, style),
                    next: OnceLock::new(),
                })
            });
            if Arc::ptr_eq(&known.class, class) && known.datetime == style.datetime {
                return Some(&known.tags);
            }
            place = &known.next;
        }
        None
    }
}

/// How instances of one class are written: what they have in common.
#[derive(Clone, Debug)]
pub(super) struct ClassTags {
    properties: Vec<PropertyTags>,
    /// An instance whose properties are all empty: `<p:Class xmlns:p="…"><p:Name></p:Name></p:Class>`.
    text: String,
}

#[derive(Clone, Debug)]
struct PropertyTags {
    /// Where it stands among the properties of the class.
    index: usize,
    /// Where its tags begin in the text.
    start: usize,
    /// Where the value stands.
    middle: usize,
    /// Where its tags end.
    end: usize,
}

impl ClassTags {
    /// Those of the properties that `select` names, of all without it.
    pub(super) fn new(class: &Class, select: Option<&[Name]>, style: &Style) -> Self {
        let mut properties = Vec::with_capacity(class.properties.len());
        let mut w = Writer::with_capacity(class.properties.len() * TYPICAL_TAGS_BYTES);
        let root = Tag {
            prefix: PREFIX,
            local: class.name.as_str(),
        };
        w.start(root);
        declare_class(&mut w, &style.form.class_uri(class.name.as_str()), style);
        for (index, declared) in class.properties.iter().enumerate() {
            if select.is_none_or(|names| names.contains(&declared.name)) {
                let text = w.out();
                let start = text.len();
                push_tags(text, PREFIX, declared.name.as_str());
                properties.push(PropertyTags {
                    index,
                    start,
                    middle: start + open_tag_bytes(PREFIX, declared.name.as_str()),
                    end: text.len(),
                });
            }
        }
        w.end(root);
        Self {
            properties,
            text: w.finish(),
        }
    }

    /// Writes an instance, as [`encode_instance`] says: the text, with the values in it. The class is the one that
    /// these are the tags of.
    pub(super) fn encode(&self, w: &mut Writer, instance: &Instance, class: &Class, style: &Style) {
        let text = |range: Range<usize>| self.text.get(range).unwrap_or_default();
        let mut writer = Properties::new(w, style);
        let mut written = 0;
        for tags in &self.properties {
            let Some(declared) = class.properties.get(tags.index) else {
                continue;
            };
            // Instances are made in the order of declaration, as a rule.
            let property = match instance.properties().get(tags.index) {
                Some(property) if property.name.is_same(&declared.name) || property.name == declared.name => {
                    Some(property)
                }
                _ => instance.property(declared.name.as_str()),
            };
            let middle = tags.middle;
            match property.and_then(|property| property.value.as_ref()) {
                None => {
                    let out = writer.w.out();
                    out.push_str(text(written..middle - ">".len()));
                    out.push_str(NIL);
                    written = tags.end;
                }
                Some(value @ (Value::Array(_) | Value::Instance(_))) => {
                    writer.w.raw(text(written..tags.start));
                    writer.tagged(
                        Tags::of(PREFIX, declared.name.as_str(), text(tags.start..tags.end)),
                        Some(value),
                    );
                    written = tags.end;
                }
                Some(value) => {
                    writer.w.raw(text(written..middle));
                    writer.content(value);
                    written = middle;
                }
            }
        }
        writer.w.raw(text(written..self.text.len()));
    }
}

/// Declares the namespace of a class on the element that was just opened.
fn declare_class(w: &mut Writer, uri: &str, style: &Style) {
    w.declare_as(PREFIX, uri);
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
    declare_class(w, &style.form.class_uri(class_name), style);
    let mut properties = Properties::new(w, style);
    for output in outputs {
        properties.value(output.name.as_str(), output.value.as_ref());
    }
    properties.value("ReturnValue", return_value);
    w.end(root);
}

/// The tags of one property.
#[derive(Clone, Copy)]
struct Tags<'t> {
    prefix: &'static str,
    name: &'t str,
    open: &'t str,
    close: &'t str,
}

/// Room for the tags of a property: few names are longer.
const TYPICAL_TAGS_BYTES: usize = 48;

/// Appends `<p:Name></p:Name>`.
fn push_tags(out: &mut String, prefix: &str, name: &str) {
    for piece in ["<", prefix, ":", name, "></", prefix, ":", name, ">"] {
        out.push_str(piece);
    }
}

/// How long the first of these tags is.
const fn open_tag_bytes(prefix: &str, name: &str) -> usize {
    "<:>".len() + prefix.len() + name.len()
}

/// The end of the tag of a property that is NULL.
const NIL: &str = " xsi:nil=\"true\"/>";

impl<'t> Tags<'t> {
    /// The tags in `text`, which [`push_tags`] wrote.
    fn of(prefix: &'static str, name: &'t str, text: &'t str) -> Self {
        let (open, close) = text
            .split_at_checked(open_tag_bytes(prefix, name))
            .unwrap_or_default();
        Self {
            prefix,
            name,
            open,
            close,
        }
    }
}

/// Writes properties of one instance.
pub(super) struct Properties<'w, 's> {
    w: &'w mut Writer,
    style: &'s Style,
    prefix: &'static str,
}

impl<'w, 's> Properties<'w, 's> {
    pub(super) const fn new(w: &'w mut Writer, style: &'s Style) -> Self {
        Self {
            w,
            style,
            prefix: PREFIX,
        }
    }

    /// The properties of an instance inside.
    fn embedded(&mut self) -> Properties<'_, 's> {
        Properties {
            w: self.w,
            style: self.style,
            prefix: match self.prefix {
                PREFIX => EMBEDDED_PREFIX,
                _ => PREFIX,
            },
        }
    }

    /// Writes a property: once, once for each item of an array, or as NULL. An array without items cannot be
    /// told from a property that is not there.
    pub(super) fn value(&mut self, name: &str, value: Option<&Value>) {
        let mut text = String::with_capacity(TYPICAL_TAGS_BYTES);
        push_tags(&mut text, self.prefix, name);
        self.tagged(Tags::of(self.prefix, name, &text), value);
    }

    fn tagged(&mut self, tags: Tags<'_>, value: Option<&Value>) {
        match value {
            Some(Value::Array(items)) => items.iter().for_each(|item| self.scalar(tags, item)),
            Some(value) => self.scalar(tags, value),
            None => {
                let out = self.w.out();
                out.push_str(tags.open.strip_suffix('>').unwrap_or_default());
                out.push_str(NIL);
            }
        }
    }

    fn scalar(&mut self, tags: Tags<'_>, value: &Value) {
        if let Value::Instance(instance) = value {
            return self.instance(tags, instance);
        }
        self.w.raw(tags.open);
        self.content(value);
        self.w.raw(tags.close);
    }

    /// What stands between the tags of a value that is neither an array nor an embedded instance.
    fn content(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.w.text(text),
            Value::Char16(_) => self.w.text(&value.to_text()),
            Value::DateTime(datetime) => encode_datetime(self.w.out(), *datetime, self.style.datetime),
            Value::Reference(path) => encode_path(self.w, path, &self.style.form, self.style.addressing),
            Value::Class(class) => self.w.text(&crate::cimxml::class::to_string(class)),
            number => number.write_text(self.w.out()),
        }
    }

    /// An embedded instance: the type of its element names the class (DSP0230, 8.2).
    fn instance(&mut self, tags: Tags<'_>, instance: &Instance) {
        let tag = Tag {
            prefix: tags.prefix,
            local: tags.name,
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
    fn tags_are_made_once_for_each_class_and_way_to_write_datetimes() {
        let known = KnownTags::default();
        let class = || Arc::new(sample::class());
        let [one, other] = [class(), class()];
        let style = |datetime, form| Style {
            datetime,
            form,
            ..Style::default()
        };
        let text = style(DateTimeStyle::Text, UriForm::Dmtf);
        let typed = style(DateTimeStyle::Typed, UriForm::Dmtf);
        let get = |class, style| std::ptr::from_ref(known.get(class, style).unwrap());
        let kinds = [(&one, &text), (&other, &text), (&one, &typed)];
        let made = kinds.map(|(class, style)| get(class, style));
        assert_eq!(kinds.map(|(class, style)| get(class, style)), made);
        assert!(made[0] != made[1] && made[0] != made[2] && made[1] != made[2]);
        assert!(known.get(&one, &typed).unwrap().text.contains("xmlns:cim="));

        let vendor = style(DateTimeStyle::Text, UriForm::Vendor("urn:v/".into()));
        assert!(known.get(&one, &vendor).is_none());
        let more: Vec<_> = (0..MOST_KNOWN).map(|_| class()).collect();
        let kept = more.iter().filter(|class| known.get(class, &text).is_some());
        assert_eq!(kept.count(), MOST_KNOWN - made.len());
        assert_eq!(get(&one, &text), made[0]);
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
