//! Units of the input: cut by the protocol, or opaque.

use super::{Facts, Lane, Record, Refused};
use crate::journal::Entry;
use crate::session::Refusal;
use crate::session::link::Link;
use crate::session::queue::{Item, Joint};
use bytes::{Buf, BytesMut};
use chenapan_core::{Direction, Handled, Kind, Malformed, Remedy, Unit};
use std::borrow::Cow;
use std::time::Duration;

/// Opaque bytes are shown to rules in units of at most this many: what a rule makes of one unit
/// (a piece per byte, say) then stays small beside the buffer.
const OPAQUE_UNIT: usize = 16 * 1024;

impl Lane {
    /// Asks the protocol whether there is anything to cut in this direction at all.
    pub(in crate::session) fn begin(
        &mut self,
        facts: &mut Facts,
        record: &mut Record,
        now: Duration,
    ) {
        self.begun = Some(now);
        let direction = self.direction;
        let none = &mut BytesMut::new();
        match facts.asks("handle", |protocol| protocol.handle(direction, none)) {
            Ok(handled) => {
                self.opaque = handled == Handled::Opaque;
                self.holding = handled == Handled::Hold;
            }
            Err(error) => self.malformed(&error, facts, record, now),
        }
    }

    /// Bytes were added to the input.
    pub(in crate::session) fn arrived(&mut self, now: Duration) {
        let (end, last) = self.come;
        // Bytes that went by unseen moved the offset on.
        self.pause = (end.max(self.offset), now.saturating_sub(last));
        self.come = (self.offset + self.input.len() as u64, now);
    }

    /// Takes the next unit off the input.
    pub(super) fn cut(
        &mut self,
        facts: &mut Facts,
        record: &mut Record,
        now: Duration,
    ) -> Option<Unit> {
        while !self.opaque {
            // What waited for the other direction goes nowhere when that is refused.
            if record.refusal.is_some() {
                self.input.clear();
                self.ahead = 0;
            }
            if self.input.is_empty() {
                return None;
            }
            let before = self.input.len();
            facts.protocol.at(now);
            let watched = self.ahead == 0 && self.is_watched(now);
            facts.protocol.watched(self.direction, watched);
            let (direction, input) = (self.direction, &mut self.input);
            let mut handled = facts.asks("handle", |protocol| protocol.handle(direction, input));
            if self.ended && matches!(handled, Ok(Handled::Incomplete(_))) {
                let input = &mut self.input;
                handled = facts.asks("end", |protocol| protocol.end(direction, input));
            }
            self.holding = handled == Ok(Handled::Hold);
            while let Some(note) = facts.protocol.noted() {
                self.note(note, facts, record, now);
            }
            let start = self.offset;
            let consumed = before.saturating_sub(self.input.len());
            self.offset += consumed as u64;
            match handled {
                Ok(Handled::Unit(mut unit)) if self.ahead > 0 && consumed > 0 => {
                    unit.offset = start;
                    self.follow(unit, consumed, facts, record, now);
                }
                // A unit that takes nothing off the input would come again for ever.
                Ok(Handled::Unit(mut unit)) if consumed > 0 => {
                    unit.offset = start;
                    return Some(unit);
                }
                Ok(Handled::Unit(_) | Handled::Opaque) => self.opaque = true,
                Ok(Handled::Hold) => return None,
                Ok(Handled::Incomplete(_)) => {
                    let (fault, what) = match () {
                        () if self.ended => {
                            (Refused::Ended(self.direction), "end of stream inside a unit")
                        }
                        () if self.input.len() >= facts.most() => {
                            (Refused::Wrong, "unit larger than the buffer")
                        }
                        () => {
                            self.stream(facts, record, now);
                            return None;
                        }
                    };
                    let remedy = facts.protocol.give_up(self.direction);
                    self.give_up((fault, what.into()), remedy, facts, record, now);
                }
                Err(error) => self.malformed(&error, facts, record, now),
            }
        }
        self.offset += self.ahead as u64;
        self.input.advance(std::mem::take(&mut self.ahead));
        self.answer();
        if self.input.is_empty() {
            return None;
        }
        let border = self.chain.iter().filter_map(|link| link.border(self.offset)).min();
        let length = border.map_or(usize::MAX, |border| {
            usize::try_from(border - self.offset).unwrap_or(usize::MAX)
        });
        let length = length.min(OPAQUE_UNIT).min(self.input.len());
        let unit = Unit::data(self.input.split_to(length), self.offset);
        self.offset += length as u64;
        Some(unit)
    }

    /// Tells what the protocol wants to be known.
    fn note(&self, note: &'static str, facts: &Facts, record: &mut Record, now: Duration) {
        record.events.notes.push(note);
        if facts.settings.journal {
            record.events.entries.push(Entry {
                at: now,
                connection: facts.connection.number,
                direction: self.direction,
                offset: self.offset,
                length: 0,
                rule: "protocol".into(),
                what: note.into(),
            });
        }
    }

