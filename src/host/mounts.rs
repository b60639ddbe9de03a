//! What is mounted where, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::collections::{HashMap, HashSet};

use super::text;

/// One line of mountinfo. Names are raw bytes: the kernel allows everything but zero and `/` in them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mount {
    /// The mount's number.
    pub id: u32,
    /// The number of the mount that it is mounted on.
    pub parent: u32,
    /// Device number of the file system, major and minor; major 0 where no block device is behind it or the
    /// file system spans several.
    pub device: (u32, u32),
    /// The part of the file system that is mounted: `/` is all of it, else a bind mount or a subvolume.
    pub root: Vec<u8>,
    /// Where it is mounted.
    pub mount_point: Vec<u8>,
    /// Options of this mount, comma separated.
    pub options: Vec<u8>,
    /// File system type, with the subtype after a dot, as in `fuse.sshfs`.
    pub fs_type: Vec<u8>,
    /// What was mounted: a device, `server:/export`, or a mere word.
    pub source: Vec<u8>,
    /// Options of the file system, which all its mounts share.
    pub super_options: Vec<u8>,
}

impl Mount {
    /// Whether the file system itself cannot be written to, through this mount or another.
    pub fn file_system_is_read_only(&self) -> bool {
        has_option(&self.super_options, b"ro")
    }

    /// Whether nothing can be written through this mount.
    pub fn is_read_only(&self) -> bool {
        self.file_system_is_read_only() || has_option(&self.options, b"ro")
    }
}

fn has_option(options: &[u8], wanted: &[u8]) -> bool {
    options.split(|byte| *byte == b',').any(|option| option == wanted)
}

/// Reads the text of `/proc/PID/mountinfo`, in its order. A line that is not in its form is left out.
pub fn parse_mountinfo(mountinfo: &[u8]) -> Vec<Mount> {
    text::lines(mountinfo).filter_map(mount).collect()
}

/// id parent major:minor root mount-point options optional… - type source super-options. The fields are
/// one space apart, and the source may be empty.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let mut field = || fields.next();
    let id = small(field()?)?;
    let parent = small(field()?)?;
    let (major, minor) = text::key_value(field()?, b':')?;
    let device = (small(major)?, small(minor)?);
    let [root, mount_point] = [unescape(field()?), unescape(field()?)];
    let options = field()?.to_vec();
    while field()? != b"-" {}
    Some(Mount {
        id,
        parent,
        device,
        root,
        mount_point,
        options,
        fs_type: unescape(field()?),
        source: unescape(field()?),
        super_options: field().unwrap_or_default().to_vec(),
    })
}

fn small(digits: &[u8]) -> Option<u32> {
    text::number(digits).and_then(|number| u32::try_from(number).ok())
}

/// Undoes the kernel's escapes: a backslash and three octal digits stand for one byte.
pub fn unescape(escaped: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((first, after)) = rest.split_first() {
        match octal(rest) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

fn octal(text: &[u8]) -> Option<(u8, &[u8])> {
    let (escape, after) = text.split_first_chunk::<4>()?;
    let [b'\\', digits @ ..] = escape else { return None };
    let value = digits.iter().try_fold(0u16, |value, digit| {
        matches!(digit, b'0'..=b'7').then(|| value * 8 + u16::from(digit - b'0'))
    })?;
    Some((u8::try_from(value).ok()?, after))
}

/// A name as text that is different for different bytes: what is not UTF-8, control characters and the
/// backslash are written as the kernel writes them, `\377`. [`unescape`] gives the bytes back.
pub fn name_text(bytes: &[u8]) -> String {
    let mut name = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character == '\\' {
                let mut utf8 = [0; 4];
                push_escaped(&mut name, character.encode_utf8(&mut utf8).as_bytes());
            } else {
                name.push(character);
            }
        }
        push_escaped(&mut name, chunk.invalid());
    }
    name
}

fn push_escaped(name: &mut String, bytes: &[u8]) {
    for byte in bytes {
        name.push_str(&format!("\\{byte:03o}"));
    }
}

