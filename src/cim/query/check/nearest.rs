//! What a misspelt name may have meant.

use super::super::Reason;
use crate::cim::{Class, Name};

/// Says that a class does not have a property, and which of its names is the most alike.
pub fn unknown_property(class: &Class, name: &Name) -> Reason {
    let names = class.properties.iter().map(|property| property.name.as_str());
    let nearest = nearest(name.as_str(), names)
        .and_then(|nearest| class.property(nearest))
        .map(|property| property.name.clone());
    Reason::UnknownProperty {
        class: class.name.clone(),
        property: name.clone(),
        nearest,
    }
}

/// The one of `names` that is most alike to a misspelt name, if one is alike.
pub fn nearest<'n>(misspelt: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    names
        .into_iter()
        .map(|name| (distance(misspelt, name), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= misspelt.len() / 3)
        .map(|(_, name)| name)
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
    fn only_a_name_that_is_alike_is_meant() {
        let names = ["Name", "LoadPercentage"];
        assert_eq!(nearest("loadpercent", names), Some("LoadPercentage"));
        assert_eq!(nearest("Nmae", names), None);
        assert_eq!(nearest("Other", names), None);
    }

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
