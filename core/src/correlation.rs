//! Sign by which a reply finds its request.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::LazyLock;

/// An id that a request and its reply share: as it is where that takes at most 15 bytes, else a
/// digest of 16 that nobody outside can foresee.
///
/// ```
/// use chenapan_core::Correlation;
///
/// assert_eq!(Correlation::from(7), Correlation::from(7));
/// assert_eq!(Correlation::of(b"\0\0\0\x07"), Correlation::of(b"\0\0\0\x07"));
/// assert_ne!(Correlation::of(&[0; 100]), Correlation::of(&[0; 101]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Correlation {
    length: u8,
    bytes: [u8; LENGTH],
}

const LENGTH: usize = 16;

/// Keys that make digests differ from those of other processes.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl Correlation {
    /// The id that these bytes are. What is the same id in other bytes (`1` and `1.0`) is for the
    /// protocol to know.
    pub fn of(id: &[u8]) -> Self {
        let mut bytes = [0; LENGTH];
        if id.len() < LENGTH {
            bytes[..id.len()].copy_from_slice(id);
            return Self { length: id.len() as u8, bytes };
        }
        Self { length: LENGTH as u8, bytes: digest(&[id]) }
    }

    /// The id that these bytes are among those of one sort, such as numbers, where ids of different
    /// sorts are never the same.
    pub fn of_sort(sort: u8, id: &[u8]) -> Self {
        Self { length: LENGTH as u8, bytes: digest(&[&[sort], id]) }
    }
}

/// A correlation in 16 bytes that nobody outside can foresee, whatever it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest([u8; LENGTH]);

impl From<Correlation> for Digest {
    fn from(id: Correlation) -> Self {
        match usize::from(id.length) {
            LENGTH => Self(id.bytes),
            length => Self(digest(&[&[length as u8], &id.bytes[..length]])),
        }
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_ne_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// A digest is a hash already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Makes a digest of bytes that come in parts.
fn digest(parts: &[&[u8]]) -> [u8; LENGTH] {
    let mut hasher = KEYS.build_hasher();
    parts.iter().for_each(|part| hasher.write(part));
    let first = hasher.finish();
    hasher.write_u8(0xff);
    let mut bytes = [0; LENGTH];
    bytes[..8].copy_from_slice(&first.to_ne_bytes());
    bytes[8..].copy_from_slice(&hasher.finish().to_ne_bytes());
    bytes
}

impl From<u64> for Correlation {
    fn from(id: u64) -> Self {
        Self::of(&id.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_length_are_told_apart() {
        let text = [b'x'; 40];
        for one in 0..text.len() {
            for other in 0..text.len() {
                let same = Correlation::of(&text[..one]) == Correlation::of(&text[..other]);
                assert_eq!(same, one == other, "{one} {other}");
            }
        }
        assert_ne!(Correlation::of(b""), Correlation::of(b"\0"));
        assert_ne!(Correlation::of(&[0; 16]), Correlation::of(&[1; 16]));
    }
}