/// The numbers of the mounts that no path leads to, because another was mounted over them or over a
/// directory above them.
pub fn hidden_mounts(mounts: &[Mount]) -> HashSet<u32> {
    let mut children: HashMap<u32, Vec<&Mount>> = HashMap::new();
    for mount in mounts.iter().filter(|mount| mount.parent != mount.id) {
        children.entry(mount.parent).or_default().push(mount);
    }
    let mut hidden = HashSet::new();
    for mount in mounts {
        let on_it = children.get(&mount.id).map(Vec::as_slice).unwrap_or_default();
        // Mounted over the very root of this mount: the mount is hidden, but not what covers it.
        if on_it.iter().any(|child| child.mount_point == mount.mount_point) {
            hidden.insert(mount.id);
        }
        hide_below_later_siblings(on_it, &children, &mut hidden);
    }
    hidden
}

/// A mount made later over a directory above an earlier one takes the earlier one out of reach, with all
/// that is mounted in it.
fn hide_below_later_siblings(
    siblings: &[&Mount],
    children: &HashMap<u32, Vec<&Mount>>,
    hidden: &mut HashSet<u32>,
) {
    // In path order a mount's covers come right before it; zero is lower than any byte of a path.
    let mut ordered: Vec<(Vec<u8>, usize, &Mount)> = siblings
        .iter()
        .enumerate()
        .map(|(position, mount)| (path_key(&mount.mount_point), position, *mount))
        .collect();
    ordered.sort_by(|left, right| left.0.cmp(&right.0).then(right.1.cmp(&left.1)));
    let mut covers: Vec<(&[u8], usize)> = Vec::new();
    for (key, position, mount) in &ordered {
        while covers.last().is_some_and(|(cover, _)| !key.starts_with(cover)) {
            covers.pop();
        }
        if covers.iter().any(|(_, later)| later > position) {
            hide_with_descendants(mount.id, children, hidden);
        }
        covers.push((key, *position));
    }
}

/// Slashes as zero bytes, one at the end, so that `/a` stands before `/a/b` and is no prefix of `/ab`.
fn path_key(path: &[u8]) -> Vec<u8> {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    path.iter()
        .map(|byte| if *byte == b'/' { 0 } else { *byte })
        .chain([0])
        .collect()
}

