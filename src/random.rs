//! The one door to random numbers: the kernel's, by its system call alone.
//!
//! Other ways fall back to files under `/dev`, which an empty root folder does not have.

use std::cell::RefCell;
use std::io;

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use uuid::{Builder, Uuid};

/// Fills the buffer.
///
/// # Errors
/// If the kernel has no such call (before Linux 3.17), or a filter of system calls forbids it.
pub fn fill(mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match getrandom(&mut *buffer, GetRandomFlags::empty()) {
            Ok(filled) => buffer = buffer.get_mut(filled..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// So many random bytes.
///
/// # Errors
/// As [`fill`].
pub fn bytes<const COUNT: usize>() -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// A new random UUID (RFC 9562 §5.4).
pub fn uuid() -> Uuid {
    Builder::from_random_bytes(few_bytes()).into_uuid()
}

/// A new random UUID for what is told to everybody, like the name of a message: the kernel is asked once for sixteen of
/// them.
pub fn public_uuid() -> Uuid {
    thread_local! {
        static SUPPLY: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
    }
    let random = SUPPLY.with_borrow_mut(|supply| {
        if supply.is_empty() {
            supply.extend(few_bytes::<256>().as_chunks().0);
        }
        supply.pop()
    });
    random.map_or_else(uuid, |random| Builder::from_random_bytes(random).into_uuid())
}

fn few_bytes<const COUNT: usize>() -> [u8; COUNT] {
    #[allow(
        clippy::expect_used,
        reason = "every process asks for a key at its start and ends if there is none; \
                  getrandom(2) that has worked once does not fail for up to 256 bytes"
    )]
    bytes().expect("the kernel has random numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_twice_and_nothing_is_left_empty() {
        assert_ne!(bytes::<32>().unwrap(), bytes::<32>().unwrap());
        // More than one call of the kernel gives at once when it is interrupted.
        let mut long = vec![0; 1 << 16];
        fill(&mut long).unwrap();
        assert!(long.chunks(32).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
        fill(&mut []).unwrap();
    }

    #[test]
    fn a_uuid_is_one_of_version_4() {
        let (one, two) = (uuid(), uuid());
        assert_ne!(one, two);
        assert_eq!(one.get_version_num(), 4);
        assert_eq!(one.get_variant(), uuid::Variant::RFC4122);
    }

    #[test]
    fn no_uuid_comes_twice() {
        let uuids: std::collections::HashSet<Uuid> = (0..100).flat_map(|_| [uuid(), public_uuid()]).collect();
        assert_eq!(uuids.len(), 200);
        assert!(uuids.iter().all(|uuid| uuid.get_version_num() == 4));
    }
}
