//! Loses units.

use chenapan_core::{Behavior, Context, Unit, Verdict, plugin};

plugin! {
    /// Drops every unit.
    ///
    /// Nothing is sent in its place, and the end of stream still passes. Over plain TCP a unit is
    /// whatever one read returned, so this loses arbitrary pieces of a stream; with a protocol that
    /// knows messages it loses whole messages. If replies are correlated by their order (HTTP/1.1,
    /// RESP), a lost request or reply shifts all later replies of its connection: a client with
    /// several requests in flight takes each reply for that of the call before. If replies have
    /// ids, only that call is lost.
    pub struct DropUnits = "drop" {}
}

impl Behavior for DropUnits {
    fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
        Verdict::Drop
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured, judge};

    #[test]
    fn units_vanish_and_the_end_of_stream_does_not() {
        let mut drop = configured::<DropUnits>(&[]);
        assert_eq!(judge(&mut drop, b"hello").0, Verdict::Drop);
        assert_eq!(Judge::new(1).eof(&mut drop), Verdict::Forward);
    }
}