fn hide_with_descendants(id: u32, children: &HashMap<u32, Vec<&Mount>>, hidden: &mut HashSet<u32>) {
    let mut open = vec![id];
    let mut seen = HashSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            hidden.insert(id);
            open.extend(children.get(&id).into_iter().flatten().map(|child| child.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &[u8]) -> Mount {
        let mounts = parse_mountinfo(line);
        assert_eq!(mounts.len(), 1, "{}", String::from_utf8_lossy(line));
        mounts.into_iter().next().unwrap()
    }

    #[test]
    fn every_field() {
        let mount = one(
            b"36 35 98:0 /mnt1 /mnt/parent\\040two rw,noatime master:1 shared:2 - ext3 /dev/root rw,ro\n",
        );
        assert_eq!(
            mount,
            Mount {
                id: 36,
                parent: 35,
                device: (98, 0),
                root: b"/mnt1".into(),
                mount_point: b"/mnt/parent two".into(),
                options: b"rw,noatime".into(),
                fs_type: b"ext3".into(),
                source: b"/dev/root".into(),
                super_options: b"rw,ro".into(),
            }
        );
        assert!(mount.file_system_is_read_only());
    }

    #[test]
    fn odd_lines() {
        assert_eq!(one(b"1 0 0:5 / /x rw - tmpfs  rw,size=1k").source, b"");
        assert_eq!(one(b"1 0 0:5 / /x rw - tmpfs none").super_options, b"");
        assert_eq!(
            one(b"1 0 0:5 / /x\\011\\012\\134\\043 rw - tmpfs none rw").mount_point,
            b"/x\t\n\\#"
        );
        assert_eq!(
            one(b"1 0 0:5 / /\xff\xfe rw - tmpfs none rw").mount_point,
            b"/\xff\xfe"
        );
        assert!(!one(b"1 0 0:5 / /x rw - tmpfs none rw,errors=ro").is_read_only());
        assert!(one(b"1 0 0:5 / /x nosuid,ro - tmpfs none rw").is_read_only());
        #[track_caller]
        fn check(given: &[u8]) {
            assert_eq!(parse_mountinfo(given), [], "{}", String::from_utf8_lossy(given));
        }
        check(b"");
        check(b"\n\n");
        check(b"1 0 0:5 / /x rw shared:1");
        check(b"1 0 05 / /x rw - tmpfs none rw");
        check(b"99999999999 0 0:5 / /x rw - tmpfs none rw");
        check(b"1 0 0:5 / /x rw - tmpfs");
    }

    #[test]
    fn names_are_told_apart_and_come_back() {
        #[track_caller]
        fn check(bytes: &[u8], name: &str) {
            assert_eq!(name_text(bytes), name);
            assert_eq!(unescape(name.as_bytes()), bytes);
        }
        check(b"/var", "/var");
        check("/données/日本".as_bytes(), "/données/日本");
        check(b"/mnt/\xff", "/mnt/\\377");
        check(b"/mnt/\xfe", "/mnt/\\376");
        check(b"/a\nb\x1b", "/a\\012b\\033");
        check(b"/a\\377", "/a\\134377");
    }

    #[test]
    fn escapes_that_are_none_stay() {
        #[track_caller]
        fn check(given: &[u8], expect: &[u8]) {
            assert_eq!(unescape(given), expect);
        }
        check(b"\\777", b"\\777");
        check(b"\\04", b"\\04");
        check(b"\\0489", b"\\0489");
        check(b"\\\\040", b"\\ ");
        check(b"", b"");
    }

    #[test]
    fn mounts_under_others_are_hidden() {
        #[track_caller]
        fn check(mounts: &[(u32, u32, &str)], expect: &[u32]) {
            let mounts: Vec<Mount> = mounts
                .iter()
                .map(|(id, parent, at)| Mount {
                    id: *id,
                    parent: *parent,
                    mount_point: at.as_bytes().to_vec(),
                    ..Mount::default()
                })
                .collect();
            let mut hidden: Vec<u32> = hidden_mounts(&mounts).into_iter().collect();
            hidden.sort_unstable();
            assert_eq!(hidden, expect);
        }
        check(&[(1, 0, "/"), (2, 1, "/a"), (3, 2, "/a/b")], &[]);
        // Over the root of another mount.
        check(&[(1, 0, "/"), (2, 1, "/a"), (3, 2, "/a")], &[2]);
        // Over the machine's root, with what was mounted there before.
        check(&[(1, 0, "/"), (2, 1, "/a"), (3, 1, "/")], &[1, 2]);
        // Over a directory above, with all inside; the later child of the cover is seen.
        check(
            &[
                (1, 0, "/"),
                (2, 1, "/a/b"),
                (3, 2, "/a/b/c"),
                (4, 1, "/a"),
                (5, 4, "/a/b"),
            ],
            &[2, 3],
        );
        // Mounted first, so not over what came later; a common beginning is no directory above.
        check(&[(1, 0, "/"), (2, 1, "/a"), (3, 1, "/ab"), (4, 1, "/a-b/c")], &[]);
        check(&[(1, 0, "/"), (2, 1, "/ab"), (3, 1, "/a/c"), (4, 1, "/a")], &[3]);
        // A cover further up counts, whatever stands between.
        check(
            &[(1, 0, "/"), (2, 1, "/a/b"), (3, 1, "/a/b/c"), (4, 1, "/a")],
            &[2, 3],
        );
        // Nonsense does not hang.
        check(&[(1, 1, "/"), (2, 3, "/a"), (3, 2, "/b")], &[]);
    }
}
