//! The object model: datetimes, instance paths, MOF.

use std::borrow::Cow;

use esm::cim::mof::{Loader, Root, compile};
use esm::cim::{DateTime, InstancePath, Namespace};

/// A datetime reads back from its text, and can be compared and converted.
pub fn datetime(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(value) = text.parse::<DateTime>() else {
        return;
    };
    assert_eq!(value.to_string().parse(), Ok(value));
    assert!(value.to_wall().is_some() != value.to_duration().is_some());
    assert_eq!(value.partial_cmp(&value), Some(std::cmp::Ordering::Equal));
}

/// An instance path reads back from its canonical text, with the same canonical text.
pub fn path(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(path) = text.parse::<InstancePath>() else {
        return;
    };
    let canonical = path.to_string();
    let again: InstancePath = canonical.parse().expect("a canonical path is a path");
    assert_eq!(again, path);
    assert_eq!(again.to_string(), canonical);
}

/// MOF with the standard's qualifiers at hand compiles or is refused with places in the text.
pub fn mof(data: &[u8]) {
    let files = Files {
        text: String::from_utf8_lossy(data).into_owned(),
    };
    let roots = ["qualifiers.mof", "input.mof"].map(|file| Root {
        file,
        namespace: Namespace::from_static("root/test"),
    });
    if let Err(errors) = compile(&roots, &files) {
        assert!(!errors.0.is_empty());
        for error in &errors.0 {
            assert!(error.place.line >= 1 && error.place.column >= 1);
            assert!(!error.to_string().is_empty());
        }
    }
}

/// The input, which may include itself, and the declarations of qualifiers.
struct Files {
    text: String,
}

impl Loader for Files {
    fn resolve(&self, name: &str, _from: Option<&str>) -> Result<String, String> {
        Ok(name.to_owned())
    }

    fn read(&self, file: &str) -> Result<Cow<'static, str>, String> {
        match file {
            "qualifiers.mof" => Ok(Cow::Borrowed(include_str!("../../../schemas/qualifiers.mof"))),
            "input.mof" => Ok(Cow::Owned(self.text.clone())),
            _ => Err("no such file".to_owned()),
        }
    }
}