    pub(super) fn malformed(
        &mut self,
        error: &Malformed,
        facts: &mut Facts,
        record: &mut Record,
        now: Duration,
    ) {
        let what = match error.offset {
            0 => format!("malformed: {}", error.message),
            offset => format!("malformed at byte {offset}: {}", error.message),
        };
        let remedy = if facts.settings.strict { Remedy::Close } else { error.remedy };
        self.give_up((Refused::Wrong, what.into()), remedy, facts, record, now);
    }

    /// Gives up on bytes that cannot be parsed: the rest is opaque, or the end. Nothing is said of
    /// an empty rest.
    pub(super) fn give_up(
        &mut self,
        (fault, what): (Refused, Cow<'static, str>),
        remedy: Remedy,
        facts: &mut Facts,
        record: &mut Record,
        now: Duration,
    ) {
        self.opaque = true;
        record.events.unparsed += u64::from(!what.is_empty());
        if facts.settings.journal && !what.is_empty() {
            record.events.entries.push(Entry {
                at: now,
                connection: facts.connection.number,
                direction: self.direction,
                offset: self.offset,
                length: self.input.len() as u64,
                rule: "protocol".into(),
                what: match remedy {
                    Remedy::Close => format!("{what}, close").into(),
                    Remedy::Pass => what.clone(),
                },
            });
        }
        if remedy == Remedy::Close {
            self.input.clear();
            self.ahead = 0;
            let reason = what.into_owned();
            record.refusal.get_or_insert((Refusal { fault, reason }, false));
            // A sender that has reset the connection ends it so.
            if !self.broken {
                self.push_end(Item::Close, now);
            }
        }
    }

    /// The unit that the protocol waits for in the other direction never comes.
    pub(in crate::session) fn forsake(
        &mut self,
        remedy: Remedy,
        facts: &mut Facts,
        record: &mut Record,
    ) {
        let (now, ended) = (self.queue.now(), Refused::Ended(self.direction.opposite()));
        self.give_up((ended, "receiver gone before a unit".into()), remedy, facts, record, now);
        self.advance(facts, record, now);
    }

    /// Returns `true` if a rule could look at what comes next.
    fn is_watched(&self, now: Duration) -> bool {
        self.chain.iter().any(|link| link.holds() || link.looks(now, self.offset))
    }

    /// Lets go on what no rule could look at, before its unit is whole.
    fn stream(&mut self, facts: &mut Facts, record: &mut Record, now: Duration) {
        let upstream = self.direction == Direction::Upstream;
        // A reply that is due later must not fall into the middle of it.
        let replies =
            self.ahead == 0 && (self.queue.replies() > 0 || (!upstream && record.ledger.is_next()));
        if self.is_watched(now) || replies || !facts.protocol.streams(self.direction) {
            if self.ahead == 0
                && let Some(bytes) = facts.protocol.prompt(self.direction)
            {
                self.reply(bytes, now, false, facts, record);
            }
            return;
        }
        let bytes = BytesMut::from(&self.input[self.ahead..]);
        self.ahead = self.input.len();
        record.ledger.under_way |= upstream;
        self.push_bytes(bytes, self.after(now), Joint::Whole);
    }

    /// When what goes by all rules may leave: a rule that looks no more may still hold up what
    /// follows.
    fn after(&self, now: Duration) -> Duration {
        self.chain.iter().fold(now, |at, link| at.max(link.last))
    }

    /// A unit of which some bytes have gone on: the rest follows, whatever rules there are now.
    fn follow(
        &mut self,
        mut unit: Unit,
        consumed: usize,
        facts: &mut Facts,
        record: &mut Record,
        now: Duration,
    ) {
        if unit.kind != Kind::Blank {
            // What stands behind it goes on as it does, whatever became of earlier ones.
            self.chain.iter_mut().for_each(Link::passed);
        }
        let ahead = self.ahead.min(consumed);
        self.ahead -= ahead;
        let at = self.after(now).max(self.queue.latest());
        self.leaves(&unit, (at, true), facts, record);
        match self.direction {
            Direction::Upstream => record.ledger.under_way = self.ahead > 0,
            Direction::Downstream => record.ledger.came(unit.turn_in(self.direction)),
        }
        unit.bytes.advance(ahead.min(unit.bytes.len()));
        self.push_bytes(unit.bytes, at, Joint::Whole);
        if self.ahead == 0 {
            self.answer();
        }
    }

    /// Queues the replies that have waited.
    fn answer(&mut self) {
        for (bytes, at) in std::mem::take(&mut self.waiting) {
            self.push_reply(bytes, at.max(self.queue.latest()));
        }
    }
}
