//! Fragment transfer (DSP0226, 7.7): one property of an instance, or one item of an array, read or written
//! alone.

use super::binding::{Properties, Style};
use super::fault::{FaultCause, FaultDetail, shorten};
use super::header::FragmentTransfer;
use super::ns::{self, action, dialect};
use super::raw::RawValue;
use super::reply::ReplyHead;
use super::transfer::XmlFragment;
use super::typed::{ClassSource, typed};
use super::xpath::PropertyPath;
use super::{Fault, RawInstance};
use crate::cim::{Class, Instance, Name, PropertyDecl, Value};
use crate::xml::{Ns, Writer};

/// The part of an instance that a request means, checked against the class.
#[derive(Clone, Debug, PartialEq)]
pub struct Fragment {
    property: Name,
    index: Option<usize>,
    text: bool,
}

impl Fragment {
    /// Reads the header of a request for an instance of `class`.
    pub fn parse(header: &FragmentTransfer, class: &Class) -> Result<Self, Fault> {
        let uri = header.dialect.as_deref().unwrap_or(dialect::XPATH);
        if !matches!(uri, dialect::XPATH | dialect::XPATH_LEVEL_1) {
            let reason = format!(
                "The fragment dialect `{}` is not offered; use XPath.",
                shorten(uri)
            );
            return Err(Fault::new(FaultCause::FragmentDialectNotSupported, reason));
        }
        let expression = shorten(&header.expression);
        let path = PropertyPath::parse(&header.expression)
            .map_err(|_| invalid(format!("The fragment `{expression}` is no path to a property.")))?;
        let property = path
            .property
            .ok_or_else(|| invalid(format!("The fragment `{expression}` names no property.")))?;
        let declared = class.property(property.as_str()).ok_or_else(|| {
            invalid(format!(
                "{} has no property `{}`.",
                class.name,
                shorten(property.as_str())
            ))
        })?;
        if path.index.is_some() && !declared.ty.is_array() {
            return Err(invalid(format!("The property `{}` is no array.", declared.name)));
        }
        Ok(Self {
            property: declared.name.clone(),
            index: path.index,
            text: path.text,
        })
    }

    /// The property that is meant.
    pub const fn property(&self) -> &Name {
        &self.property
    }

    /// Writes the reply to Get or, with `action` so, to Put: the fragment of `instance`. Where there is
    /// nothing, the fragment is nil.
    pub fn encode_response(
        &self,
        head: &ReplyHead,
        action: &str,
        instance: &Instance,
        style: &Style,
    ) -> String {
        head.envelope(action, &[], 512, |w| self.encode(w, instance, style))
    }

    /// Writes the reply to Get.
    pub fn encode_get_response(&self, head: &ReplyHead, instance: &Instance, style: &Style) -> String {
        self.encode_response(head, action::GET_RESPONSE, instance, style)
    }

    fn encode(&self, w: &mut Writer, instance: &Instance, style: &Style) {
        let root = ns::WSMAN.name("XmlFragment");
        let value = self.select(instance);
        w.start(root);
        match value {
            None => w.attr(Ns::XSI.name("nil"), "true"),
            Some(value) if self.text => {
                for item in value.items() {
                    w.text(&item.to_text());
                }
            }
            Some(value) => {
                w.declare_as("p", &style.form.class_uri(instance.class_name.as_str()));
                if style.datetime == super::DateTimeStyle::Typed {
                    w.declare(ns::CIM);
                }
                Properties::new(w, style).value(self.property.as_str(), Some(value));
            }
        }
        w.end(root);
    }

    fn select<'i>(&self, instance: &'i Instance) -> Option<&'i Value> {
        let value = instance.get(self.property.as_str())?;
        match self.index {
            None => Some(value),
            Some(index) => value.items().get(index.checked_sub(1)?),
        }
    }

    /// The instance that a Put of the fragment makes of `current`.
    pub fn apply(
        &self,
        fragment: &XmlFragment,
        current: &Instance,
        class: &Class,
        classes: ClassSource<'_>,
    ) -> Result<Instance, Fault> {
        let declared = class
            .property(self.property.as_str())
            .ok_or_else(|| invalid(format!("{} has no property `{}`.", class.name, self.property)))?;
        let given = self.typed_value(fragment, class, classes)?;
        let mut changed = current.clone();
        let value = match self.index {
            None => given,
            Some(index) => self.replace_item(index, given, current, declared)?,
        };
        changed.set_property(declared.with_value(value));
        Ok(changed)
    }

    /// The value in the fragment, of the type of the property.
    fn typed_value(
        &self,
        fragment: &XmlFragment,
        class: &Class,
        classes: ClassSource<'_>,
    ) -> Result<Option<Value>, Fault> {
        let name = self.property.as_str();
        let raw = match (&fragment.text, fragment.properties.properties.as_slice()) {
            (Some(text), _) => RawValue::Text(text.clone()),
            (None, [(given, value)]) if self.property == **given => value.clone(),
            (None, _) => {
                return Err(invalid(format!(
                    "The fragment must hold the property `{name}` alone."
                )));
            }
        };
        let raw = RawInstance {
            properties: vec![(name.to_owned(), raw)],
            ..RawInstance::default()
        };
        Ok(typed(&raw, class, classes)?.get(name).cloned())
    }

    /// The array of `current` with the item at `index` replaced; the place after the last one adds one.
    fn replace_item(
        &self,
        index: usize,
        given: Option<Value>,
        current: &Instance,
        declared: &PropertyDecl,
    ) -> Result<Option<Value>, Fault> {
        let mut items = current
            .get(self.property.as_str())
            .map_or_else(Vec::new, |value| value.items().to_vec());
        let new = match given {
            Some(Value::Array(new)) => new.into_iter().next(),
            other => other,
        };
        let new = new.ok_or_else(|| invalid(format!("An item of `{}` cannot be NULL.", declared.name)))?;
        let count = items.len();
        match items.get_mut(index.wrapping_sub(1)) {
            Some(item) => *item = new,
            None if index == count + 1 => items.push(new),
            None => return Err(invalid(format!("`{}` has {count} items.", declared.name))),
        }
        Ok(Some(Value::Array(items)))
    }
}

