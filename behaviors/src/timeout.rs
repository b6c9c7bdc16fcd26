//! Swallows everything, and closes at last.

use chenapan_core::{Behavior, Context, Unit, Verdict, plugin};
use std::time::Duration;

plugin! {
    /// Swallows everything, and closes the connection when it has reached an age.
    ///
    /// Bytes are read and thrown away, so the sender does not have to wait; the end of stream is
    /// swallowed too. The connection is closed at the age `after`, or at once if it is older when
    /// the rule is added; with 0 it stays open for ever.
    pub struct Timeout = "timeout" {
        /// The age of the connection at which to close it; 0 for never.
        after: Duration = like "10s" "0s",
        ;
        over: bool,
    }
}

impl Behavior for Timeout {
    fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
        Verdict::Drop
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        Verdict::Drop
    }

    fn wake(&self) -> Option<Duration> {
        (!self.after.is_zero() && !self.over).then_some(self.after)
    }

    fn on_wake(&mut self, _: &mut Context<'_>) -> Verdict {
        self.over = true;
        Verdict::Close
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured, judge};

    #[test]
    fn everything_is_swallowed_and_the_end_of_stream_too() {
        let mut timeout = configured::<Timeout>(&[]);
        assert_eq!(judge(&mut timeout, b"hello").0, Verdict::Drop);
        assert_eq!(Judge::new(1).eof(&mut timeout), Verdict::Drop);
        assert_eq!(timeout.wake(), None);
    }

    #[test]
    fn it_closes_at_the_age_and_once() {
        let (mut judge, mut timeout) = (Judge::new(1), configured::<Timeout>(&[("after", "3s")]));
        assert_eq!(judge.wake(&mut timeout), Some(Verdict::Close));
        assert_eq!((judge.now, timeout.wake()), (Duration::from_secs(3), None));
    }
}
