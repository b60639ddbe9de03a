//! Password hashes as account files hold them: reading, bounding their cost, verifying, making new ones.

use std::io;

use argon2::{Algorithm, Argon2, Block, Params, PasswordHash as Phc, PasswordVerifier, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use sha_crypt::ShaCrypt;
use subtle::ConstantTimeEq;

use super::apr1::Apr1;
use crate::random;

/// Longer passwords are wrong without being hashed: some schemes take time by the length of the password.
pub(super) const MAX_PASSWORD_BYTES: usize = 1024;

/// What RFC 9106 §3.1 recommends.
const SALT_BYTES: usize = 16;
const DIGEST_BYTES: usize = 32;
const MAX_BCRYPT_COST: u32 = 15;
const MAX_SHA_CRYPT_ROUNDS: u32 = 1_000_000;
const MAX_ARGON2_MEMORY_KIB: u32 = 128 * 1024;
const MAX_ARGON2_PASSES: u32 = 32;
/// Passes times memory: what bounds the time of one verification.
const MAX_ARGON2_WORK_KIB: u32 = 1024 * 1024;

/// One password hash, checked to be well formed and not too dear to verify.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum PasswordHash {
    Bcrypt(String),
    ShaCrypt(String),
    Apr1(Apr1),
    Argon2(String),
}

/// Why a hash of the accounts file cannot be used. The text never holds the hash.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HashFault {
    /// The kind is not one of those that are verified here.
    #[error(
        "unknown kind of password hash: use argon2 ($argon2id$), bcrypt ($2y$), SHA-crypt ($5$, $6$) or APR1 ($apr1$)"
    )]
    UnknownKind,
    /// The kind is known, the rest is not as that kind has it.
    #[error("malformed {0} hash")]
    Malformed(&'static str),
    /// Verifying would take too much time or memory.
    #[error("{kind} hash too dear to verify: {limit}")]
    TooDear {
        /// The kind of hash.
        kind: &'static str,
        /// What is allowed.
        limit: &'static str,
    },
}

impl PasswordHash {
    /// Reads the text after the colon of an entry.
    pub(super) fn parse(text: &str) -> Result<Self, HashFault> {
        if ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            parse_bcrypt(text)
        } else if text.starts_with("$5$") || text.starts_with("$6$") {
            parse_sha_crypt(text)
        } else if text.starts_with("$apr1$") {
            Apr1::parse(text)
                .map(Self::Apr1)
                .ok_or(HashFault::Malformed("APR1"))
        } else if text.starts_with("$argon2") {
            parse_argon2(text)
        } else {
            Err(HashFault::UnknownKind)
        }
    }

    /// Whether `password` gives this hash. Slow on purpose: never call it on the reactor.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt(text) => bcrypt::verify(password, text).unwrap_or(false),
            Self::ShaCrypt(text) => ShaCrypt::SHA512.verify_password(password, text.as_str()).is_ok(),
            Self::Apr1(apr1) => {
                let (computed, stored) = apr1.digests(password);
                computed.as_bytes().ct_eq(stored.as_bytes()).into()
            }
            Self::Argon2(text) => verify_argon2(text, password).unwrap_or(false),
        }
    }

    /// What the time of a verification depends on: the scheme and its parameters.
    pub(super) fn cost_class(&self) -> &str {
        match self {
            Self::Bcrypt(text) => text.get(..7).unwrap_or_default(),
            Self::ShaCrypt(text) => {
                let end = text
                    .strip_prefix("$5$rounds=")
                    .or(text.strip_prefix("$6$rounds="))
                    .and_then(|rest| rest.find('$'));
                text.get(..end.map_or(3, |end| end + 10)).unwrap_or_default()
            }
            Self::Apr1(_) => "$apr1$",
            Self::Argon2(text) => text.rsplitn(3, '$').last().unwrap_or_default(),
        }
    }

    /// The hash against which the password of an unknown user is checked when there is no account at all.
    pub(super) fn stand_in() -> Self {
        Self::Argon2(
            "$argon2id$v=19$m=19456,t=2,p=1$c3RhbmRpbnN0YW5kaW4$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                .to_owned(),
        )
    }
}

/// A new entry's text: argon2id with 19 MiB, two passes and one lane (RFC 9106, as OWASP advises), and a
/// fresh random salt.
pub(super) fn make(password: &[u8]) -> io::Result<String> {
    let refused = |error: argon2::Error| io::Error::other(error.to_string());
    let params = Params::new(19_456, 2, 1, Some(DIGEST_BYTES)).map_err(refused)?;
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let salt: [u8; SALT_BYTES] = random::bytes()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut digest = [0; DIGEST_BYTES];
    digest_argon2(&argon2, password, &salt, &mut digest).map_err(refused)?;
    let [salt, digest] = [&salt[..], &digest[..]].map(|bytes| BASE64_STANDARD_NO_PAD.encode(bytes));
    Ok(format!(
        "$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${digest}"
    ))
}

