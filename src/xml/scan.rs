//! Looking for the few bytes that mean something: eight are looked at together, and one by one only where one of
//! them may be what is looked for.

#![allow(clippy::indexing_slicing, reason = "the tables have a place for each byte")]

/// The bytes that are looked for.
pub(super) type Table = [bool; 256];

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const TOPS: u64 = ONES << 7;

/// The place of the first byte of `wanted`. Among eight bytes of which `may_hold` says no there is none.
pub(super) fn find(bytes: &[u8], wanted: &Table, may_hold: impl Fn(u64) -> bool) -> Option<usize> {
    let in_part = |part: &[u8]| part.iter().position(|&byte| wanted[usize::from(byte)]);
    let (words, rest) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        if may_hold(u64::from_ne_bytes(*word))
            && let Some(place) = in_part(word)
        {
            return Some(index * size_of::<u64>() + place);
        }
    }
    in_part(rest).map(|place| bytes.len() - rest.len() + place)
}

/// Whether any of eight bytes is a control character.
pub(super) const fn has_control(word: u64) -> bool {
    word.wrapping_sub(ONES * 0x20) & !word & TOPS != 0
}

/// Whether any of eight bytes is something else than plain text: a control character, one of `"`, `&`, `<` and `>`, or
/// part of a character beyond ASCII.
pub(super) const fn has_special(word: u64) -> bool {
    // Each pair differs in one bit.
    let quote_or_ampersand = (word | (ONES * 0x04)) ^ (ONES * 0x26);
    let less_or_greater = (word | (ONES * 0x02)) ^ (ONES * 0x3e);
    has_control(word) || has_zero(quote_or_ampersand) || has_zero(less_or_greater) || word & TOPS != 0
}

const fn has_zero(word: u64) -> bool {
    word.wrapping_sub(ONES) & !word & TOPS != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte, at every place among plain ones and among control characters' neighbours.
    #[test]
    fn nothing_is_overlooked() {
        for byte in 0..=u8::MAX {
            let is_control = byte < 0x20;
            let is_special = is_control || byte >= 0x80 || b"\"&<>".contains(&byte);
            for (around, place) in [b'a', b' ', b'?', b'=', b'%', b'#', 0x7f]
                .into_iter()
                .flat_map(|around| (0..8).map(move |place| (around, place)))
            {
                let mut word = [around; 8];
                word[place] = byte;
                let word = u64::from_ne_bytes(word);
                assert_eq!(has_special(word), is_special, "{byte} at {place} in {around}");
                assert_eq!(has_control(word), is_control, "{byte} at {place} in {around}");
            }
        }
    }

    #[test]
    fn the_first_one_is_found() {
        let mut wanted = [false; 256];
        wanted[usize::from(b'<')] = true;
        for length in 0..40 {
            let plain = vec![b'>'; length];
            assert_eq!(find(&plain, &wanted, has_special), None);
            for first in 0..length {
                let mut text = plain.clone();
                text[first..].fill(b'<');
                assert_eq!(find(&text, &wanted, has_special), Some(first), "{length}");
            }
        }
    }
}
