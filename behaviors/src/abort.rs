//! Ends a connection in the middle of an exchange.

use chenapan_core::{Behavior, Context, Step, Unit, Verdict, plugin};

plugin! {
    /// Passes the first unit on and then closes the connection.
    ///
    /// With its default direction the backend gets a request whose answer the source never sees:
    /// both sides see the connection end in order right after it.
    pub struct Abort = "abort", Upstream {}
}

impl Behavior for Abort {
    fn on_unit(&mut self, unit: &mut Unit, _: &mut Context<'_>) -> Verdict {
        Verdict::Play(vec![Step::Send(unit.take()), Step::Close])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{configured, judge};

    #[test]
    fn the_first_unit_passes_whole_and_nothing_follows() {
        let (Verdict::Play(steps), _) = judge(&mut configured::<Abort>(&[]), b"hello") else {
            panic!()
        };
        assert!(matches!(&steps[0], Step::Send(unit) if unit.bytes == "hello"));
        assert_eq!(steps[1..], [Step::Close]);
    }
}
