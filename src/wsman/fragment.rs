//! Fragment transfer (DSP0226, 7.7): part of an instance, read or written alone. What an expression means is
//! the business of [`crate::cim::query::fragment`]; here is what it looks like in a message.

use super::binding::{PREFIX, Properties, Style, encode_instance};
use super::fault::{FaultCause, FaultDetail, shorten};
use super::header::FragmentTransfer;
use super::ns::{self, action, dialect};
use super::raw::RawValue;
use super::reply::ReplyHead;
use super::transfer::XmlFragment;
use super::typed::{ClassSource, typed};
use super::{DateTimeStyle, Fault, RawInstance};
use crate::cim::query::ClassLookup;
use crate::cim::query::fragment::{self, FragmentProperty, FragmentTarget, Fragments};
use crate::cim::{Class, Instance, Name, PropertyDecl, Value};
use crate::xml::{Ns, Writer};

/// The part of an instance that a request means.
#[derive(Clone, Debug, PartialEq)]
pub struct Fragment {
    expression: String,
    path: fragment::Fragment,
}

impl Fragment {
    /// Reads the header of a request for an instance of `class`. A path to one property that the class does
    /// not have is refused; any other path may lead to nothing.
    pub fn parse(header: &FragmentTransfer, class: &Class) -> Result<Self, Fault> {
        let uri = header.dialect.as_deref().unwrap_or(dialect::XPATH);
        if !matches!(uri, dialect::XPATH | dialect::XPATH_LEVEL_1) {
            let reason = format!(
                "The fragment dialect `{}` is not offered; use XPath.",
                shorten(uri)
            );
            return Err(Fault::new(FaultCause::FragmentDialectNotSupported, reason));
        }
        let path =
            fragment::Fragment::parse(&header.expression).map_err(|error| invalid(error.to_string()))?;
        if let Ok(target) = path.target(&class.name, &header.expression) {
            declared(class, &target.property)?;
        }
        Ok(Self {
            expression: header.expression.clone(),
            path,
        })
    }

    /// The property, or item of one, that a Put writes.
    pub fn target(&self, class: &Class) -> Result<FragmentTarget, Fault> {
        let target = self.path.target(&class.name, &self.expression);
        let target = target.map_err(|error| invalid(error.to_string()))?;
        let property = declared(class, &target.property)?;
        if target.index.is_some() && !property.ty.is_array() {
            return Err(invalid(format!("The property `{}` is no array.", property.name)));
        }
        Ok(target)
    }

    /// Writes the reply to Get: the fragment of `instance`, which is of `class`. Where the path leads to
    /// nothing, the fragment is nil.
    pub fn encode_get_response(
        &self,
        head: &ReplyHead,
        instance: &Instance,
        class: &Class,
        schema: &dyn ClassLookup,
        style: &Style,
    ) -> String {
        self.encode_response(head, action::GET_RESPONSE, instance, class, schema, style)
    }

    /// Writes the reply to Put: the fragment as it is now.
    pub fn encode_put_response(
        &self,
        head: &ReplyHead,
        instance: &Instance,
        class: &Class,
        schema: &dyn ClassLookup,
        style: &Style,
    ) -> String {
        self.encode_response(head, action::PUT_RESPONSE, instance, class, schema, style)
    }

    fn encode_response(
        &self,
        head: &ReplyHead,
        action: &str,
        instance: &Instance,
        class: &Class,
        schema: &dyn ClassLookup,
        style: &Style,
    ) -> String {
        let root = ns::WSMAN.name("XmlFragment");
        let head = ReplyHead {
            fragment_transfer: Some(self.expression.clone()),
            ..head.clone()
        };
        head.envelope(action, &[], 512, |w| {
            w.start(root);
            match self.path.select(instance, schema) {
                Fragments::Instance => encode_instance(w, instance, class, None, style),
                Fragments::Properties(properties) => encode_properties(w, &properties, style),
                Fragments::Texts(texts) if texts.is_empty() => w.attr(Ns::XSI.name("nil"), "true"),
                Fragments::Texts(texts) => w.text(&texts.join("\n")),
            }
            w.end(root);
        })
    }

    /// The instance that a Put of the fragment makes of `current`.
    pub fn apply(
        &self,
        fragment: &XmlFragment,
        current: &Instance,
        class: &Class,
        classes: ClassSource<'_>,
    ) -> Result<Instance, Fault> {
        let target = self.target(class)?;
        let given = typed_value(&target.property, fragment, class, classes)?;
        let value = match given {
            // One item of an array is meant, and it came as an array of one.
            Some(Value::Array(items)) if target.index.is_some() => items.into_iter().next(),
            other => other,
        };
        let mut changed = current.clone();
        if changed.property(target.property.as_str()).is_none() {
            changed.set_property(declared(class, &target.property)?.with_value(None));
        }
        target
            .put(&mut changed, value)
            .map_err(|error| invalid(format!("{error}.")))?;
        Ok(changed)
    }
}

