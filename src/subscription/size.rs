//! How large one thing may be that is kept for a client.

use serde::Serialize;

/// What a subscription, a filter or a destination may take as it is stored, in bytes: an account may have thousands
/// of them.
pub const MAX_STORED_BYTES: usize = 64 * 1024;

/// Something is too large to be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "it takes {0} bytes to keep, and {MAX_STORED_BYTES} are allowed: shorten its query, its texts or its reference parameters"
)]
pub struct TooLarge(pub usize);

/// Checks the size of something with `more` bytes that are kept beside it.
///
/// # Errors
/// It is too large.
pub fn check_size(kept: &impl Serialize, more: usize) -> Result<(), TooLarge> {
    // What cannot be written is refused by who writes it.
    let bytes = serde_json::to_vec(kept)
        .map_or(0, |bytes| bytes.len())
        .saturating_add(more);
    if bytes > MAX_STORED_BYTES {
        return Err(TooLarge(bytes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_and_what_does_not_is_told() {
        let quotes = 2;
        let text = "x".repeat(MAX_STORED_BYTES - quotes - 10);
        assert_eq!(check_size(&text, 10), Ok(()));
        assert_eq!(check_size(&text, 11), Err(TooLarge(MAX_STORED_BYTES + 1)));
    }
}
