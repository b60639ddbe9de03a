//! What can check a name and a password.

use std::future::Future;
use std::pin::Pin;

use crate::net::accounts::decode_basic;
use crate::net::principal::Principal;

/// The name that a credential claims to be of, whether or not there is such an account; `None` if it is malformed.
pub fn claimed_name(credential: &[u8]) -> Option<String> {
    decode_basic(credential).map(|(name, _)| name)
}

/// A source of accounts. Credentials are the base64 texts of Basic authentication (RFC 7617).
pub trait CredentialCheck: Send + Sync {
    /// How many credentials are to be verified at once.
    fn at_once(&self) -> usize;

    /// The principal of a credential that was verified a short time ago. Quick; never waits for a verification.
    fn recall(&self, credential: &[u8]) -> Option<Principal>;

    /// Whether a credential is known to be wrong. Quick, as [`CredentialCheck::recall`] is.
    fn recalls_wrong(&self, credential: &[u8]) -> bool;

    /// The principal of a credential, or `None` if it is malformed, names nobody, or the password is wrong:
    /// nothing tells these apart. Slow.
    fn verify<'a>(
        &'a self,
        credential: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Option<Principal>> + Send + 'a>>;
}
