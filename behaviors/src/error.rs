//! Answers with errors.

use crate::failure::{Failure, Seen};
use chenapan_core::{Behavior, Context, Unit, Verdict, plugin};

plugin! {
    /// Answers units with an error instead of passing them on.
    ///
    /// The protocol makes the error (an HTTP status, a JSON-RPC error object ...). The unit never
    /// reaches its receiver, and the connection goes on. If the protocol has no errors, as with
    /// plain TCP, the answer is 1000 random bytes, and the connection is closed.
    ///
    /// With `inject` the sender gets no answer. Instead, 100 random bytes are put into the middle
    /// of the unit, and the receiver has to cope with them.
    ///
    /// `warmup` counts the units of all connections together, in the order in which they come.
    pub struct Error = "error", Upstream {
        /// Puts noise into the unit instead of answering it.
        inject: bool = "no",
        /// Number of units that pass before the first error.
        warmup: u64 = "0",
        /// The protocol's error code; by default the protocol chooses one.
        code: Option<i64> = "none",
        /// The error's text; by default the protocol chooses one.
        message: String = "",
        ;
        seen: Seen,
    }
}

impl Behavior for Error {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if self.seen.total() < self.warmup && self.seen.next() < self.warmup {
            return Verdict::Forward;
        }
        let Self { inject, code, ref message, .. } = *self;
        Failure { inject, code, message }.strike(unit, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::Step;
    use chenapan_core::testing::{Judge, configured, judge};

    #[test]
    fn plain_bytes_are_answered_with_noise_and_the_connection_closes() {
        let (Verdict::Play(steps), _) = judge(&mut configured::<Error>(&[]), b"hello") else {
            panic!()
        };
        assert!(matches!(&steps[..], [Step::Reply(noise), Step::Close] if noise.len() == 1_000));
    }

    #[test]
    fn injected_noise_goes_on_with_the_unit() {
        let mut error = configured::<Error>(&[("inject", "yes")]);
        let (verdict, bytes) = judge(&mut error, b"hello");
        assert_eq!((verdict, bytes.len()), (Verdict::Forward, 105));
    }

    #[test]
    fn the_warmup_is_one_for_all_connections() {
        let mut first = configured::<Error>(&[("warmup", "1")]);
        let mut second = first.clone();
        assert_eq!(judge(&mut first, b"hello").0, Verdict::Forward);
        assert!(matches!(judge(&mut second, b"hello").0, Verdict::Play(_)));
    }

    #[test]
    fn the_warmup_passes_untouched() {
        let (mut judge, mut error) = (Judge::new(1), configured::<Error>(&[("warmup", "2")]));
        for _ in 0..2 {
            let (verdict, unit) = judge.data(&mut error, b"hello");
            assert_eq!((verdict, &unit.bytes[..]), (Verdict::Forward, &b"hello"[..]));
        }
        for _ in 0..2 {
            assert!(matches!(judge.data(&mut error, b"hello").0, Verdict::Play(_)));
        }
    }
}
