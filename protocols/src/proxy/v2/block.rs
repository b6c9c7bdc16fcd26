//! The bytes behind the fixed ones, as they are on the wire: inside the header where they are few.
//!
//! It knows nothing of what they mean.

use std::fmt;
use std::ops::Deref;

/// Bytes, allocated only where they are many.
#[derive(Clone)]
pub(super) enum Block {
    /// The addresses of IP and a checksum, at most an id besides.
    Few([u8; MOST], u8),
    Many(Box<[u8]>),
}

const MOST: usize = 54;

impl From<&[u8]> for Block {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        let mut few = [0; MOST];
        match few.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Block::Few(few, bytes.len() as u8)
            }
            None => Block::Many(bytes.into()),
        }
    }
}

impl Deref for Block {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Block::Few(bytes, count) => &bytes[..usize::from(*count)],
            Block::Many(bytes) => bytes,
        }
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Block {}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}
