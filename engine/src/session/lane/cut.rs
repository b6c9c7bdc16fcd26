//! Units of the input: cut by the protocol, or opaque.

use super::state::Arrival;
use super::{Facts, Intake, Lane, Reading, Record, Refused, Sender};
use crate::journal::Entry;
use crate::session::Refusal;
use crate::session::queue::{Item, Joint};
use crate::session::slot::RuleSlot;
use bytes::{Buf, BytesMut};
use chenapan_core::{Direction, Handled, Kind, Malformed, Remedy, Turn, Unit};
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
        self.intake.begun = Some(now);
        let direction = self.direction;
        let none = &mut BytesMut::new();
        let handled = facts.asks("handle", |protocol| protocol.handle(direction, none));
        facts.describe();
        match handled {
            Ok(handled) => {
                self.intake.reading = match handled {
                    Handled::Opaque => Reading::Opaque,
                    Handled::Hold => Reading::Holding,
                    _ => Reading::Cutting,
                };
            }
            Err(error) => self.malformed(&error, facts, record, now),
        }
    }

    /// Bytes were added to the input.
    pub(in crate::session) fn arrived(&mut self, now: Duration) {
        let Intake { bytes, offset, arrival, .. } = &mut self.intake;
        *arrival = Arrival {
            // Bytes that went by unseen moved the offset on.
            start: arrival.end.max(*offset),
            end: *offset + bytes.len() as u64,
            at: now,
            idle: now.saturating_sub(arrival.at),
        };
    }

    /// Takes the next unit off the input.
    pub(super) fn cut(
        &mut self,
        facts: &mut Facts,
        record: &mut Record,
        now: Duration,
    ) -> Option<Unit> {
        while !self.is_opaque() {
            // What waited for the other direction goes nowhere when that is refused.
            if record.refusal.is_some() {
                self.intake.bytes.clear();
                self.intake.ahead = 0;
            }
            if self.intake.bytes.is_empty() {
                return None;
            }
            let before = self.intake.bytes.len();
            if facts.described.audits {
                let (direction, watched) =
                    (self.direction, self.intake.ahead == 0 && self.is_watched(now));
                facts.audits("watched", |audit| {
                    audit.at(now);
                    audit.watched(direction, watched);
                });
            }
            let (direction, input) = (self.direction, &mut self.intake.bytes);
            let mut handled = facts.asks("handle", |protocol| protocol.handle(direction, input));
            if self.intake.sender.is_over() && matches!(handled, Ok(Handled::Incomplete(_))) {
                let input = &mut self.intake.bytes;
                handled = facts.asks("end", |protocol| protocol.end(direction, input));
            }
            facts.describe();
            self.intake.reading = match handled {
                Ok(Handled::Hold) => Reading::Holding,
                _ => Reading::Cutting,
            };
            while let Some(note) = facts.audits("noted", |audit| audit.noted()).flatten() {
                self.note(note, facts, record, now);
            }
            let start = self.intake.offset;
            let consumed = before.saturating_sub(self.intake.bytes.len());
            self.intake.offset += consumed as u64;
            match handled {
                Ok(Handled::Unit(mut unit)) if self.intake.ahead > 0 && consumed > 0 => {
                    unit.offset = start;
                    unit.origin.came = Some(now);
                    self.follow(unit, consumed, facts, record, now);
                }
                // A unit that takes nothing off the input would come again for ever.
                Ok(Handled::Unit(mut unit)) if consumed > 0 => {
                    unit.offset = start;
                    return Some(unit);
                }
                Ok(Handled::Unit(_) | Handled::Opaque) => self.intake.reading = Reading::Opaque,
                Ok(Handled::Hold) => return None,
                Ok(Handled::Incomplete(_)) => {
                    let (fault, what) = match () {
                        () if self.intake.sender.is_over() => {
                            (Refused::Ended(self.direction), "end of stream inside a unit")
                        }
                        () if self.intake.bytes.len() >= facts.most() => {
                            (Refused::Wrong, "unit larger than the buffer")
                        }
                        () => {
                            self.stream(facts, record, now);
                            return None;
                        }
                    };
                    let remedy = facts.gives_up(self.direction);
                    self.give_up((fault, what.into()), remedy, facts, record, now);
                }
                Err(error) => self.malformed(&error, facts, record, now),
            }
        }
        self.intake.offset += self.intake.ahead as u64;
        self.intake.bytes.advance(std::mem::take(&mut self.intake.ahead));
        self.answer();
        if self.intake.bytes.is_empty() {
            return None;
        }
        let border =
            self.chain.links.iter().filter_map(|link| link.border(self.intake.offset)).min();
        let length = border.map_or(usize::MAX, |border| {
            usize::try_from(border - self.intake.offset).unwrap_or(usize::MAX)
        });
        let length = length.min(OPAQUE_UNIT).min(self.intake.bytes.len());
        let unit = Unit::data(self.intake.bytes.split_to(length), self.intake.offset);
        self.intake.offset += length as u64;
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
                offset: self.intake.offset,
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
        self.intake.reading = Reading::Opaque;
        record.events.unparsed += u64::from(!what.is_empty());
        if facts.settings.journal && !what.is_empty() {
            record.events.entries.push(Entry {
                at: now,
                connection: facts.connection.number,
                direction: self.direction,
                offset: self.intake.offset,
                length: self.intake.bytes.len() as u64,
                rule: "protocol".into(),
                what: match remedy {
                    Remedy::Close => format!("{what}, close").into(),
                    Remedy::Pass => what.clone(),
                },
            });
        }
        if remedy == Remedy::Close {
            self.intake.bytes.clear();
            self.intake.ahead = 0;
            let reason = what.into_owned();
            record.refusal.get_or_insert_with(|| Box::new((Refusal { fault, reason }, false)));
            // A sender that has reset the connection ends it so.
            if self.intake.sender != Sender::Reset {
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
        self.chain.links.iter().any(|link| link.holds() || link.looks(now, self.intake.offset))
    }

    /// Lets go on what no rule could look at, before its unit is whole.
    fn stream(&mut self, facts: &mut Facts, record: &mut Record, now: Duration) {
        let direction = self.direction;
        let upstream = self.direction == Direction::Upstream;
        // A reply that is due later must not fall into the middle of it.
        let replies = self.intake.ahead == 0
            && (self.queue.replies() > 0 || (!upstream && record.ledger.is_next()));
        if self.is_watched(now) || replies || !facts.described.ahead[direction as usize] {
            if self.intake.ahead == 0
                && let Some(Some(bytes)) =
                    facts.admits("prompt", |admission| admission.prompt(direction))
            {
                self.reply(bytes, now, false, facts, record);
            }
            return;
        }
        let bytes = BytesMut::from(&self.intake.bytes[self.intake.ahead..]);
        self.intake.ahead = self.intake.bytes.len();
        record.ledger.under_way |= upstream;
        self.push_bytes(bytes, self.after(now), Joint::Whole);
    }

    /// When what goes by all rules may leave: a rule that looks no more may still hold up what
    /// follows.
    fn after(&self, now: Duration) -> Duration {
        self.chain.links.iter().fold(now, |at, link| at.max(link.last))
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
            self.chain.links.iter_mut().for_each(RuleSlot::passed);
        }
        let ahead = self.intake.ahead.min(consumed);
        self.intake.ahead -= ahead;
        let at = self.after(now).max(self.queue.latest());
        if self.direction == Direction::Downstream && unit.turn_in(self.direction) != Turn::None {
            unit.origin.answers = record.ledger.asked().map(|asked| asked.number);
        }
        self.leaves(&unit, (at, true), facts, record);
        match self.direction {
            Direction::Upstream => record.ledger.under_way = self.intake.ahead > 0,
            Direction::Downstream => record.ledger.came(unit.turn_in(self.direction)),
        }
        unit.bytes.advance(ahead.min(unit.bytes.len()));
        self.push_bytes(unit.bytes, at, Joint::Whole);
        if self.intake.ahead == 0 {
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
