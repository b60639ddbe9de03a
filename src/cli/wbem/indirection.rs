//! Names that stand for servers, from the file that wbemcli reads: one `name: http://user:password@host:5988` a
//! line.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use super::trouble::Trouble;

/// The file where the variable names none.
const FILE: &str = "wbemcli.ind";
/// The variable that names the file.
const VARIABLE: &str = "WBEMCLI_IND";

/// The object path with the server that its first part stands for. A path that begins with the name of no server
/// is left as it is.
///
/// # Errors
/// If the file that the variable names cannot be read.
pub fn resolve(object: &str) -> Result<String, Trouble> {
    resolve_with(object, std::env::var_os(VARIABLE))
}

fn resolve_with(object: &str, variable: Option<OsString>) -> Result<String, Trouble> {
    let unchanged = || Ok(object.to_owned());
    let Some((token, rest)) = object.split_once('/') else {
        return unchanged();
    };
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return unchanged();
    }
    let is_named = variable.is_some();
    let file = variable.map_or_else(|| PathBuf::from(FILE), PathBuf::from);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => return unchanged(),
        Err(error) => return Err(Trouble::Url(format!("{}: {error}", file.display()))),
    };
    match server(&text, token) {
        Some(server) => Ok(format!("{}/{rest}", server.trim_end_matches('/'))),
        None => unchanged(),
    }
}

/// What stands behind the name in the file.
fn server<'t>(text: &'t str, token: &str) -> Option<&'t str> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(':'))
        .find_map(|(name, server)| (name == token).then_some(server.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(object: &str, expect: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("names");
        std::fs::write(
            &file,
            "# myhost: http://no\nmyhost: \thttps://u:p@h:5989 \nother:http://o/\n",
        )
        .unwrap();
        assert_eq!(resolve_with(object, Some(file.into())).unwrap(), expect);
    }

    #[test]
    fn a_name_stands_for_a_server() {
        check("myhost/root/x:C_X", "https://u:p@h:5989/root/x:C_X");
        check("other/root", "http://o/root");
        check("root/x:C_X", "root/x:C_X");
        check("/myhost/x", "/myhost/x");
        check("http://myhost/x", "http://myhost/x");
        check("C_X", "C_X");
    }

    #[test]
    fn a_file_that_is_named_must_be_there() {
        assert!(resolve_with("a/b", Some("/nonexistent/file".into())).is_err());
        assert_eq!(resolve_with("a/b", None).unwrap(), "a/b");
    }
}
