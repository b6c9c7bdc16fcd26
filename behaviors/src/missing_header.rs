//! Loses headers.

use chenapan_core::{Behavior, Context, Interest, Kind, Scope, Unit, Verdict, plugin};

plugin! {
    /// Takes the header out; the payload follows as if there had been none.
    ///
    /// With `only` it takes out units of other kinds, as `drop` does.
    pub struct MissingHeader = "missing-header", Upstream {}
}

impl Behavior for MissingHeader {
    fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
        Verdict::Drop
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Header])
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter;
    use chenapan_core::testing::{Judge, configured};

    #[test]
    fn headers_vanish_and_nothing_else_is_its_business() {
        let mut missing = configured::<MissingHeader>(&[]);
        let mut judge = Judge::new(1);
        assert_eq!(judge.unit(&mut missing, letter::header()).0, Verdict::Drop);
        assert_eq!(missing.scope().kinds, [Kind::Header]);
    }
}
