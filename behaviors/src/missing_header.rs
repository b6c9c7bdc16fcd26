//! Loses headers.

use chenapan_core::{Behavior, Context, Interest, Kind, Unit, Verdict, plugin};

plugin! {
    /// Takes the header out; the payload follows as if there had been none.
    pub struct MissingHeader = "missing-header", Upstream {}
}

impl Behavior for MissingHeader {
    fn on_unit(&mut self, unit: &mut Unit, _: &mut Context<'_>) -> Verdict {
        if unit.kind == Kind::Header { Verdict::Drop } else { Verdict::Forward }
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
    fn headers_vanish_and_nothing_else_does() {
        let mut missing = configured::<MissingHeader>(&[]);
        let mut judge = Judge::new(1);
        assert_eq!(judge.unit(&mut missing, letter::header()).0, Verdict::Drop);
        let mut request = letter::header();
        request.kind = Kind::Request;
        assert_eq!(judge.unit(&mut missing, request.clone()), (Verdict::Forward, request));
    }
}