fn invalid(reason: String) -> Fault {
    Fault::new(FaultCause::InvalidRepresentation, reason).detail(FaultDetail::InvalidFragment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::sample;

    fn parse(expression: &str) -> Result<Fragment, Fault> {
        let header = FragmentTransfer {
            dialect: None,
            expression: expression.to_owned(),
        };
        Fragment::parse(&header, &sample::class())
    }

    fn get(expression: &str) -> String {
        let fragment = parse(expression).unwrap();
        sample::body(&fragment.encode_get_response(&sample::head(), &sample::instance(), &Style::default()))
    }

    #[test]
    fn a_fragment_is_read_alone() {
        insta::assert_snapshot!(get("Caption"), @r#"
<wsman:XmlFragment xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
  <p:Caption>日本語 é</p:Caption>
</wsman:XmlFragment>
"#);
        insta::assert_snapshot!(get("caption/text()"), @"<wsman:XmlFragment>日本語 é</wsman:XmlFragment>");
        insta::assert_snapshot!(get("/p:ESM_Sample/p:Counts"), @r#"
<wsman:XmlFragment xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
  <p:Counts>1</p:Counts>
  <p:Counts>2</p:Counts>
  <p:Counts>3</p:Counts>
</wsman:XmlFragment>
"#);
        insta::assert_snapshot!(get("Counts[2]"), @r#"
<wsman:XmlFragment xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
  <p:Counts>2</p:Counts>
</wsman:XmlFragment>
"#);
        insta::assert_snapshot!(get("Counts[9]"), @r#"<wsman:XmlFragment xsi:nil="true"/>"#);
        insta::assert_snapshot!(get("Unknown"), @r#"<wsman:XmlFragment xsi:nil="true"/>"#);
    }

    #[track_caller]
    fn check_refused(expression: &str, reason: &str) {
        let fault = parse(expression).unwrap_err();
        assert_eq!(fault.reason, reason);
        assert_eq!(fault.detail, Some(FaultDetail::InvalidFragment));
    }

    #[test]
    fn what_is_no_fragment_is_refused() {
        check_refused("Absent", "ESM_Sample has no property `Absent`.");
        check_refused("Name[1]", "The property `Name` is no array.");
        check_refused("//", "The fragment `//` is no path to a property.");
        check_refused("/ESM_Sample", "The fragment `/ESM_Sample` names no property.");
    }

    #[track_caller]
    fn check_put(expression: &str, text: &str, expect: Result<Option<Value>, &str>) {
        let fragment = parse(expression).unwrap();
        let given = XmlFragment {
            text: Some(text.to_owned()),
            ..XmlFragment::default()
        };
        let changed = fragment.apply(&given, &sample::instance(), &sample::class(), &sample::classes);
        let value = changed.map(|instance| instance.get(fragment.property().as_str()).cloned());
        assert_eq!(
            value.map_err(|fault| fault.reason),
            expect.map_err(str::to_owned),
            "{expression}"
        );
    }

    #[test]
    fn a_fragment_is_written_alone() {
        check_put("Caption", "new", Ok(Some(Value::string("new"))));
        check_put("Counts[2]", "9", Ok(Some(Value::from(vec![1_u32, 9, 3]))));
        check_put("Counts[4]", "9", Ok(Some(Value::from(vec![1_u32, 2, 3, 9]))));
        check_put("Counts[6]", "9", Err("`Counts` has 3 items."));
        check_put(
            "Large",
            "x",
            Err("ESM_Sample.Large: `x` is no uint64 (0 to 18446744073709551615)."),
        );
    }
}
