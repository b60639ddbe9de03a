//! The operating system, the machine's name, and what is asked of a computer as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use super::load::parse_stat;
use super::root::Root;
use super::smbios::Smbios;
use super::text;
use crate::time::WallTime;

/// The machine as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct General {
    /// The host name, without its domain unless it was set with one.
    pub host_name: String,
    /// The fully qualified domain name, if one is to be found without asking the network.
    pub fqdn: Option<String>,
    /// What the firmware tells.
    pub smbios: Arc<Smbios>,
    /// The distribution.
    pub os: OsRelease,
    /// The kernel's name, as in `Linux`.
    pub kernel_name: Option<String>,
    /// The kernel's release, as in `6.1.0-18-amd64`.
    pub kernel_release: Option<String>,
    /// The kernel's build, as in `#1 SMP PREEMPT_DYNAMIC …`.
    pub kernel_version: Option<String>,
    /// The machine's architecture, as in `x86_64`.
    pub architecture: Option<String>,
    /// When the machine booted, to the second.
    pub boot_time: Option<WallTime>,
    /// The number of processes.
    pub process_count: Option<u32>,
    /// The highest process number, and so the most processes there can be.
    pub max_processes: Option<u32>,
}

impl General {
    /// What the machine is called in keys: the FQDN, else the host name.
    pub fn name(&self) -> &str {
        self.fqdn.as_deref().unwrap_or(&self.host_name)
    }
}

/// Reads all that may change; the firmware's tables, which do not, are handed in.
pub(super) fn read(root: &Root, smbios: Arc<Smbios>) -> General {
    let kernel = |name: &str| root.text(format!("proc/sys/kernel/{name}"));
    let host_name = kernel("hostname").unwrap_or_else(|| "localhost".to_owned());
    let hosts = root.read("etc/hosts").unwrap_or_default();
    let resolv_conf = root.read("etc/resolv.conf").unwrap_or_default();
    let booted = parse_stat(&root.read("proc/stat").unwrap_or_default()).boot_unix_secs;
    General {
        fqdn: find_fqdn(&host_name, &hosts, &resolv_conf),
        host_name,
        smbios,
        os: read_os_release(root),
        kernel_name: kernel("ostype"),
        kernel_release: kernel("osrelease"),
        kernel_version: kernel("version"),
        architecture: kernel("arch").or_else(|| ask_architecture(root)),
        boot_time: booted
            .and_then(|secs| i64::try_from(secs).ok()?.checked_mul(1_000_000))
            .map(WallTime::from_unix_micros),
        process_count: count_processes(root),
        max_processes: root
            .number("proc/sys/kernel/pid_max")
            .and_then(|most| u32::try_from(most).ok()),
    }
}

/// Kernels before 6.1 tell it by the system call alone.
fn ask_architecture(root: &Root) -> Option<String> {
    root.is_live()
        .then(|| rustix::system::uname().machine().to_string_lossy().into_owned())
}

fn count_processes(root: &Root) -> Option<u32> {
    let names = root.names("proc");
    let count = names
        .iter()
        .filter(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
        .count();
    u32::try_from(count).ok().filter(|count| *count != 0)
}

/// The distribution, from `os-release` (os-release(5)).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OsRelease {
    /// Short name without spaces, as in `debian`.
    pub id: Option<String>,
    /// The distributions that it comes from.
    pub id_like: Option<String>,
    /// Name, as in `Debian GNU/Linux`.
    pub name: Option<String>,
    /// Version for people, as in `12 (bookworm)`.
    pub version: Option<String>,
    /// Version number, as in `12`.
    pub version_id: Option<String>,
    /// Name and version for people.
    pub pretty_name: Option<String>,
}

fn read_os_release(root: &Root) -> OsRelease {
    let text = root
        .read("etc/os-release")
        .or_else(|_| root.read("usr/lib/os-release"));
    parse_os_release(&text.unwrap_or_default())
}

/// Reads the text of an `os-release` file: shell assignments without expansions.
pub fn parse_os_release(os_release: &[u8]) -> OsRelease {
    let mut values: HashMap<&[u8], String> = text::lines(os_release)
        .filter(|line| !line.trim_ascii_start().starts_with(b"#"))
        .filter_map(|line| text::key_value(line, b'='))
        .filter_map(|(key, value)| Some((key, text::text(&unquote(value))?)))
        .collect();
    OsRelease {
        id: values.remove(b"ID".as_slice()),
        id_like: values.remove(b"ID_LIKE".as_slice()),
        name: values.remove(b"NAME".as_slice()),
        version: values.remove(b"VERSION".as_slice()),
        version_id: values.remove(b"VERSION_ID".as_slice()),
        pretty_name: values.remove(b"PRETTY_NAME".as_slice()),
    }
}

/// Takes shell quotes off: in single quotes everything stands for itself, elsewhere a backslash keeps the
/// byte after it.
fn unquote(value: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let mut quote = None;
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (Some(open), byte) if byte == open => quote = None,
            (None, b'\'' | b'"') => quote = Some(byte),
            (None | Some(b'"'), b'\\') => plain.extend(bytes.next()),
            (_, byte) => plain.push(byte),
        }
    }
    plain
}