/// `None` if the text cannot be used, which it can once it was parsed.
fn verify_argon2(text: &str, password: &[u8]) -> Option<bool> {
    let phc = Phc::new(text).ok()?;
    let (salt, expected) = (phc.salt.as_ref()?, phc.hash.as_ref()?);
    let algorithm = Algorithm::try_from(phc.algorithm.as_str()).ok()?;
    let version = match phc.version {
        Some(version) => Version::try_from(version).ok()?,
        None => Version::default(),
    };
    let argon2 = Argon2::new(algorithm, version, Params::try_from(&phc).ok()?);
    let mut digest = vec![0; expected.as_bytes().len()];
    digest_argon2(&argon2, password, salt, &mut digest).ok()?;
    Some(digest.ct_eq(expected.as_bytes()).into())
}

/// Argon2 in memory that goes back to the system at its end.
///
/// Left to itself, the C library's allocator keeps freed blocks of this size for later, in each thread's own
/// store: some logins would cost a hundred megabytes for good. What is longer than 32 MiB (the most to which
/// glibc's M_MMAP_THRESHOLD grows) it maps alone and gives back. Pages that are not touched cost nothing.
fn digest_argon2(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    digest: &mut [u8],
) -> Result<(), argon2::Error> {
    const MAPPED_ALONE: usize = (33 << 20) / Block::SIZE;
    let count = argon2.params().block_count();
    let mut blocks = Vec::with_capacity(count.max(MAPPED_ALONE));
    blocks.resize(count, Block::default());
    argon2.hash_password_into_with_memory(password, salt, digest, &mut blocks)
}

fn parse_bcrypt(text: &str) -> Result<PasswordHash, HashFault> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| HashFault::Malformed("bcrypt"))?;
    match parts.get_cost() {
        4..=MAX_BCRYPT_COST => Ok(PasswordHash::Bcrypt(text.to_owned())),
        ..4 => Err(HashFault::Malformed("bcrypt")),
        _ => Err(HashFault::TooDear {
            kind: "bcrypt",
            limit: "a cost of at most 15",
        }),
    }
}

fn parse_sha_crypt(text: &str) -> Result<PasswordHash, HashFault> {
    const FAULT: HashFault = HashFault::Malformed("SHA-crypt");
    let digest_chars = if text.starts_with("$5$") { 43 } else { 86 };
    let mut fields = text.split('$').skip(2).peekable();
    if let Some(rounds) = fields.peek().and_then(|field| field.strip_prefix("rounds=")) {
        let rounds = rounds.parse::<u32>().map_err(|_| FAULT)?;
        if rounds > MAX_SHA_CRYPT_ROUNDS {
            return Err(HashFault::TooDear {
                kind: "SHA-crypt",
                limit: "at most 1,000,000 rounds",
            });
        }
        fields.next();
    }
    let (Some(salt), Some(digest), None) = (fields.next(), fields.next(), fields.next()) else {
        return Err(FAULT);
    };
    let digest_fits = digest.len() == digest_chars
        && digest
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'.' || c == b'/');
    if salt.len() > 16 || !digest_fits {
        return Err(FAULT);
    }
    Ok(PasswordHash::ShaCrypt(text.to_owned()))
}

