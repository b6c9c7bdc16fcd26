//! Answers with errors for a while.

use crate::failure::{Failure, Seen};
use chenapan_core::{Behavior, Context, Interest, Unit, Verdict, plugin};

plugin! {
    /// Answers some units with an error, and passes all later ones.
    ///
    /// The first `warmup` units pass, the next `agitate` units fail as with `error`, and all later
    /// ones pass. It counts the units of all connections together, in the order in
    /// which they come, from the start of the rule: a client that connects again after an error gets
    /// good replies.
    pub struct Transient = "transient", Upstream {
        /// Number of units that fail.
        agitate: u64 = "1",
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

impl Behavior for Transient {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let number = self.seen.next();
        if number < self.warmup || number - self.warmup >= self.agitate {
            return Verdict::Forward;
        }
        let Self { inject, code, ref message, .. } = *self;
        Failure::new(inject, code, message).strike(unit, cx)
    }

    fn interest(&self) -> Interest {
        let well = self.seen.total() >= self.warmup.saturating_add(self.agitate);
        if well { Interest::Nothing } else { Interest::Everything }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured};

    fn lengths(options: &[(&str, &str)]) -> Vec<usize> {
        let (mut judge, mut transient) = (Judge::new(1), configured::<Transient>(options));
        (0..6).map(|_| judge.data(&mut transient, b"hello").1.bytes.len()).collect()
    }

    #[test]
    fn it_is_well_then_ill_then_well_for_good() {
        let options = [("warmup", "1"), ("agitate", "2"), ("inject", "yes")];
        assert_eq!(lengths(&options), [5, 105, 105, 5, 5, 5]);
    }

    #[test]
    fn what_failed_on_one_connection_is_well_on_the_next() {
        let mut first = configured::<Transient>(&[]);
        let mut second = first.clone();
        assert!(matches!(Judge::new(1).data(&mut first, b"hello").0, Verdict::Play(_)));
        assert_eq!(Judge::new(1).data(&mut second, b"hello").0, Verdict::Forward);
    }

    #[test]
    fn by_default_the_first_unit_fails() {
        assert_eq!(lengths(&[("inject", "yes")]), [105, 5, 5, 5, 5, 5]);
        let mut transient = configured::<Transient>(&[]);
        assert!(matches!(Judge::new(1).data(&mut transient, b"hello").0, Verdict::Play(_)));
    }

    #[test]
    fn once_well_it_asks_for_nothing() {
        let (mut judge, mut transient) = (Judge::new(1), configured(&[("warmup", "1")]));
        let transient: &mut Transient = &mut transient;
        for expected in [Interest::Everything, Interest::Everything, Interest::Nothing] {
            assert_eq!(transient.interest(), expected);
            let _ = judge.data(transient, b"hello");
        }
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let mut transient = configured::<Transient>(&[]);
        (transient.warmup, transient.agitate) = (u64::MAX, u64::MAX);
        assert_eq!(transient.interest(), Interest::Everything);
        assert_eq!(Judge::new(1).data(&mut transient, b"hello").0, Verdict::Forward);
    }
}
