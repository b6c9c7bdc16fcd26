//! Does nothing.

use chenapan_core::{Behavior, Interest, plugin};

plugin! {
    /// Lets everything pass.
    ///
    /// A place holder: it changes nothing, counts nothing and costs nothing.
    pub struct Dummy = "dummy" {}
}

impl Behavior for Dummy {
    fn interest(&self) -> Interest {
        Interest::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::Verdict;
    use chenapan_core::testing::{Judge, configured, judge};

    #[test]
    fn everything_passes_untouched() {
        let mut dummy = configured::<Dummy>(&[]);
        assert_eq!(judge(&mut dummy, b"hello"), (Verdict::Forward, b"hello".to_vec()));
        assert_eq!(Judge::new(1).connect(&mut dummy), Verdict::Forward);
        assert_eq!(Judge::new(1).eof(&mut dummy), Verdict::Forward);
    }
}
