//! What the kernel tells about this machine.
