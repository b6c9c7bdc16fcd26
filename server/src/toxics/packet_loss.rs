//! Loses pieces of the stream, in bursts.

use chenapan_core::{Behavior, Context, Unit, Verdict};

/// Drops each piece with a probability, which is higher behind a piece that was dropped.
#[derive(Clone, Debug)]
pub(super) struct PacketLoss {
    loss: f64,
    correlation: f64,
    dropped: bool,
}

impl PacketLoss {
    pub(super) fn new(loss: f64, correlation: f64) -> Self {
        Self { loss, correlation, dropped: false }
    }
}

impl Behavior for PacketLoss {
    fn on_unit(&mut self, _: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let more = if self.dropped { self.correlation } else { 0.0 };
        self.dropped = cx.dice.chance((self.loss + more).min(1.0));
        if self.dropped { Verdict::Drop } else { Verdict::Forward }
    }
}
