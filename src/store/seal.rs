//! Sealing of secrets: ChaCha20-Poly1305 under a key of this state folder (RFC 8439).

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::StoreError;
use crate::random;

const KEY_BYTES: usize = 32;

/// Seals and opens what must not lie on disk in clear text.
pub(super) struct Sealer {
    key: LessSafeKey,
}

impl Sealer {
    /// Reads the key at `path`; makes one where there is none.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let key = match read_key(path) {
            Ok(key) => key,
            Err(StoreError::File { source, .. }) if source.kind() == ErrorKind::NotFound => create_key(path)?,
            Err(error) => return Err(error),
        };
        let unbound = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice())
            .map_err(|_| StoreError::BadKey(path.to_owned()))?;
        Ok(Self {
            key: LessSafeKey::new(unbound),
        })
    }

    /// Seals `secret` for `place`: it opens nowhere else.
    pub(super) fn seal(&self, place: &str, secret: &str) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_LEN] = random::bytes().map_err(|_| StoreError::NoRandom)?;
        let mut text = secret.as_bytes().to_vec();
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut text)
            .map_err(|_| StoreError::NoRandom)?;
        Ok([nonce.as_slice(), &text, tag.as_ref()].concat())
    }

    /// What was sealed for `place`; none if it was sealed for another, under another key, or was changed.
    pub(super) fn open_sealed(&self, place: &str, sealed: &[u8]) -> Option<Zeroizing<String>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(place), &mut text).ok()?;
        std::str::from_utf8(opened)
            .ok()
            .map(|secret| Zeroizing::new(secret.to_owned()))
    }
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { path, source }
}

fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut key = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
    let file = File::open(path).map_err(file_error(path))?;
    file.take(KEY_BYTES as u64 + 1)
        .read_to_end(&mut key)
        .map_err(file_error(path))?;
    if key.len() == KEY_BYTES {
        Ok(key)
    } else {
        Err(StoreError::BadKey(path.to_owned()))
    }
}

/// Written beside its place and moved there, so that a crash leaves a whole key or none.
fn create_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
    random::fill(&mut key).map_err(|_| StoreError::NoRandom)?;
    let fresh = path.with_extension("key.new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&fresh)
        .map_err(file_error(&fresh))?;
    file.write_all(&key)
        .and_then(|()| file.sync_all())
        .map_err(file_error(&fresh))?;
    std::fs::rename(&fresh, path).map_err(file_error(path))?;
    if let Some(folder) = path.parent() {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(file_error(folder))?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_sealed_secret_opens_in_its_place_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("esm.key");
        let sealer = Sealer::open(&path).unwrap();
        let sealed = sealer.seal("here", "hunter2").unwrap();
        assert!(!sealed.windows(7).any(|bytes| bytes == b"hunter2"));
        assert_ne!(sealed, sealer.seal("here", "hunter2").unwrap());

        let again = Sealer::open(&path).unwrap();
        assert_eq!(again.open_sealed("here", &sealed).unwrap().as_str(), "hunter2");
        assert!(again.open_sealed("there", &sealed).is_none());
        assert!(again.open_sealed("here", &sealed[..10]).is_none());
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(again.open_sealed("here", &changed).is_none());
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn what_is_no_key_is_not_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("esm.key");
        std::fs::write(&path, [7; 31]).unwrap();
        assert!(matches!(Sealer::open(&path), Err(StoreError::BadKey(_))));
    }
}
