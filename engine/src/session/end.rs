//! End of a session: who is told of it.

use super::{Call, Panic, Session, caught};
use chenapan_core::{Direction, End, Pending};
use std::time::Duration;

impl Session {
    /// A plug-in has panicked: says so in the journal. Nothing else may be asked of the session then.
    pub fn panicked(&mut self, panic: &Panic, now: Duration) {
        let Call { facts, record, .. } = &mut self.call;
        record.events.entries.push(panic.entry(facts.connection.number, now));
    }

    /// The connection has ended, however: tells the rules, then the protocol. Returns the first
    /// panic of a plug-in meanwhile.
    pub fn closed(&mut self, end: End, now: Duration) -> Option<Panic> {
        let first = self.end(end, now);
        let facts = &mut self.call.facts;
        let closed = caught(|| {
            facts.audits("ended", |audit| audit.ended());
            facts.audits("pending", |audit| audit.pending().map(Pending::close)).flatten()
        });
        self.call.record.ledger.close(closed.as_ref().ok().copied().flatten());
        let second = closed.err();
        if let Some(panic) = &second {
            self.panicked(panic, now);
        }
        first.or(second)
    }

    /// Tells each instance of a rule its end, also where another one panics.
    fn end(&mut self, end: End, now: Duration) -> Option<Panic> {
        let mut first = None;
        self.call.now = now;
        for direction in Direction::BOTH {
            let lane = &mut self.lanes[direction];
            let offset = lane.intake.offset;
            for mut slot in lane.take_slots() {
                let call = &mut self.call;
                if let Err(panic) = caught(|| slot.end(end, direction, offset, call)) {
                    self.panicked(&panic, now);
                    first.get_or_insert(panic);
                }
            }
        }
        first
    }
}

impl Drop for Session {
    /// A session that nobody has closed has ended all the same.
    fn drop(&mut self) {
        self.end(End::Stopped, self.call.now);
    }
}
