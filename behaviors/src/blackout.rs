//! Turns connections away.

use chenapan_core::{Behavior, Context, Interest, Verdict, plugin};

plugin! {
    /// Closes every connection as soon as it is accepted.
    ///
    /// The backend is never dialled and no byte passes. The source sees a connection that is
    /// established and then ends in order. Connections that were there before the rule stay.
    pub struct Blackout = "blackout", Upstream {}
}

impl Behavior for Blackout {
    fn on_connect(&mut self, _: &mut Context<'_>) -> Verdict {
        Verdict::Close
    }

    fn interest(&self) -> Interest {
        Interest::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured};

    #[test]
    fn a_connection_is_closed_before_the_dial() {
        let mut blackout = configured::<Blackout>(&[]);
        assert_eq!(Judge::new(1).connect(&mut blackout), Verdict::Close);
    }
}