/// Writes the properties of a fragment, inside the element that was just opened.
fn encode_properties(w: &mut Writer, properties: &[FragmentProperty], style: &Style) {
    let Some(first) = properties.first() else {
        return w.attr(Ns::XSI.name("nil"), "true");
    };
    w.declare_as(PREFIX, &style.form.class_uri(first.class_name.as_str()));
    if style.datetime == DateTimeStyle::Typed {
        w.declare(ns::CIM);
    }
    let mut writer = Properties::new(w, style);
    for FragmentProperty { property, .. } in properties {
        writer.value(property.name.as_str(), property.value.as_ref());
    }
}

/// The value in a fragment, of the type of its property.
fn typed_value(
    property: &Name,
    fragment: &XmlFragment,
    class: &Class,
    classes: ClassSource<'_>,
) -> Result<Option<Value>, Fault> {
    let raw = match (&fragment.text, fragment.properties.properties.as_slice()) {
        (Some(text), _) => RawValue::Text(text.clone()),
        (None, [(given, value)]) if *property == **given => value.clone(),
        (None, _) => {
            return Err(invalid(format!(
                "The fragment must hold the property `{property}` alone."
            )));
        }
    };
    let raw = RawInstance {
        properties: vec![(property.as_str().to_owned(), raw)],
        ..RawInstance::default()
    };
    Ok(typed(&raw, class, classes)?.get(property.as_str()).cloned())
}

fn declared<'c>(class: &'c Class, property: &Name) -> Result<&'c PropertyDecl, Fault> {
    class.property(property.as_str()).ok_or_else(|| {
        invalid(format!(
            "{} has no property `{}`.",
            class.name,
            shorten(property.as_str())
        ))
    })
}

fn invalid(reason: String) -> Fault {
    Fault::new(FaultCause::InvalidRepresentation, reason).detail(FaultDetail::InvalidFragment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::sample;

    struct Lookup(Class);

    impl ClassLookup for Lookup {
        fn class(&self, name: &Name) -> Option<&Class> {
            (*name == self.0.name).then_some(&self.0)
        }

        fn is_a(&self, class: &Name, ancestor: &Name) -> bool {
            class == ancestor || *ancestor == "CIM_ManagedElement"
        }
    }

    fn parse(expression: &str) -> Result<Fragment, Fault> {
        let header = FragmentTransfer {
            dialect: None,
            expression: expression.to_owned(),
        };
        Fragment::parse(&header, &sample::class())
    }

    fn get(expression: &str) -> String {
        let fragment = parse(expression).unwrap();
        let (class, style) = (sample::class(), Style::default());
        let instance = sample::instance();
        sample::body(&fragment.encode_get_response(
            &sample::head(),
            &instance,
            &class,
            &Lookup(sample::class()),
            &style,
        ))
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
        insta::assert_snapshot!(get("Unknown"), @r#"
<wsman:XmlFragment xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
  <p:Unknown xsi:nil="true"/>
</wsman:XmlFragment>
"#);
        insta::assert_snapshot!(get("Part/Counts"), @r#"
<wsman:XmlFragment xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
  <p:Counts>7</p:Counts>
</wsman:XmlFragment>
"#);
    }

    #[track_caller]
    fn check_refused(expression: &str, reason: &str) {
        let fault = parse(expression)
            .and_then(|f| f.target(&sample::class()))
            .unwrap_err();
        assert_eq!(fault.reason, reason);
        assert_eq!(fault.detail, Some(FaultDetail::InvalidFragment));
    }

    #[test]
    fn what_is_no_fragment_is_refused() {
        check_refused("Absent", "ESM_Sample has no property `Absent`.");
        check_refused("Name[1]", "The property `Name` is no array.");
        assert!(parse("//").is_err());
    }

    #[track_caller]
    fn check_put(expression: &str, text: &str, expect: Result<Option<Value>, &str>) {
        let fragment = parse(expression).unwrap();
        let property = fragment.target(&sample::class()).unwrap().property;
        let given = XmlFragment {
            text: Some(text.to_owned()),
            ..XmlFragment::default()
        };
        let changed = fragment.apply(&given, &sample::instance(), &sample::class(), &sample::classes);
        let value = changed.map(|instance| instance.get(property.as_str()).cloned());
        assert_eq!(
            value.map_err(|fault| fault.reason),
            expect.map_err(str::to_owned),
            "{expression}"
        );
    }

    #[test]
    fn a_fragment_is_written_alone() {
        check_put("Caption", "new", Ok(Some(Value::string("new"))));
        check_put("Unknown", "5", Ok(Some(Value::Uint32(5))));
        check_put("Counts[2]", "9", Ok(Some(Value::from(vec![1_u32, 9, 3]))));
        check_put("Counts[4]", "9", Err("`Counts` has 3 items: there is no item 4."));
        check_put(
            "Large",
            "x",
            Err("ESM_Sample.Large: `x` is no uint64 (0 to 18446744073709551615)."),
        );
    }
}
