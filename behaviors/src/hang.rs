//! Stops listening.

use chenapan_core::{Behavior, Context, Unit, Verdict, plugin};

plugin! {
    /// Stops a direction at the first unit: nothing is read or sent any more.
    ///
    /// The connection stays open. The sender fills the buffers on the way and then has to wait, as
    /// with a peer that is stuck. When the rule is removed, or its `window` closes, the unit is
    /// judged again, and everything goes on without a loss.
    pub struct Hang = "hang" {}
}

impl Behavior for Hang {
    fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
        Verdict::Hang
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{configured, judge};

    #[test]
    fn the_unit_is_kept_whole_for_later() {
        let mut hang = configured::<Hang>(&[]);
        assert_eq!(judge(&mut hang, b"hello"), (Verdict::Hang, b"hello".to_vec()));
    }
}
