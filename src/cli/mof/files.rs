//! MOF files on disk, for the compiler.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::cim::mof::{Loader, MAX_SOURCE_BYTES};

/// Finds included files beside the including one, then in the given folders.
pub(super) struct Files<'a> {
    folders: &'a [PathBuf],
    /// The name under which each file was found first: a file has one name however it is reached.
    names: RefCell<HashMap<PathBuf, String>>,
}

impl<'a> Files<'a> {
    pub(super) fn new(folders: &'a [PathBuf]) -> Self {
        Self {
            folders,
            names: RefCell::default(),
        }
    }
}

impl Loader for Files<'_> {
    fn resolve(&self, name: &str, from: Option<&str>) -> Result<String, String> {
        // Schemas from other systems write their paths as they do there.
        let wanted = if from.is_some() {
            name.replace('\\', "/")
        } else {
            name.to_owned()
        };
        let beside = from
            .and_then(|from| Path::new(from).parent())
            .unwrap_or(Path::new(""));
        let folders = self
            .folders
            .iter()
            .map(PathBuf::as_path)
            .filter(|_| from.is_some());
        let places: Vec<PathBuf> = std::iter::once(beside)
            .chain(folders)
            .map(|folder| folder.join(&wanted))
            .collect();
        let mut refusal = None;
        for place in places {
            match place.canonicalize() {
                Ok(file) => {
                    let mut names = self.names.borrow_mut();
                    return Ok(names
                        .entry(file)
                        .or_insert_with(|| place.display().to_string())
                        .clone());
                }
                Err(error) => refusal = refusal.or(Some(error.to_string())),
            }
        }
        Err(refusal.unwrap_or_default())
    }

    fn read(&self, file: &str) -> Result<Cow<'static, str>, String> {
        let mut bytes = Vec::new();
        // One byte more than the compiler takes is enough for it to refuse the file.
        let limit = u64::try_from(MAX_SOURCE_BYTES)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        File::open(file)
            .and_then(|file| file.take(limit).read_to_end(&mut bytes))
            .map_err(|error| error.to_string())?;
        decode(bytes).map(Cow::Owned)
    }
}

/// UTF-8, or UTF-16 with a byte order mark as tools of other systems write it.
fn decode(bytes: Vec<u8>) -> Result<String, String> {
    let unit: fn([u8; 2]) -> u16 = match bytes.as_slice() {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => {
            return String::from_utf8(bytes).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                format!("it is not UTF-8 from byte {at} on")
            });
        }
    };
    let (pairs, rest) = bytes.as_chunks();
    let units: Vec<u16> = pairs.iter().skip(1).map(|pair| unit(*pair)).collect();
    match String::from_utf16(&units) {
        Ok(text) if rest.is_empty() => Ok(text),
        _ => Err("it is not UTF-16, though it begins as such".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expect: Result<&str, &str>) {
        let got = decode(bytes.to_vec());
        assert_eq!(got.as_deref().map_err(String::as_str), expect, "{bytes:?}");
    }

    #[test]
    fn files_of_both_encodings_are_read() {
        check("é".as_bytes(), Ok("é"));
        check(b"\xff\xfea\0\xe9\0", Ok("aé"));
        check(b"\xfe\xff\0a\0\xe9", Ok("aé"));
        check(b"ab\xff", Err("it is not UTF-8 from byte 2 on"));
        check(b"\xff\xfea", Err("it is not UTF-16, though it begins as such"));
        check(
            b"\xff\xfe\0\xd8",
            Err("it is not UTF-16, though it begins as such"),
        );
    }

    #[test]
    fn includes_are_found_beside_the_file_and_in_the_folders() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("a/sub")).unwrap();
        std::fs::create_dir(path("b")).unwrap();
        for file in ["a/top.mof", "a/sub/x.mof", "b/x.mof", "b/y.mof"] {
            std::fs::write(path(file), file).unwrap();
        }
        let folders = [path("b")];
        let files = Files::new(&folders);
        let top = files
            .resolve(&path("a/top.mof").display().to_string(), None)
            .unwrap();
        for (name, found) in [
            ("sub\\x.mof", "a/sub/x.mof"),
            ("x.mof", "b/x.mof"),
            ("../b/y.mof", "b/y.mof"),
        ] {
            let resolved = files.resolve(name, Some(&top)).unwrap();
            assert_eq!(files.read(&resolved).unwrap(), found, "{name}");
        }
        assert_eq!(
            files.resolve("y.mof", Some(&top)),
            files.resolve("../b/y.mof", Some(&top))
        );
        assert!(files.resolve("z.mof", Some(&top)).is_err());
    }
}
