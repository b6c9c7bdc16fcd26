//! Streams that end without saying so, or whose end means more than its own direction.

use super::Pump;
use super::outflow::Outflow;
use crate::ending::Ending;
use crate::stats::Counter;
use chenapan_core::Direction;
use std::io;

impl Pump {
    /// Looks at how the stream of a sender has ended.
    pub(super) fn note_end(&mut self, direction: Direction) {
        let sender = match direction {
            Direction::Upstream => Some(&self.source),
            Direction::Downstream => self.backend.stream(),
        };
        let Some(sender) = sender else {
            return;
        };
        if sender.was_truncated() {
            self.services.stats.add(Counter::Truncated, 1);
            tracing::warn!(
                proxy = self.services.told_name(),
                connection = self.session.connection().number,
                %direction,
                "TLS has ended without close_notify: somebody may have cut the stream"
            );
        }
        if sender.is_gone() {
            self.depart();
        }
    }

    /// The program that was the backend has ended: what is on its way to it has nowhere to go.
    pub(super) fn depart(&mut self) {
        self.stop_outflow(Direction::Upstream);
        self.session.abandon(Direction::Upstream);
    }

    /// The sender of a direction is gone without an end of its stream.
    pub(super) fn lose(&mut self, direction: Direction, error: &io::Error) {
        tracing::debug!(
            proxy = self.services.told_name(),
            connection = self.session.connection().number,
            %direction,
            %error,
            "the sender is gone"
        );
        if self.both_lost(direction) {
            return;
        }
        self.session.reset(direction, self.now());
        self.outflows[direction].ended = true;
        // What was on its way to it has nowhere to go.
        self.stop_outflow(direction.opposite());
    }

    /// The receiver of a direction takes nothing more. What it said before may still be read.
    pub(super) fn lose_receiver(&mut self, direction: Direction, error: &io::Error) {
        tracing::debug!(
            proxy = self.services.told_name(),
            connection = self.session.connection().number,
            %direction,
            %error,
            "the receiver is gone"
        );
        let gone = direction.opposite();
        if direction == Direction::Upstream && self.backend.is_child() {
            // A program that hears no more, or has ended, has not reset anything: it may still be
            // heard.
            return self.depart();
        }
        if self.both_lost(gone) {
            return;
        }
        self.stop_outflow(direction);
        if self.outflows[gone].ended {
            self.session.reset(gone, self.now());
        } else {
            self.session.abandon(direction);
        }
    }

    /// Notes that the sender of a direction is gone, and ends the connection if both are.
    fn both_lost(&mut self, direction: Direction) -> bool {
        let first = *self.ends.lost.get_or_insert(direction);
        if first != direction {
            Direction::BOTH.into_iter().for_each(|direction| self.stop_outflow(direction));
            self.end(Ending::Lost(first));
        }
        first != direction
    }

    pub(super) fn stop_outflow(&mut self, direction: Direction) {
        let outflow = &mut self.outflows[direction];
        *outflow = Outflow::default();
        outflow.ended = true;
    }
}
