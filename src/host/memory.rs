//! Physical memory, swap and commit figures from `/proc/meminfo`.

use super::text;

/// The figures of `/proc/meminfo` that this agent serves, in bytes. A line that the kernel does not print
/// is `None`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Memory {
    /// Memory that the kernel has at its disposal.
    pub total_bytes: Option<u64>,
    /// Memory that nothing uses.
    pub free_bytes: Option<u64>,
    /// Memory that can be had without swapping: what is free and what can be taken back from caches.
    pub available_bytes: Option<u64>,
    /// Memory in block device buffers.
    pub buffers_bytes: Option<u64>,
    /// Memory in the page cache.
    pub cached_bytes: Option<u64>,
    /// Kernel memory that can be taken back.
    pub reclaimable_bytes: Option<u64>,
    /// Memory in tmpfs and shared segments.
    pub shared_bytes: Option<u64>,
    /// Swap space there is; 0 without swap.
    pub swap_total_bytes: Option<u64>,
    /// Swap space that nothing uses.
    pub swap_free_bytes: Option<u64>,
    /// Most memory that may be promised, as far as the kernel is told to limit it.
    pub commit_limit_bytes: Option<u64>,
    /// Memory that is promised.
    pub committed_bytes: Option<u64>,
}

impl Memory {
    /// Memory in use, caches counted: total − free.
    pub fn used_bytes(&self) -> Option<u64> {
        Some(self.total_bytes?.saturating_sub(self.free_bytes?))
    }

    /// [`Self::used_bytes`] of the total.
    pub fn used_percent(&self) -> Option<f64> {
        percent(self.used_bytes()?, self.total_bytes?)
    }

    /// Memory that cannot be had without swapping: total − available.
    pub fn in_use_bytes(&self) -> Option<u64> {
        Some(self.total_bytes?.saturating_sub(self.available_bytes?))
    }

    /// [`Self::in_use_bytes`] of the total.
    pub fn in_use_percent(&self) -> Option<f64> {
        percent(self.in_use_bytes()?, self.total_bytes?)
    }

    /// Swap space in use.
    pub fn swap_used_bytes(&self) -> Option<u64> {
        Some(self.swap_total_bytes?.saturating_sub(self.swap_free_bytes?))
    }

    /// [`Self::swap_used_bytes`] of the swap there is; `None` without swap.
    pub fn swap_used_percent(&self) -> Option<f64> {
        percent(self.swap_used_bytes()?, self.swap_total_bytes?)
    }

    /// Virtual memory: physical memory and swap together.
    pub fn virtual_total_bytes(&self) -> Option<u64> {
        Some(self.total_bytes?.saturating_add(self.swap_total_bytes?))
    }

    /// Virtual memory in use, caches counted: (total − free) + (swap total − swap free).
    pub fn virtual_used_bytes(&self) -> Option<u64> {
        Some(self.used_bytes()?.saturating_add(self.swap_used_bytes()?))
    }

    /// Virtual memory that nothing uses.
    pub fn virtual_free_bytes(&self) -> Option<u64> {
        Some(
            self.virtual_total_bytes()?
                .saturating_sub(self.virtual_used_bytes()?),
        )
    }

    /// [`Self::virtual_used_bytes`] of all virtual memory.
    pub fn virtual_used_percent(&self) -> Option<f64> {
        percent(self.virtual_used_bytes()?, self.virtual_total_bytes()?)
    }

    /// Virtual memory that cannot be had: (total − available) + (swap total − swap free), of all virtual
    /// memory.
    pub fn virtual_in_use_percent(&self) -> Option<f64> {
        let in_use = self.in_use_bytes()?.saturating_add(self.swap_used_bytes()?);
        percent(in_use, self.virtual_total_bytes()?)
    }
}

/// `part` of `whole` in percent; `None` if there is no whole.
pub(super) fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole != 0).then(|| part as f64 * 100.0 / whole as f64)
}

