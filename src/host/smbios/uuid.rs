//! The machine's UUID (DSP0134, 7.2.1), in the two orders in which its bytes are stored.

use std::fmt;

use super::SmbiosVersion;

/// The machine's UUID. SMBIOS 2.6 and later store its first three groups with the lowest byte first; older
/// tables store all bytes as they are displayed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SystemUuid {
    displayed: [u8; 16],
    raw: [u8; 16],
}

impl SystemUuid {
    /// Of the bytes in a table of that version. `None` if they are all 0 (no UUID) or all 255 (not set).
    pub fn from_table(raw: [u8; 16], version: SmbiosVersion) -> Option<Self> {
        if raw == [0; 16] || raw == [0xff; 16] {
            return None;
        }
        let is_swapped = version >= SmbiosVersion { major: 2, minor: 6 };
        let displayed = if is_swapped { swap_first_groups(raw) } else { raw };
        Some(Self { displayed, raw })
    }

    /// Of the text that the kernel displays, where the table itself cannot be read. The raw bytes are those
    /// of SMBIOS 2.6 and later.
    pub fn from_displayed(text: &str) -> Option<Self> {
        let displayed = *::uuid::Uuid::try_parse(text).ok()?.as_bytes();
        (displayed != [0; 16] && displayed != [0xff; 16]).then(|| Self {
            displayed,
            raw: swap_first_groups(displayed),
        })
    }

    /// The bytes as SMBIOS stores them.
    pub fn raw(&self) -> [u8; 16] {
        self.raw
    }

    /// The bytes in the order in which they are displayed.
    pub fn displayed(&self) -> [u8; 16] {
        self.displayed
    }
}

/// As dmidecode(8) displays it, in upper case.
impl fmt::Display for SystemUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.displayed.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

fn swap_first_groups(bytes: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    let mut swapped = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
    if let Some(tail) = swapped.last_chunk_mut::<8>() {
        *tail = rest;
    }
    swapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_that_nobody_set_is_none() {
        let version = SmbiosVersion { major: 3, minor: 0 };
        assert_eq!(SystemUuid::from_table([0; 16], version), None);
        assert_eq!(SystemUuid::from_table([0xff; 16], version), None);
        assert_eq!(SystemUuid::from_displayed("not a uuid"), None);
    }
}
