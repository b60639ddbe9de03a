//! Where the kernel's files are read from.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::text;

/// No file that is read here is longer; a longer one is cut, so that a faulty driver cannot fill memory.
const MOST_BYTES: usize = 16 << 20;

/// The directory that `proc`, `sys`, `etc`, `run` and `dev` stand in: `/` on a running machine, a recorded
/// tree in tests. All paths handed to its methods are relative to it.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// The running machine.
    pub fn live() -> Self {
        Self::at("/")
    }

    /// A recorded tree.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Whether this is the running machine, whose kernel can be asked by system calls too.
    pub fn is_live(&self) -> bool {
        self.path == Path::new("/")
    }

    /// `relative` inside this root.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path.join(relative)
    }

    /// Everything in a file.
    ///
    /// # Errors
    /// What the kernel answered to open or read.
    pub fn read(&self, relative: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(relative, &mut bytes)?;
        Ok(bytes)
    }

    /// Everything in a file, in the place of what `buffer` held: for texts that are read again and again.
    ///
    /// # Errors
    /// What the kernel answered to open or read; `buffer` is then empty.
    pub fn read_into(&self, relative: impl AsRef<Path>, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        let mut file = File::open(self.path(relative))?;
        // The kernel's files have no size, so the room is made in pages and not by what stat tells.
        let mut page = [0u8; 4096];
        loop {
            match file.read(&mut page) {
                Ok(0) => return Ok(()),
                Ok(count) => buffer.extend_from_slice(page.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    buffer.clear();
                    return Err(error);
                }
            }
            if buffer.len() >= MOST_BYTES {
                return Ok(());
            }
        }
    }

    /// A file of one line as text without blanks around it; `None` if there is no such file or nothing in it.
    pub fn text(&self, relative: impl AsRef<Path>) -> Option<String> {
        text::text(&self.read(relative).ok()?)
    }

    /// A file that holds one unsigned decimal number.
    pub fn number(&self, relative: impl AsRef<Path>) -> Option<u64> {
        text::number(&self.read(relative).ok()?)
    }

    /// A file that holds one signed decimal number.
    pub fn signed(&self, relative: impl AsRef<Path>) -> Option<i64> {
        text::signed(&self.read(relative).ok()?)
    }

    /// The names in a directory, sorted; none if there is no such directory.
    pub fn names(&self, relative: impl AsRef<Path>) -> Vec<OsString> {
        let Ok(entries) = fs::read_dir(self.path(relative)) else {
            return Vec::new();
        };
        let mut names: Vec<OsString> = entries
            .filter_map(|entry| Some(entry.ok()?.file_name()))
            .collect();
        names.sort_unstable();
        names
    }

    /// The last component of where a symbolic link points, as in `dm-0` for `../../dm-0`.
    pub fn link_name(&self, relative: impl AsRef<Path>) -> Option<OsString> {
        fs::read_link(self.path(relative))
            .ok()?
            .file_name()
            .map(OsString::from)
    }

    /// Whether there is something of that name.
    pub fn exists(&self, relative: impl AsRef<Path>) -> bool {
        self.path(relative).exists()
    }
}