/// Reads the text of `/proc/meminfo`. Kernels older than 3.14 do not print `MemAvailable`: it is then what
/// is free, the page cache and the memory that the kernel can take back, less what is shared.
pub fn parse_meminfo(meminfo: &[u8]) -> Memory {
    let mut memory = Memory::default();
    for (key, value) in text::lines(meminfo).filter_map(|line| text::key_value(line, b':')) {
        let place = match key {
            b"MemTotal" => &mut memory.total_bytes,
            b"MemFree" => &mut memory.free_bytes,
            b"MemAvailable" => &mut memory.available_bytes,
            b"Buffers" => &mut memory.buffers_bytes,
            b"Cached" => &mut memory.cached_bytes,
            b"SReclaimable" => &mut memory.reclaimable_bytes,
            b"Shmem" => &mut memory.shared_bytes,
            b"SwapTotal" => &mut memory.swap_total_bytes,
            b"SwapFree" => &mut memory.swap_free_bytes,
            b"CommitLimit" => &mut memory.commit_limit_bytes,
            b"Committed_AS" => &mut memory.committed_bytes,
            _ => continue,
        };
        *place = bytes(value);
    }
    if memory.available_bytes.is_none() {
        memory.available_bytes = estimate_available(&memory);
    }
    memory
}

fn bytes(value: &[u8]) -> Option<u64> {
    let mut words = text::words(value);
    let count = text::number(words.next()?)?;
    match words.next() {
        Some(b"kB") => count.checked_mul(1024),
        None => Some(count),
        Some(_) => None,
    }
}

fn estimate_available(memory: &Memory) -> Option<u64> {
    let caches = memory
        .cached_bytes?
        .saturating_add(memory.reclaimable_bytes.unwrap_or(0));
    let kept = memory.shared_bytes.unwrap_or(0);
    Some(
        memory
            .free_bytes?
            .saturating_add(caches.saturating_sub(kept))
            .min(memory.total_bytes?),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formulas() {
        let memory = parse_meminfo(
            b"MemTotal:        1000 kB\nMemFree:          200 kB\nMemAvailable:     600 kB\nBuffers: 10 kB\n\
              Cached: 300 kB\nSwapTotal:        1000 kB\nSwapFree:         900 kB\nCommitLimit: 1500 kB\n\
              Committed_AS: 700 kB\nHugePages_Total:       0\n",
        );
        assert_eq!(memory.used_bytes(), Some(800 * 1024));
        assert_eq!(memory.used_percent(), Some(80.0));
        assert_eq!(memory.in_use_percent(), Some(40.0));
        assert_eq!(memory.swap_used_bytes(), Some(100 * 1024));
        assert_eq!(memory.swap_used_percent(), Some(10.0));
        assert_eq!(memory.virtual_total_bytes(), Some(2000 * 1024));
        assert_eq!(memory.virtual_used_bytes(), Some(900 * 1024));
        assert_eq!(memory.virtual_used_percent(), Some(45.0));
        assert_eq!(memory.virtual_in_use_percent(), Some(25.0));
        assert_eq!(memory.committed_bytes, Some(700 * 1024));
    }

    #[test]
    fn without_swap_its_percentage_is_not_known() {
        let memory = parse_meminfo(
            b"MemTotal: 10 kB\nMemFree: 5 kB\nMemAvailable: 5 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
        );
        assert_eq!(memory.swap_total_bytes, Some(0));
        assert_eq!(memory.swap_used_percent(), None);
        assert_eq!(memory.virtual_in_use_percent(), Some(50.0));
    }

    #[test]
    fn old_kernels_and_odd_texts() {
        #[track_caller]
        fn check(given: &[u8], total: Option<u64>, available: Option<u64>) {
            let memory = parse_meminfo(given);
            assert_eq!((memory.total_bytes, memory.available_bytes), (total, available));
        }
        check(
            b"MemTotal: 100 kB\nMemFree: 10 kB\nCached: 30 kB\nShmem: 5 kB\n",
            Some(102_400),
            Some(35 * 1024),
        );
        check(b"MemTotal: 100 kB\nMemFree: 10 kB\n", Some(102_400), None);
        check(b"MemTotal: 18446744073709551615 kB\n", None, None);
        check(b"MemTotal: many kB\nMemTotal\n:\n\xff\xfe: 1\n", None, None);
        check(b"", None, None);
    }
}
