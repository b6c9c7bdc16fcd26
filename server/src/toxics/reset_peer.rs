//! Resets a connection some time after its first data.

use chenapan_core::{Behavior, Context, Unit, Verdict};
use std::time::Duration;

/// Swallows data from the first on, and resets the connection a time after that; the end of the
/// stream counts as data.
#[derive(Clone, Debug)]
pub(super) struct ResetPeer {
    after: Duration,
    due: Option<Duration>,
    over: bool,
}

impl ResetPeer {
    pub(super) fn new(after: Duration) -> Self {
        Self { after, due: None, over: false }
    }

    fn begin(&mut self, now: Duration) -> Verdict {
        let due = *self.due.get_or_insert(now.saturating_add(self.after));
        match due <= now {
            true => Verdict::Reset,
            false => Verdict::Drop,
        }
    }
}

impl Behavior for ResetPeer {
    fn on_unit(&mut self, _: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        self.begin(cx.now)
    }

    fn on_eof(&mut self, cx: &mut Context<'_>) -> Verdict {
        self.begin(cx.now)
    }

    fn wake(&self) -> Option<Duration> {
        self.due.filter(|_| !self.over)
    }

    fn on_wake(&mut self, _: &mut Context<'_>) -> Verdict {
        self.over = true;
        Verdict::Reset
    }
}