fn parse_argon2(text: &str) -> Result<PasswordHash, HashFault> {
    const FAULT: HashFault = HashFault::Malformed("argon2");
    let phc = Phc::new(text).map_err(|_| FAULT)?;
    if phc.salt.is_none() || phc.hash.is_none() || Algorithm::try_from(phc.algorithm.as_str()).is_err() {
        return Err(FAULT);
    }
    let params = Params::try_from(&phc).map_err(|_| FAULT)?;
    let (memory, passes) = (params.m_cost(), params.t_cost());
    if memory > MAX_ARGON2_MEMORY_KIB
        || passes > MAX_ARGON2_PASSES
        || memory.saturating_mul(passes) > MAX_ARGON2_WORK_KIB
    {
        return Err(HashFault::TooDear {
            kind: "argon2",
            limit: "at most 128 MiB, 32 passes, and 1 GiB over all passes",
        });
    }
    Ok(PasswordHash::Argon2(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8";
    const SHA512_ROUNDS: &str = "$6$rounds=1400$anotherlongsalts7$";
    const ARGON2: &str =
        "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[track_caller]
    fn check(text: &str, expect: Result<&str, &str>) {
        let parsed = PasswordHash::parse(text);
        let shown = parsed
            .as_ref()
            .map(PasswordHash::cost_class)
            .map_err(ToString::to_string);
        assert_eq!(
            shown.as_ref().map(|class| *class).map_err(String::as_str),
            expect,
            "{text}"
        );
    }

    #[test]
    fn kinds_are_told_apart_and_their_cost_is_known() {
        let digest = "x".repeat(86);
        check(SHA256, Ok("$5$"));
        check(
            &format!("{SHA512_ROUNDS}{digest}"),
            Err("malformed SHA-crypt hash"),
        );
        check(&format!("$6$rounds=1400$salt${digest}"), Ok("$6$rounds=1400"));
        check(&format!("$6$salt${digest}"), Ok("$6$"));
        check(ARGON2, Ok("$argon2id$v=19$m=1024,t=1,p=1"));
        check(
            "$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe",
            Ok("$2y$05$"),
        );
        check("$apr1$x$12YdXEY0/hH4rDNkmZupO0", Ok("$apr1$"));
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        const UNKNOWN: &str = "unknown kind of password hash: use argon2 ($argon2id$), bcrypt ($2y$), SHA-crypt ($5$, $6$) or APR1 ($apr1$)";
        for text in [
            "",
            "secret",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "$1$salt$x",
            "rqXexS6ZhobKA",
            "$y$j9T$x$y",
            "*",
        ] {
            check(text, Err(UNKNOWN));
        }
        for text in [
            "$2y$",
            "$2y$05$short",
            "$2y$99$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpé",
        ] {
            check(text, Err("malformed bcrypt hash"));
        }
        for text in [
            "$5$",
            "$5$salt",
            "$5$rounds=x$salt$y",
            "$6$salt$short",
            "$5$a$b$c$d",
        ] {
            check(text, Err("malformed SHA-crypt hash"));
        }
        for text in [
            "$argon2",
            "$argon2id$v=19$m=1024,t=1,p=1",
            "$argon2zz$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$AAAA",
        ] {
            check(text, Err("malformed argon2 hash"));
        }
        check("$apr1$x", Err("malformed APR1 hash"));
    }

    #[test]
    fn hostile_costs_are_refused() {
        let too_dear = |kind, limit| Err(format!("{kind} hash too dear to verify: {limit}"));
        let check = |text: &str, expect: Result<(), String>| {
            assert_eq!(
                PasswordHash::parse(text)
                    .map(|_| ())
                    .map_err(|fault| fault.to_string()),
                expect,
                "{text}"
            );
        };
        let bcrypt = |cost| format!("$2b${cost}$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe");
        check(&bcrypt("15"), Ok(()));
        check(&bcrypt("16"), too_dear("bcrypt", "a cost of at most 15"));
        check(&bcrypt("31"), too_dear("bcrypt", "a cost of at most 15"));
        let sha = |rounds| format!("$5$rounds={rounds}$salt${}", "x".repeat(43));
        check(&sha(1_000_000), Ok(()));
        check(
            &sha(999_999_999),
            too_dear("SHA-crypt", "at most 1,000,000 rounds"),
        );
        let argon2 =
            |memory: u32, passes: u32| ARGON2.replace("m=1024,t=1", &format!("m={memory},t={passes}"));
        let limit = || too_dear("argon2", "at most 128 MiB, 32 passes, and 1 GiB over all passes");
        check(&argon2(65536, 3), Ok(()));
        check(&argon2(131_072, 8), Ok(()));
        check(&argon2(131_072, 9), limit());
        check(&argon2(131_073, 1), limit());
        check(&argon2(4_000_000_000, 1), limit());
        check(&argon2(1024, 33), limit());
    }

    #[test]
    fn what_is_made_is_verified() {
        let made = make(b"secret").unwrap();
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
        assert_ne!(made, make(b"secret").unwrap(), "the salt is fresh");
        let hash = PasswordHash::parse(&made).unwrap();
        assert!(hash.verify(b"secret"));
        assert!(!hash.verify(b"Secret"));
    }

    #[test]
    fn the_stand_in_costs_what_a_new_account_costs() {
        let PasswordHash::Argon2(text) = PasswordHash::stand_in() else {
            panic!("not argon2")
        };
        assert_eq!(PasswordHash::parse(&text), Ok(PasswordHash::stand_in()));
        let made = PasswordHash::parse(&make(b"x").unwrap()).unwrap();
        assert_eq!(PasswordHash::stand_in().cost_class(), made.cost_class());
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(text in "\\$(2[aby]|5|6|apr1|argon2(i|d|id))\\$.{0,80}", password: Vec<u8>) {
            if let Ok(hash @ (PasswordHash::Apr1(_) | PasswordHash::ShaCrypt(_))) = PasswordHash::parse(&text) {
                hash.verify(&password);
            }
        }
    }
}
