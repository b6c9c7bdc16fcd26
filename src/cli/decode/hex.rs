//! Lines of hexadecimal digits, read one at a time.
//!
//! It never holds more than one line, and of that no more than the limit.

use std::io::{self, BufRead, BufReader, Read};

/// The most characters in a line: the longest header several times over.
const LONGEST: u64 = 1 << 20;

/// Lines that stand for bytes.
pub(super) struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: BufReader<R>) -> Self {
        Self { input, line: Vec::new(), number: 0 }
    }

    /// Decodes the next line into `bytes`. Returns a message if it is not hex, and none at the end.
    /// Empty lines are skipped.
    pub(super) fn next(&mut self, bytes: &mut Vec<u8>) -> io::Result<Option<Result<(), String>>> {
        loop {
            self.line.clear();
            let mut input = (&mut self.input).take(LONGEST + 1);
            if input.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.line.len() as u64 > LONGEST && !self.line.ends_with(b"\n") {
                self.input.skip_until(b'\n')?;
                return Ok(Some(Err(format!("more than {LONGEST} characters are too many"))));
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some(decode(&self.line, bytes)));
            }
        }
    }

    /// The number of the line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns `true` if the next line has to be waited for.
    pub(super) fn must_wait(&self) -> bool {
        !self.input.buffer().contains(&b'\n')
    }
}

fn decode(line: &[u8], bytes: &mut Vec<u8>) -> Result<(), String> {
    bytes.clear();
    let mut high = None;
    for (place, &character) in line.iter().enumerate() {
        let Some(digit) = digit(character) else {
            if character.is_ascii_whitespace() {
                continue;
            }
            let shown = character.escape_ascii();
            return Err(format!("\"{shown}\" in column {} is no hexadecimal digit", place + 1));
        };
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    match high {
        None => Ok(()),
        Some(_) => Err("the number of hexadecimal digits is odd".to_owned()),
    }
}

fn digit(character: u8) -> Option<u8> {
    Some(match character {
        b'0'..=b'9' => character - b'0',
        b'a'..=b'f' => character - b'a' + 10,
        b'A'..=b'F' => character - b'A' + 10,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<Vec<u8>, String>)> {
        let mut lines = Lines::new(BufReader::with_capacity(7, text));
        let mut bytes = Vec::new();
        let mut all = Vec::new();
        while let Some(line) = lines.next(&mut bytes).unwrap() {
            all.push((lines.number(), line.map(|()| bytes.clone())));
        }
        all
    }

    #[test]
    fn lines_are_bytes_whatever_space_is_between() {
        let expected = [(1, Ok(vec![0x0d, 0x0a])), (4, Ok(vec![0xff])), (5, Ok(vec![0x10]))];
        assert_eq!(read(b" 0d0A\r\n\n  \nf F\n10"), expected);
        assert_eq!(read(b""), []);
    }

    #[test]
    fn a_wrong_line_leaves_the_next_alone() {
        let long = [&b"00"[..], &vec![b' '; LONGEST as usize], b"\n11\n0x\n1\n\xff\n"].concat();
        let shown: Vec<_> = read(&long).into_iter().map(|(_, line)| line).collect();
        let expected = [
            Err("more than 1048576 characters are too many".to_owned()),
            Ok(vec![0x11]),
            Err("\"x\" in column 2 is no hexadecimal digit".to_owned()),
            Err("the number of hexadecimal digits is odd".to_owned()),
            Err("\"\\xff\" in column 1 is no hexadecimal digit".to_owned()),
        ];
        assert_eq!(shown, expected);
        let just = [&vec![b' '; LONGEST as usize - 2][..], b"11\n22"].concat();
        assert_eq!(read(&just).len(), 2);
    }
}
