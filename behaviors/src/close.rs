//! Ends a connection in order.

use crate::ending::Ending;
use chenapan_core::{Behavior, Context, Interest, Scope, Size, Step, Unit, Verdict, plugin};
use std::time::Duration;

plugin! {
    /// Closes the connection, after a number of bytes or at an age.
    ///
    /// Both sides see it end in order (FIN), after everything on its way has been sent.
    ///
    /// With `bytes`, exactly that many bytes pass in this direction, however they were cut, and the
    /// connection ends with the last of them. With 0 it ends when the first byte arrives. Only
    /// bytes that reach this rule count. With `after` as well, the earlier of the two ends it.
    ///
    /// Without `bytes` the connection ends at the age `after`, with or without traffic; with 0 that
    /// is as soon as it is established. Until then data flows freely.
    pub struct Close = "close", Downstream {
        /// The age of the connection at which it ends.
        after: Duration = like "30s" "0s",
        /// The number of bytes after which it ends.
        bytes: Option<Size> = "none",
        ;
        ending: Ending,
    }
}

impl Behavior for Close {
    fn on_unit(&mut self, unit: &mut Unit, _: &mut Context<'_>) -> Verdict {
        self.ending.on_unit(unit, self.bytes, Step::Close)
    }

    fn wake(&self) -> Option<Duration> {
        self.ending.wake(self.after, self.bytes)
    }

    fn on_wake(&mut self, _: &mut Context<'_>) -> Verdict {
        self.ending.on_wake(Verdict::Close)
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
        let closed = Some(Step::Close);
        let expected = [("7", "hello w", &closed), ("11", "hello world", &closed)];
        for (bytes, passed, last) in expected.into_iter().chain([("12", "hello world", &None)]) {
            let outcome = at_every_cut::<Close>(&[("bytes", bytes)], b"hello world");
            assert_eq!((&outcome.bytes[..], &outcome.last), (passed.as_bytes(), last));
        }
    }

    #[test]
    fn zero_bytes_end_it_with_the_first() {
        let outcome = at_every_cut::<Close>(&[("bytes", "0")], b"hello");
        assert_eq!((&outcome.bytes[..], outcome.last), (&b""[..], Some(Step::Close)));
        assert_eq!(configured::<Close>(&[("bytes", "0")]).wake(), None);
    }

    #[test]
    fn without_bytes_it_happens_at_the_age_and_once() {
        let (mut judge, mut close) = (Judge::new(1), configured::<Close>(&[("after", "2s")]));
        assert_eq!(close.interest(), Interest::Nothing);
        assert_eq!(judge.data(&mut close, b"hello").0, Verdict::Forward);
        assert_eq!(judge.wake(&mut close), Some(Verdict::Close));
        assert_eq!((judge.now, close.wake()), (Duration::from_secs(2), None));
    }

    #[test]
    fn by_default_it_happens_at_once() {
        let mut close = configured::<Close>(&[]);
        assert_eq!(close.wake(), Some(Duration::ZERO));
        assert_eq!(Judge::new(1).wake(&mut close), Some(Verdict::Close));
    }

    #[test]
    fn with_both_it_is_whichever_comes_first() {
        let both = [("after", "2s"), ("bytes", "100")];
        let mut close = configured::<Close>(&both);
        assert_eq!(Judge::new(1).wake(&mut close), Some(Verdict::Close));
        assert_eq!(at_every_cut::<Close>(&both, &[0; 101]).bytes.len(), 100);
    }
}
