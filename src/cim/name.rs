//! Names that compare without case and keep the case they were written in (DSP0004, 5.1 and annex A).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Why a text is no CIM name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a CIM name: a letter or `_` first, then letters, digits and `_`")]
pub struct BadName(pub String);

/// The name of a class, property, method, parameter, qualifier or key.
///
/// Cheap to clone. Two names that differ in ASCII case alone are equal and hash alike.
#[derive(Clone)]
pub struct Name(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Name {
    /// A name known when the program is built.
    pub const fn from_static(name: &'static str) -> Self {
        Self(Repr::Static(name))
    }

    /// Takes any text as a name. What a peer sent is looked up under it and simply not found where it
    /// is no name; use [`Name::parse`] where a bad one must be refused.
    pub fn new(name: &str) -> Self {
        Self(Repr::Shared(Arc::from(name)))
    }

    /// A name by the rules of the standard: a letter or underscore, then letters, digits, underscores;
    /// letters are those of ASCII and everything from U+0080 up.
    pub fn parse(name: &str) -> Result<Self, BadName> {
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
        let mut chars = name.chars();
        if chars.next().is_some_and(letter) && chars.all(|c| letter(c) || c.is_ascii_digit()) {
            Ok(Self::new(name))
        } else {
            Err(BadName(name.to_owned()))
        }
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(name) => name,
            Repr::Shared(name) => name,
        }
    }

    /// Whether both are the very same text, as most are that are equal: far quicker to know than whether they are equal.
    #[inline]
    pub fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.as_str(), other.as_str())
    }

    /// The schema prefix: what stands before the first underscore, `CIM` in `CIM_Processor`.
    pub fn schema_prefix(&self) -> Option<&str> {
        self.as_str().split_once('_').map(|(prefix, _)| prefix)
    }
}

/// Shares a text that is known to be a name; see [`Name::new`].
impl From<Arc<str>> for Name {
    fn from(name: Arc<str>) -> Self {
        Self(Repr::Shared(name))
    }
}

/// A CIM namespace, as in `root/cimv2`. Slashes at the ends and backslashes are put right when it is made.
#[derive(Clone)]
pub struct Namespace(Repr);

impl Namespace {
    /// A namespace known when the program is built; write it without slashes at its ends.
    pub const fn from_static(name: &'static str) -> Self {
        Self(Repr::Static(name))
    }

    /// Takes a namespace as a client spells it: `\` counts as `/`, slashes at the ends are dropped.
    pub fn new(name: &str) -> Self {
        let trimmed = name.trim_matches(['/', '\\']);
        if trimmed.contains('\\') {
            Self(Repr::Shared(Arc::from(trimmed.replace('\\', "/"))))
        } else {
            Self(Repr::Shared(Arc::from(trimmed)))
        }
    }

    /// The namespace as it was written.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(name) => name,
            Repr::Shared(name) => name,
        }
    }
}

/// Equality without ASCII case, shared by both kinds of name. Most names that are equal are the very same text.
#[inline]
fn eq_folded(a: &str, b: &str) -> bool {
    std::ptr::eq(a, b) || eq_by_letters(a, b)
}

/// Most that are left are spelled alike.
fn eq_by_letters(a: &str, b: &str) -> bool {
    a == b || a.eq_ignore_ascii_case(b)
}

/// Comparison without ASCII case, shared by both kinds of name.
fn cmp_folded(a: &str, b: &str) -> Ordering {
    for (a, b) in a.bytes().zip(b.bytes()) {
        if a != b {
            match a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
    }
    a.len().cmp(&b.len())
}

/// Hashes without ASCII case, in pieces: a hasher takes far longer for many single bytes.
fn hash_folded<H: Hasher>(name: &str, state: &mut H) {
    let mut folded = [0_u8; 16];
    for piece in name.as_bytes().chunks(folded.len()) {
        for (folded, byte) in folded.iter_mut().zip(piece) {
            *folded = byte.to_ascii_lowercase();
        }
        state.write(folded.get(..piece.len()).unwrap_or_default());
    }
    state.write_u8(0xff);
}

macro_rules! caseless {
    ($type:ident) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                eq_folded(self.as_str(), other.as_str())
            }
        }
        impl Eq for $type {}
        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                eq_folded(self.as_str(), other)
            }
        }
        impl PartialEq<&str> for $type {
            fn eq(&self, other: &&str) -> bool {
                eq_folded(self.as_str(), other)
            }
        }
        impl Ord for $type {
            fn cmp(&self, other: &Self) -> Ordering {
                cmp_folded(self.as_str(), other.as_str())
            }
        }
        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                hash_folded(self.as_str(), state);
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }
        impl From<&str> for $type {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }
    };
}
caseless!(Name);
caseless!(Namespace);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_compare_and_hash_without_case_and_keep_theirs() {
        let set = HashSet::from([Name::from_static("LoadPercentage")]);
        assert!(set.contains(&Name::new("loadpercentage")));
        assert!(!set.contains(&Name::new("LoadPercent")));
        let long = Name::from_static("SystemCreationClassName_OfTheOtherEnd");
        let hash = |name: &Name| std::hash::BuildHasher::hash_one(set.hasher(), name);
        assert_eq!(hash(&long), hash(&Name::new(&long.as_str().to_uppercase())));
        assert_ne!(
            hash(&long),
            hash(&Name::new("SystemCreationClassName_OfTheOtherEnds"))
        );
        assert_eq!(Name::new("CIM_Processor").to_string(), "CIM_Processor");
        assert!(Name::new("abc") < Name::new("ABD"));
        assert!(Name::new("abC") < Name::new("AbcA") && Name::new("b") > Name::new("AB"));
        assert_eq!(Name::new("aBc").cmp(&Name::new("AbC")), Ordering::Equal);
    }

    #[test]
    fn a_name_is_checked() {
        for good in ["A", "_x9", "CIM_System", "Größe"] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "9a", "a b", "a.b", "*"] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_namespace_is_put_right() {
        assert_eq!(Namespace::new("/root\\cimv2/").as_str(), "root/cimv2");
        assert_eq!(Namespace::new("ROOT/CIMV2"), Namespace::from_static("root/cimv2"));
    }
}
