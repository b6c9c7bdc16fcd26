//! Passes the end of stream on late.

use chenapan_core::{Behavior, Context, Interest, Verdict, plugin};
use std::time::Duration;

plugin! {
    /// Passes the end of stream on late.
    ///
    /// When one side has closed its half of the connection, the other side is told only after
    /// `delay`. Data is not touched, and neither is a reset.
    pub struct SlowClose = "slow-close" {
        /// Time for which the end of stream is held.
        delay: Duration = "1s",
    }
}

impl Behavior for SlowClose {
    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        Verdict::Delay(self.delay)
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
    fn only_the_end_of_stream_is_late() {
        let mut slow = configured::<SlowClose>(&[("delay", "5s")]);
        assert_eq!(judge(&mut slow, b"hello"), (Verdict::Forward, b"hello".to_vec()));
        assert_eq!(Judge::new(1).eof(&mut slow), Verdict::Delay(Duration::from_secs(5)));
    }
}