/// The fully qualified domain name as `hostname -f` finds it without the network: the host name itself if
/// it has a domain, else the first line of `/etc/hosts` that has it, else the host name in the domain of
/// `/etc/resolv.conf`.
pub fn find_fqdn(host_name: &str, hosts: &[u8], resolv_conf: &[u8]) -> Option<String> {
    if let Some(known) = canonical_name(host_name, hosts) {
        return Some(known);
    }
    if host_name.contains('.') {
        return Some(host_name.to_owned());
    }
    let domain = local_domain(resolv_conf)?;
    Some(format!("{host_name}.{domain}"))
}

/// The first name in the first line that has the host name, if it has a domain; else another in that line
/// that is the host name in a domain.
fn canonical_name(host_name: &str, hosts: &[u8]) -> Option<String> {
    let names = text::lines(hosts).find_map(|line| {
        let line = line.split(|byte| *byte == b'#').next()?;
        let names: Vec<&str> = text::words(line)
            .skip(1)
            .filter_map(|name| std::str::from_utf8(name).ok())
            .collect();
        names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(host_name))
            .then_some(names)
    })?;
    let first = names.first().filter(|name| name.contains('.') && !is_local(name));
    let in_domain = || {
        names.iter().filter(|name| !is_local(name)).find(|name| {
            let rest = name
                .get(host_name.len()..)
                .filter(|rest| rest.starts_with('.') && rest.len() > 1);
            rest.is_some()
                && name
                    .get(..host_name.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(host_name))
        })
    };
    first.or_else(in_domain).map(|name| (*name).to_owned())
}

/// `localhost.localdomain` and its like name every machine and so none.
fn is_local(name: &str) -> bool {
    name.get(..10)
        .is_some_and(|start| start.eq_ignore_ascii_case("localhost."))
}

/// The last `domain` or the first name of the last `search` line, whichever comes later (resolv.conf(5)).
fn local_domain(resolv_conf: &[u8]) -> Option<String> {
    let line = text::lines(resolv_conf)
        .filter(|line| matches!(text::words(line).next(), Some(b"domain" | b"search")))
        .last()?;
    let name = std::str::from_utf8(text::words(line).nth(1)?)
        .ok()?
        .trim_matches('.');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_a_domain() {
        #[track_caller]
        fn check(host_name: &str, hosts: &str, resolv_conf: &str, expect: Option<&str>) {
            let found = find_fqdn(host_name, hosts.as_bytes(), resolv_conf.as_bytes());
            assert_eq!(found.as_deref(), expect, "{host_name} {hosts:?} {resolv_conf:?}");
        }
        check(
            "server1",
            "127.0.0.1 localhost\n10.1.2.1 server1.example.com server1\n",
            "",
            Some("server1.example.com"),
        );
        check(
            "server1",
            "10.1.2.1 www.example.com server1\n",
            "",
            Some("www.example.com"),
        );
        check(
            "server1",
            "10.1.2.1 SERVER1.example.com Server1 # here\n",
            "",
            Some("SERVER1.example.com"),
        );
        check("server1", "# 10.1.2.1 server1.example.com server1\n", "", None);
        check(
            "server1",
            "10.1.2.1 server1\n10.1.2.2 server1.example.com server1\n",
            "",
            None,
        );
        check(
            "server1",
            "10.1.2.1 server1 server1.example.com\n",
            "",
            Some("server1.example.com"),
        );
        check(
            "server1",
            "127.0.0.1 localhost.localdomain localhost server1\n",
            "",
            None,
        );
        check("server1.example.com", "", "", Some("server1.example.com"));
        check(
            "server1",
            "",
            "nameserver 10.0.0.1\nsearch lan. example.com\n",
            Some("server1.lan"),
        );
        check(
            "server1",
            "",
            "search a.example\ndomain b.example\n",
            Some("server1.b.example"),
        );
        check(
            "server1",
            "10.1.2.1 server1\n",
            "domain example.com",
            Some("server1.example.com"),
        );
        check("server1", "", "domain\nsearch .\n", None);
        check("é", "10.1.2.1 éx aéb é\n", "", None);
        check("localhost", "127.0.0.1 localhost.localdomain localhost", "", None);
    }

    #[test]
    fn os_release_with_quotes() {
        let os = parse_os_release(
            b"# comment\nID=debian\nNAME=\"Debian GNU/Linux\"\nVERSION='12 (bookworm)'\nPRETTY_NAME=\"A \\\"B\\\" \\$C\"\n\
              VERSION_ID=\nbroken\n=x\n",
        );
        assert_eq!(
            os,
            OsRelease {
                id: Some("debian".into()),
                name: Some("Debian GNU/Linux".into()),
                version: Some("12 (bookworm)".into()),
                pretty_name: Some("A \"B\" $C".into()),
                ..OsRelease::default()
            }
        );
        assert_eq!(parse_os_release(b"ID=\"\nNAME=\\"), OsRelease::default());
    }
}
