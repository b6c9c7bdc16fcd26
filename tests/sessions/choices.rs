//! Choices that are taken from bytes, so that whoever makes the bytes decides: proptest, which makes
//! them smaller, or libFuzzer, which changes them.

/// Rest of the bytes. Once it is empty, each choice is the first of those there are.
pub(super) struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.rest.split_off_first().copied().unwrap_or_default()
    }

    /// A number below another one, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let choice = match end {
            0..=256 => usize::from(self.byte()),
            _ => usize::from(self.byte()) << 8 | usize::from(self.byte()),
        };
        choice % end
    }

    pub(super) fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == number - 1
    }

    pub(super) fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    /// Bytes that look random.
    pub(super) fn noise(&mut self, length: usize) -> Vec<u8> {
        let mut state = u32::from(self.byte()) + 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as u8
        };
        (0..length).map(|_| next()).collect()
    }
}
