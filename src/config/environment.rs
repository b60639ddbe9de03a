//! What the process' surroundings say, taken once so that tests can say it instead.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where the configuration is looked for when neither an option nor `ESM_CONFIG` names it.
const DEFAULT_FILE: &str = "/etc/esm/esm.toml";

/// The local socket of an agent that root runs, unless it is configured.
pub const SYSTEM_SOCKET: &str = "/run/esm/esm.sock";

/// What of the process' surroundings bears on the configuration.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Whether the process runs as root: then the system's folders are the defaults.
    pub is_root: bool,
    /// The environment variables.
    pub variables: BTreeMap<OsString, OsString>,
    /// The file that is read if it exists and no other is named; `None` for none.
    pub default_file: Option<PathBuf>,
}

impl Environment {
    /// The surroundings of this process.
    pub fn of_process() -> Self {
        Self {
            is_root: rustix::process::geteuid().is_root(),
            variables: std::env::vars_os().collect(),
            default_file: Some(PathBuf::from(DEFAULT_FILE)),
        }
    }

    /// The file to read: the one that was asked for, else what `ESM_CONFIG` names, else
    /// `/etc/esm/esm.toml` if there is one.
    pub(super) fn file(&self, asked: Option<&Path>) -> Option<PathBuf> {
        asked
            .map(Path::to_path_buf)
            .or_else(|| self.path("ESM_CONFIG"))
            .or_else(|| {
                self.default_file
                    .clone()
                    .filter(|file| file.symlink_metadata().is_ok())
            })
    }

    /// The default of `state_dir`: what the service manager gave (`StateDirectory=` of a systemd unit),
    /// else `/var/lib/esm` for root, else `esm` under `$XDG_STATE_HOME` (by the XDG Base Directory
    /// Specification `~/.local/state` when unset or not absolute).
    pub(super) fn state_dir(&self) -> PathBuf {
        if let Some(given) = self.service_manager_folder("STATE_DIRECTORY") {
            return given;
        }
        if self.is_root {
            return PathBuf::from("/var/lib/esm");
        }
        let state_home = self
            .path("XDG_STATE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| {
                self.path("HOME")
                    .filter(|path| path.is_absolute())
                    .map(|home| home.join(".local/state"))
            });
        state_home
            .unwrap_or_else(|| PathBuf::from("/var/lib"))
            .join("esm")
    }

    /// The default of `local.socket`: in the folder that the service manager gave (`RuntimeDirectory=`),
    /// else in `/run/esm` for root, else in the state folder.
    pub(super) fn socket(&self, state_dir: &Path) -> PathBuf {
        if let Some(given) = self.service_manager_folder("RUNTIME_DIRECTORY") {
            return given.join("esm.sock");
        }
        if self.is_root {
            PathBuf::from(SYSTEM_SOCKET)
        } else {
            state_dir.join("esm.sock")
        }
    }

    /// The first of the folders in the variable (systemd.exec(5) separates them by colons).
    fn service_manager_folder(&self, variable: &str) -> Option<PathBuf> {
        let folders = self.variables.get(OsString::from(variable).as_os_str())?;
        std::env::split_paths(folders)
            .next()
            .filter(|folder| folder.is_absolute())
    }

    fn path(&self, variable: &str) -> Option<PathBuf> {
        let value = self.variables.get(OsString::from(variable).as_os_str())?;
        (!value.is_empty()).then(|| PathBuf::from(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(is_root: bool, variables: &[(&str, &str)]) -> Environment {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Environment {
            is_root,
            variables,
            default_file: None,
        }
    }

    #[track_caller]
    fn check(is_root: bool, variables: &[(&str, &str)], state_dir: &str, socket: &str) {
        let environment = environment(is_root, variables);
        assert_eq!(environment.state_dir(), Path::new(state_dir));
        assert_eq!(environment.socket(&environment.state_dir()), Path::new(socket));
    }

    #[test]
    fn the_state_folder_follows_the_user() {
        check(
            true,
            &[("XDG_STATE_HOME", "/x")],
            "/var/lib/esm",
            "/run/esm/esm.sock",
        );
        check(
            false,
            &[("XDG_STATE_HOME", "/x"), ("HOME", "/home/a")],
            "/x/esm",
            "/x/esm/esm.sock",
        );
        let home = "/home/a/.local/state/esm";
        let socket = "/home/a/.local/state/esm/esm.sock";
        check(false, &[("HOME", "/home/a")], home, socket);
        check(
            false,
            &[("XDG_STATE_HOME", ""), ("HOME", "/home/a")],
            home,
            socket,
        );
        check(
            false,
            &[("XDG_STATE_HOME", "relative"), ("HOME", "/home/a")],
            home,
            socket,
        );
        check(false, &[], "/var/lib/esm", "/var/lib/esm/esm.sock");
    }

    #[test]
    fn the_folders_of_the_service_manager_come_first() {
        let given = [
            ("STATE_DIRECTORY", "/srv/a:/srv/b"),
            ("RUNTIME_DIRECTORY", "/run/a"),
            ("HOME", "/home/a"),
        ];
        check(false, &given, "/srv/a", "/run/a/esm.sock");
        check(true, &given, "/srv/a", "/run/a/esm.sock");
        check(
            true,
            &[("STATE_DIRECTORY", "")],
            "/var/lib/esm",
            "/run/esm/esm.sock",
        );
    }

    #[test]
    fn an_option_comes_before_the_variable_and_the_variable_before_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let default = folder.path().join("esm.toml");
        let mut environment = environment(false, &[]);
        environment.default_file = Some(default.clone());
        assert_eq!(environment.file(None), None);
        std::fs::write(&default, "").unwrap();
        assert_eq!(environment.file(None), Some(default));
        environment.variables.insert("ESM_CONFIG".into(), "/v".into());
        assert_eq!(environment.file(None), Some("/v".into()));
        assert_eq!(environment.file(Some(Path::new("/o"))), Some("/o".into()));
    }
}
