//! Breaks a connection.

use crate::ending::Ending;
use chenapan_core::{Behavior, Context, Interest, Scope, Size, Step, Unit, Verdict, plugin};
use std::time::Duration;

plugin! {
    /// Resets the connection, after a number of bytes or at an age.
    ///
    /// Both sides see it break (RST). What was on its way is handed to the system first, but the
    /// systems on the way may throw away what the receiver has not read yet: that is what a reset
    /// does.
    ///
    /// With `bytes`, exactly that many bytes pass in this direction, however they were cut, and the
    /// connection ends with the last of them. With 0 it ends when the first byte arrives. Only
    /// bytes that reach this rule count. With `after` as well, the earlier of the two ends it.
    ///
    /// Without `bytes` the connection is reset at the age `after`, with or without traffic; with 0
    /// that is at once: the backend sees a connection that is established and then reset. Until
    /// then data flows freely.
    pub struct Reset = "reset", Downstream {
        /// The age of the connection at which it ends.
        after: Duration = "0s",
        /// The number of bytes after which it ends.
        bytes: Option<Size> = like "1000" "none",
        ;
        ending: Ending,
    }
}

impl Behavior for Reset {
    fn on_unit(&mut self, unit: &mut Unit, _: &mut Context<'_>) -> Verdict {
        self.ending.on_unit(unit, self.bytes, Step::Reset)
    }

    fn wake(&self) -> Option<Duration> {
        self.ending.wake(self.after, self.bytes)
    }

    fn on_wake(&mut self, _: &mut Context<'_>) -> Verdict {
        self.ending.on_wake(Verdict::Reset)
    }

    fn interest(&self) -> Interest {
        self.ending.interest(self.bytes)
    }

    fn scope(&self) -> Scope<'_> {
        Scope::default().bodies(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuts::at_every_cut;
    use chenapan_core::testing::{Judge, configured};

    #[test]
    fn exactly_so_many_bytes_pass_however_they_are_cut() {
        let outcome = at_every_cut::<Reset>(&[("bytes", "7")], b"hello world");
        assert_eq!((&outcome.bytes[..], outcome.last), (&b"hello w"[..], Some(Step::Reset)));
    }

    #[test]
    fn without_bytes_it_happens_at_the_age_and_once() {
        let (mut judge, mut reset) = (Judge::new(1), configured::<Reset>(&[("after", "2s")]));
        assert_eq!(reset.interest(), Interest::Nothing);
        assert_eq!(judge.data(&mut reset, b"hello").0, Verdict::Forward);
        assert_eq!(judge.wake(&mut reset), Some(Verdict::Reset));
        assert_eq!((judge.now, reset.wake()), (Duration::from_secs(2), None));
    }
}
