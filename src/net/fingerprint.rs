//! The SHA-256 fingerprints of a certificate and of its key, as people compare them and as pins store them.

use std::fmt;
use std::str::FromStr;

use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha256};

/// SHA-256 of a certificate, or of the key in one, in DER.
#[derive(Clone, Copy, Eq, PartialEq, Hash)]
pub struct Fingerprint([u8; 32]);

/// A text that is no fingerprint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no SHA-256 fingerprint: expected 64 hexadecimal digits, with or without colons")]
pub struct ParseFingerprintError(String);

/// A digest that was kept.
impl From<[u8; 32]> for Fingerprint {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl Fingerprint {
    /// The fingerprint of a certificate or a SubjectPublicKeyInfo in DER.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// The 32 bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What a certificate is recognised by: itself, and the key in it, which it may have in common with the one before it
/// and the one after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprints {
    /// SHA-256 of the certificate.
    pub certificate: Fingerprint,
    /// SHA-256 of its SubjectPublicKeyInfo, as RFC 7469 (section 2.4) pins it.
    pub key: Fingerprint,
}

impl Fingerprints {
    /// Those of a certificate.
    ///
    /// # Errors
    /// If it is none.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, rustls::Error> {
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        Ok(Self {
            certificate: Fingerprint::of(certificate),
            key: Fingerprint::of(&key),
        })
    }

    /// Whether one of them is `pinned`.
    pub fn match_pin(&self, pinned: &Fingerprint) -> bool {
        [self.certificate, self.key].contains(pinned)
    }
}

/// Pairs of upper-case hexadecimal digits with colons, as `openssl x509 -fingerprint` prints them.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Accepts digits of either case, with or without colons, and the prefix `sha256:` that some tools print.
impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || ParseFingerprintError(text.to_owned());
        let trimmed = text.trim();
        let digits = match trimmed.get(..7) {
            Some(prefix) if prefix.eq_ignore_ascii_case("sha256:") => trimmed.get(7..).unwrap_or_default(),
            _ => trimmed,
        };
        let mut bytes = [0; 32];
        let mut nibbles = digits.chars().filter(|&c| c != ':').map(|c| c.to_digit(16));
        for byte in &mut bytes {
            let (Some(Some(high)), Some(Some(low))) = (nibbles.next(), nibbles.next()) else {
                return Err(fault());
            };
            *byte = u8::try_from(high << 4 | low).map_err(|_| fault())?;
        }
        if nibbles.next().is_some() {
            return Err(fault());
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: bool) {
        let known = Fingerprint::of(b"abc");
        assert_eq!(text.parse() == Ok(known), expect, "{text:?}");
    }

    #[test]
    fn reads_what_it_and_others_print() {
        let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check(digits, true);
        check(&digits.to_uppercase(), true);
        check(&format!("SHA256:{digits}"), true);
        check(&Fingerprint::of(b"abc").to_string(), true);
        check(&format!(" {digits}\n"), true);
        check(&digits[1..], false);
        check(&format!("{digits}0"), false);
        check(&digits.replace('b', "g"), false);
        check("", false);
        check("é:", false);
    }
}
