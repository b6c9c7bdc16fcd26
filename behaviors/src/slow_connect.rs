//! Makes the backend hard to reach.

use chenapan_core::{Behavior, Context, Interest, Step, Verdict, plugin};
use std::time::Duration;

plugin! {
    /// Connects to the backend late, or not at all.
    ///
    /// The source is connected to the proxy already; the backend is dialled only after `delay`,
    /// and until then nothing passes either way. With `refuse` the backend is not dialled: after
    /// `delay` the source's connection is reset, as if nobody listened there.
    pub struct SlowConnect = "slow-connect", Upstream {
        /// Time before the dial, or before the reset.
        delay: Duration = "1s",
        /// Resets the connection instead of dialling.
        refuse: bool = "no",
    }
}

impl Behavior for SlowConnect {
    fn on_connect(&mut self, _: &mut Context<'_>) -> Verdict {
        if self.refuse {
            return Verdict::Play(vec![Step::Wait(self.delay), Step::Reset]);
        }
        Verdict::Delay(self.delay)
    }

    fn interest(&self) -> Interest {
        Interest::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_dial_waits() {
        let mut slow = configured::<SlowConnect>(&[]);
        assert_eq!(Judge::new(1).connect(&mut slow), Verdict::Delay(SECOND));
    }

    #[test]
    fn a_refused_connection_is_reset_after_the_wait() {
        let mut slow = configured::<SlowConnect>(&[("refuse", "yes")]);
        let verdict = Verdict::Play(vec![Step::Wait(SECOND), Step::Reset]);
        assert_eq!(Judge::new(1).connect(&mut slow), verdict);
    }
}
