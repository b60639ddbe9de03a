//! Swap areas from `/proc/swaps`.

use super::memory::percent;
use super::mounts::unescape;
use super::text;

/// What a swap area lies on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SwapKind {
    /// A block device or partition of its own.
    Partition,
    /// A file in a file system.
    File,
}

/// One swap area.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SwapArea {
    /// Where it lies, as raw bytes.
    pub path: Vec<u8>,
    /// What it lies on, if the kernel named a kind that is known here.
    pub kind: Option<SwapKind>,
    /// Its size in bytes.
    pub total_bytes: u64,
    /// How much of it is in use, in bytes.
    pub used_bytes: u64,
    /// Areas of higher priority are filled first.
    pub priority: Option<i64>,
}

impl SwapArea {
    /// Its path, with what is not UTF-8 shown as U+FFFD.
    pub fn path_text(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }

    /// How much of it is in use.
    pub fn used_percent(&self) -> Option<f64> {
        percent(self.used_bytes, self.total_bytes)
    }
}

/// Reads the text of `/proc/swaps`: a heading, then one line for each area with sizes in units of 1024 bytes.
pub fn parse_swaps(swaps: &[u8]) -> Vec<SwapArea> {
    text::lines(swaps).skip(1).filter_map(area).collect()
}

fn area(line: &[u8]) -> Option<SwapArea> {
    let mut words = text::words(line);
    let path = unescape(words.next()?);
    let kind = match words.next()? {
        b"partition" => Some(SwapKind::Partition),
        b"file" => Some(SwapKind::File),
        _ => None,
    };
    let total_bytes = text::number(words.next()?)?.checked_mul(1024)?;
    let used_bytes = text::number(words.next()?)?.checked_mul(1024)?;
    let priority = words.next().and_then(text::signed);
    Some(SwapArea {
        path,
        kind,
        total_bytes,
        used_bytes,
        priority,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_of_each_kind() {
        let areas = parse_swaps(
            b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
              /dev/dm-1                               partition\t2097148\t\t1024\t\t-2\n\
              /swap\\040file                           file\t\t1024\t\t512\t\t5\n\
              /dev/\xff                               novel\t\t1024\t\t0\t\t0\n",
        );
        let brief: Vec<_> = areas
            .iter()
            .map(|area| (area.path_text(), area.kind, area.used_bytes, area.priority))
            .collect();
        assert_eq!(
            brief,
            [
                (
                    "/dev/dm-1".into(),
                    Some(SwapKind::Partition),
                    1024 * 1024,
                    Some(-2)
                ),
                ("/swap file".into(), Some(SwapKind::File), 512 * 1024, Some(5)),
                ("/dev/\u{fffd}".into(), None, 0, Some(0)),
            ]
        );
        assert_eq!(areas[1].used_percent(), Some(50.0));
        assert_eq!(areas[0].total_bytes, 2_097_148 * 1024);
    }

    #[test]
    fn none_and_nonsense() {
        #[track_caller]
        fn check(given: &[u8]) {
            assert_eq!(parse_swaps(given), []);
        }
        check(b"");
        check(b"Filename\tType\tSize\tUsed\tPriority\n");
        check(b"Filename\n/dev/sda2 partition\n");
        check(b"Filename\n/dev/sda2 partition 18446744073709551615 0 0\n");
    }
}
