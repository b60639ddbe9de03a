//! Whether a file changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What tells one state of the configuration file from another, without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileStamp {
    path: Option<PathBuf>,
    /// Device, inode, size, and change time in seconds and nanoseconds; `None` if the file cannot be seen.
    state: Option<(u64, u64, u64, i64, i64)>,
}

impl FileStamp {
    /// The stamp of the file as it is now.
    pub(super) fn of(path: Option<&Path>) -> Self {
        let metadata = path.and_then(|path| path.metadata().ok());
        // The change time, unlike that of modification, cannot be set back by the writer.
        let state = metadata.map(|file| {
            (
                file.dev(),
                file.ino(),
                file.len(),
                file.ctime(),
                file.ctime_nsec(),
            )
        });
        Self {
            path: path.map(Path::to_path_buf),
            state,
        }
    }
}
