//! The inside of a string, many bytes at once.

/// Returns the number of bytes at the front of a string's inside that stand for themselves.
///
/// Most strings are short: eight bytes at once, without a call. Behind the first of them, blocks
/// that the compiler can look at in one go.
pub(super) fn plain(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at == SHORT {
            at += blocks(&text[at..]);
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

const SHORT: usize = 32;
const BLOCK: usize = 64;

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Returns the number of bytes in the whole blocks at the front without a special one.
fn blocks(text: &[u8]) -> usize {
    let any = |block: &&[u8]| block.iter().fold(false, |any, &byte| any | is_special(byte));
    text.chunks_exact(BLOCK).take_while(|block| !any(block)).count() * BLOCK
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Bits of which the lowest one is in the first special byte; none where there is none.
///
/// A borrow goes upwards only, so that what is below the first special byte is right.
fn special(word: u64) -> u64 {
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = zero(word ^ (ONES * b'"' as u64));
    let escape = zero(word ^ (ONES * b'\\' as u64));
    (control | quote | escape) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for size in [0, 1, 7, 8, 9, 31, 32, 33, 96, 97, 200] {
            assert_eq!(plain(&vec![b'x'; size]), size);
            for at in 0..size {
                for byte in 0..=255 {
                    let mut text = vec![b'x'; size];
                    text[at] = byte;
                    let expected = if is_special(byte) { at } else { size };
                    assert_eq!(plain(&text), expected, "{byte} at {at} of {size}");
                    // Something special behind it does not matter.
                    if let Some(last) = text.last_mut().filter(|_| at + 1 < size) {
                        *last = b'"';
                        let expected = if is_special(byte) { at } else { size - 1 };
                        assert_eq!(plain(&text), expected, "{byte} at {at} of {size}");
                    }
                }
            }
        }
    }
}
