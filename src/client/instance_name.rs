//! How people name an instance: `CLASS?Key=Value&Key2=Value`.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::cim::{BadName, CimType, Class, Name};
use crate::wsman::addressing::is_anonymous;
use crate::wsman::resource_uri::{NAMESPACE_SELECTOR, UriForm};
use crate::wsman::{EndpointReference, ResourceUri, Selector, SelectorSet, SelectorValue};

/// A class and as many of its keys as were given. In values `%26` stands for `&`, and so on for every byte;
/// a percent sign without two hexadecimal digits after it stands for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceName {
    /// The resource URI of the class: as it was given, or the DMTF's where a bare class name was.
    pub resource_uri: String,
    /// The class.
    pub class_name: Name,
    /// The keys, and the selector of the namespace where it was given among them.
    pub selectors: Vec<Selector>,
}

/// A text that names no instance.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadInstanceName {
    /// The class is none.
    #[error("`{}` is no class name; an instance is named as CLASS?Key=Value&Key2=Value", .0.0)]
    Class(#[from] BadName),
    /// The URI is none of a class.
    #[error("`{0}` is no resource URI of a class")]
    Uri(String),
    /// What stands where a key belongs.
    #[error("`{0}` is no key: an instance is named as CLASS?Key=Value&Key2=Value")]
    Key(String),
    /// A key that stands twice.
    #[error("the key `{0}` stands twice")]
    Twice(Name),
}

impl FromStr for InstanceName {
    type Err = BadInstanceName;

    fn from_str(text: &str) -> Result<Self, BadInstanceName> {
        let (class, keys) = match text.split_once('?') {
            Some((class, keys)) => (class, keys),
            None => (text, ""),
        };
        let (resource_uri, class_name) = class_uri(class)?;
        let mut name = Self {
            resource_uri,
            class_name,
            selectors: Vec::new(),
        };
        for pair in keys.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = parse_pair(pair)?;
            name.add(key, &unescape(value))?;
        }
        Ok(name)
    }
}

/// The resource URI of a class that is named by it, or by its bare name.
///
/// # Errors
/// If it is neither.
pub fn class_uri(class: &str) -> Result<(String, Name), BadInstanceName> {
    if class.contains("://") {
        // A vendor's own URIs end in the class like all others.
        let name = class.rsplit('/').next().unwrap_or_default();
        let bad = || BadInstanceName::Uri(class.to_owned());
        let name = Name::parse(name).map_err(|_| bad())?;
        return Ok((class.to_owned(), name));
    }
    let name = Name::parse(class)?;
    Ok((UriForm::Dmtf.class_uri(name.as_str()), name))
}

/// Splits `Key=Value`.
///
/// # Errors
/// If there is no `=`, or no name before it.
pub fn parse_pair(pair: &str) -> Result<(Name, &str), BadInstanceName> {
    let bad = || BadInstanceName::Key(pair.to_owned());
    let (key, value) = pair.split_once('=').ok_or_else(bad)?;
    Ok((Name::parse(key).map_err(|_| bad())?, value))
}

impl InstanceName {
    /// Adds a key whose value is as it stands.
    ///
    /// # Errors
    /// If it is there already.
    pub fn add(&mut self, key: Name, value: &str) -> Result<(), BadInstanceName> {
        if self.selectors.iter().any(|selector| selector.name == key) {
            return Err(BadInstanceName::Twice(key));
        }
        self.selectors.push(Selector {
            name: key,
            value: SelectorValue::Text(value.to_owned()),
        });
        Ok(())
    }

    /// The name of what a reference refers to.
    ///
    /// # Errors
    /// If it lacks the resource URI of a class.
    pub fn of_reference(epr: &EndpointReference) -> Result<Self, BadInstanceName> {
        let uri = epr.resource_uri.clone().unwrap_or_default();
        let (resource_uri, class_name) = class_uri(&uri).map_err(|_| BadInstanceName::Uri(uri))?;
        Ok(Self {
            resource_uri,
            class_name,
            selectors: epr.selectors.0.clone(),
        })
    }

    /// The reference to it.
    pub fn to_reference(&self) -> EndpointReference {
        EndpointReference {
            resource_uri: Some(self.resource_uri.clone()),
            selectors: SelectorSet(self.selectors.clone()),
            ..EndpointReference::to(crate::wsman::ns::ANONYMOUS)
        }
    }

    /// The keys, without the selector of the namespace.
    pub fn keys(&self) -> impl Iterator<Item = &Selector> {
        self.selectors
            .iter()
            .filter(|selector| selector.name != *NAMESPACE_SELECTOR)
    }

