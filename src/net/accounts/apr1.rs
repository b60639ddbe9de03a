//! APR1, the MD5-based hash that Apache's `htpasswd` wrote by default for many years.
//!
//! Read only: nothing here writes it. The scheme is that of md5-crypt with its own magic string.

#![allow(
    clippy::indexing_slicing,
    reason = "the tables and digests have constant lengths, which the masked indices stay below"
)]

use md5::{Digest, Md5};

const MAGIC: &str = "$apr1$";
const ROUNDS: usize = 1000;
/// Salts are cut to this many characters, as `htpasswd` and `crypt` do.
const MAX_SALT_CHARS: usize = 8;
const DIGEST_CHARS: usize = 22;
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The order in which the digest's bytes are written, three to a group of four characters.
const GROUPS: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];

/// The salt and digest of an entry `$apr1$salt$digest`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Apr1 {
    salt: String,
    digest: String,
}

impl Apr1 {
    /// Reads an entry; `None` if it is not of this kind or malformed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (salt, digest) = text.strip_prefix(MAGIC)?.split_once('$')?;
        let salt_fits = salt.len() <= MAX_SALT_CHARS && salt.is_ascii();
        let digest_fits = digest.len() == DIGEST_CHARS && digest.bytes().all(|c| ALPHABET.contains(&c));
        (salt_fits && digest_fits).then(|| Self {
            salt: salt.to_owned(),
            digest: digest.to_owned(),
        })
    }

    /// The digest that `password` gives with this salt, and the one that is stored.
    pub(super) fn digests(&self, password: &[u8]) -> (String, &str) {
        (encode(&digest(password, self.salt.as_bytes())), &self.digest)
    }
}

fn digest(password: &[u8], salt: &[u8]) -> [u8; 16] {
    let inner: [u8; 16] = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize()
        .into();
    let mut outer = Md5::new()
        .chain_update(password)
        .chain_update(MAGIC)
        .chain_update(salt);
    for part in password.chunks(inner.len()) {
        outer.update(inner.get(..part.len()).unwrap_or(&inner));
    }
    let first = password.get(..1).unwrap_or_default();
    let mut bits = password.len();
    while bits > 0 {
        outer.update(if bits & 1 == 1 { &[0][..] } else { first });
        bits >>= 1;
    }
    let mut current: [u8; 16] = outer.finalize().into();
    for round in 0..ROUNDS {
        let odd = round % 2 == 1;
        let mut hasher = Md5::new();
        hasher.update(if odd { password } else { &current });
        if round % 3 != 0 {
            hasher.update(salt);
        }
        if round % 7 != 0 {
            hasher.update(password);
        }
        hasher.update(if odd { &current } else { password });
        current = hasher.finalize().into();
    }
    current
}

fn encode(digest: &[u8; 16]) -> String {
    let mut text = String::with_capacity(DIGEST_CHARS);
    for [high, middle, low] in GROUPS {
        let group = u32::from_be_bytes([0, digest[high], digest[middle], digest[low]]);
        push_base64(&mut text, group, 4);
    }
    push_base64(&mut text, u32::from(digest[11]), 2);
    text
}

fn push_base64(text: &mut String, mut group: u32, chars: usize) {
    for _ in 0..chars {
        text.push(char::from(ALPHABET[(group & 63) as usize]));
        group >>= 6;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entry: &str, password: &str, expect: bool) {
        let parsed = Apr1::parse(entry).unwrap();
        let (computed, stored) = parsed.digests(password.as_bytes());
        assert_eq!(computed == stored, expect, "{entry} with {password:?}");
    }

    /// Entries written by `openssl passwd -apr1`.
    #[test]
    fn agrees_with_entries_of_other_tools() {
        check("$apr1$saltsalt$a8ml/vK5HEjiZ5oypDWA7/", "", true);
        check("$apr1$saltsalt$OEnK0QmmvoDzFw9W2yFYT/", "a", true);
        check("$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0", "secret", true);
        check(
            "$apr1$saltsalt$JmB3nfO6vuo.AHrYWKwYl/",
            "a longer password of more than sixteen bytes",
            true,
        );
        check("$apr1$saltsalt$i5XfNxJNeh2E8ljXycZFm0", "pässwörd", true);
        check("$apr1$saltsalt$Iet1VPyd4ov.jQfv8YHGj0", "1234567890123456", true);
        check("$apr1$x$12YdXEY0/hH4rDNkmZupO0", "secret", true);
        check("$apr1$x$12YdXEY0/hH4rDNkmZupO0", "Secret", false);
    }

    #[test]
    fn malformed_entries_are_refused() {
        for entry in [
            "$apr1$",
            "$apr1$salt",
            "$apr1$salt$short",
            "$1$salt$qrLpoqt9OaQE8bdq2wsdA1",
            "$apr1$toolongsalt$qrLpoqt9OaQE8bdq2wsdA1",
            "$apr1$salt$qrLpoqt9OaQE8bdq2wsd!1",
        ] {
            assert_eq!(Apr1::parse(entry), None, "{entry}");
        }
    }
}
