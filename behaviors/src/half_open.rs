//! Never passes the end of stream on.

use chenapan_core::{Behavior, Context, Interest, Verdict, plugin};

plugin! {
    /// Swallows the end of stream: the other side never sees it.
    ///
    /// When one side has closed its half of the connection, the other side never learns of it: it
    /// sees a silent connection until it gives up or closes its own half. Data is not touched, and
    /// neither is a reset.
    pub struct HalfOpen = "half-open" {}
}

impl Behavior for HalfOpen {
    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        Verdict::Drop
    }

    fn interest(&self) -> Interest {
        Interest::Eof
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured, judge};

    #[test]
    fn only_the_end_of_stream_vanishes() {
        let mut half_open = configured::<HalfOpen>(&[]);
        assert_eq!(judge(&mut half_open, b"hello"), (Verdict::Forward, b"hello".to_vec()));
        assert_eq!(Judge::new(1).eof(&mut half_open), Verdict::Drop);
    }
}