    /// Whether every key of `class` is there.
    pub fn is_complete(&self, class: &Class) -> bool {
        class
            .keys()
            .all(|key| self.keys().any(|selector| selector.name == key.name))
    }

    /// Makes references of the keys that `class` says are: as texts they name an instance themselves.
    ///
    /// # Errors
    /// If one names none.
    pub fn refer(&mut self, class: &Class) -> Result<(), BadInstanceName> {
        for selector in &mut self.selectors {
            let declared = class.property(selector.name.as_str());
            if declared.is_none_or(|declared| declared.ty.cim_type != CimType::Reference) {
                continue;
            }
            if let SelectorValue::Text(text) = &selector.value {
                let target: Self = text.parse()?;
                selector.value = SelectorValue::Reference(Box::new(target.to_reference()));
            }
        }
        Ok(())
    }
}

/// As it is read back: with the bare class name, unless the resource URI is another than the DMTF's.
impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = matches!(
            ResourceUri::parse(&self.resource_uri, &[]),
            Ok(ResourceUri::Class {
                form: UriForm::Dmtf,
                ..
            })
        );
        if is_plain {
            f.write_str(self.class_name.as_str())?;
        } else {
            f.write_str(&self.resource_uri)?;
        }
        for (at, selector) in self.selectors.iter().enumerate() {
            f.write_char(if at == 0 { '?' } else { '&' })?;
            write!(f, "{}=", selector.name)?;
            match &selector.value {
                SelectorValue::Text(text) => write_escaped(f, text)?,
                SelectorValue::Reference(epr) => match Self::of_reference(epr) {
                    Ok(target) => write_escaped(f, &target.to_string())?,
                    Err(_) => write_escaped(f, &epr.address)?,
                },
            }
        }
        Ok(())
    }
}

/// What a reference is shown as: the instance that it names, else its address.
pub fn show_reference(epr: &EndpointReference) -> String {
    match InstanceName::of_reference(epr) {
        Ok(name) => name.to_string(),
        Err(_) if is_anonymous(&epr.address) => String::new(),
        Err(_) => epr.address.clone(),
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for character in text.chars() {
        match character {
            '&' | '%' | '#' => write!(f, "%{:02X}", u32::from(character))?,
            character if character.is_control() => {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    write!(f, "%{byte:02X}")?;
                }
            }
            character => f.write_char(character)?,
        }
    }
    Ok(())
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let code = after
            .get(..2)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&[(&str, &str)], &str>) {
        let parsed: Result<InstanceName, _> = text.parse();
        match (parsed, expect) {
            (Ok(name), Ok(keys)) => {
                let got: Vec<_> = name
                    .selectors
                    .iter()
                    .map(|selector| match &selector.value {
                        SelectorValue::Text(text) => (selector.name.as_str(), text.as_str()),
                        SelectorValue::Reference(_) => panic!("a reference"),
                    })
                    .collect();
                assert_eq!(got, keys, "{text}");
                assert_eq!(name.to_string().parse(), Ok(name), "{text} reads back");
            }
            (Err(error), Err(expect)) => assert_eq!(error.to_string(), expect),
            (parsed, _) => panic!("{text}: {parsed:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn instances_are_named() {
        check("ESM_Alive", Ok(&[]));
        check("ESM_Alive?", Ok(&[]));
        check("ESM_Processor?DeviceID=cpu0", Ok(&[("DeviceID", "cpu0")]));
        check(
            "C_X?A=/a=b&b=x%26y%25%zz%2&c=",
            Ok(&[("A", "/a=b"), ("b", "x&y%%zz%2"), ("c", "")]),
        );
        check("http://vendor.example/2/C_X?A=%E6%97%A5", Ok(&[("A", "日")]));
        check(
            "",
            Err("`` is no class name; an instance is named as CLASS?Key=Value&Key2=Value"),
        );
        check(
            "C_X?A",
            Err("`A` is no key: an instance is named as CLASS?Key=Value&Key2=Value"),
        );
        check("C_X?A=1&a=2", Err("the key `a` stands twice"));
        check(
            "http://vendor.example/",
            Err("`http://vendor.example/` is no resource URI of a class"),
        );
    }

    #[test]
    fn references_are_named_within_references() {
        let inner: InstanceName = "C_X?Name=a%26b".parse().unwrap();
        let mut outer: InstanceName = "C_Y".parse().unwrap();
        outer.selectors.push(Selector {
            name: Name::new("Antecedent"),
            value: SelectorValue::Reference(Box::new(inner.to_reference())),
        });
        assert_eq!(outer.to_string(), "C_Y?Antecedent=C_X?Name=a%2526b");
        assert_eq!(show_reference(&outer.to_reference()), outer.to_string());
    }
}
