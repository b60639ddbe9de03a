//! What the two classes below CIM_StorageExtent have in common.

use super::InstanceBuilder;

/// `Access`: it can be read and written.
pub(super) const READ_WRITE: u16 = 3;

/// The unit in which the kernel counts memory and swap space.
const BLOCK_BYTES: u64 = 1024;

/// Sets the size, and what the class would otherwise claim by its defaults.
pub(super) trait SetSize {
    /// Sets block size and counts so that their product is `bytes`.
    #[must_use]
    fn size(self, bytes: Option<u64>) -> Self;
}

impl SetSize for InstanceBuilder {
    fn size(self, bytes: Option<u64>) -> Self {
        let blocks = bytes.map(|bytes| bytes / BLOCK_BYTES);
        self.set("BlockSize", BLOCK_BYTES)
            .maybe("NumberOfBlocks", blocks)
            .maybe("ConsumableBlocks", blocks)
            // zswap and zram compress, and nothing tells by how much.
            .maybe("CompressionRate", None::<u16>)
    }
}
