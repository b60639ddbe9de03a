//! What a misspelt name may have meant.

use super::super::Reason;
use crate::cim::{Class, Name};

/// Says that a class does not have a property, and which of its names is the most alike.
pub fn unknown_property(class: &Class, name: &Name) -> Reason {
    let nearest = class
        .properties
        .iter()
        .map(|property| (distance(name.as_str(), property.name.as_str()), &property.name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= name.as_str().len() / 3)
        .map(|(_, name)| name.clone());
    Reason::UnknownProperty {
        class: class.name.clone(),
        property: name.clone(),
        nearest,
    }
}

/// How many characters must be put in, taken out or changed to make one name of the other, case aside
/// (Levenshtein). Names longer than any that a schema has are unlike everything.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 128;
    if a.len() > LONGEST || b.len() > LONGEST {
        return usize::MAX;
    }
    let b: Vec<u8> = b.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, from) in a.bytes().map(|byte| byte.to_ascii_lowercase()).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (slot, to) in row.iter_mut().skip(1).zip(&b) {
            let changed = diagonal + usize::from(from != *to);
            diagonal = *slot;
            left = changed.min(left + 1).min(diagonal + 1);
            *slot = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expect) in [
            ("Name", "name", 0),
            ("Nam", "Name", 1),
            ("Nmae", "Name", 2),
            ("", "abc", 3),
            ("Size", "Sise", 1),
        ] {
            assert_eq!(distance(a, b), expect, "{a} {b}");
            assert_eq!(distance(b, a), expect, "{b} {a}");
        }
    }
}
