//! Units of the input: cut by the protocol, or opaque.

use super::state::Arrival;
use super::{Call, Intake, Lane, Reading, Refused, Sender};
use crate::journal::{Entry, What};
use crate::session::queue::{Item, Joint};
use crate::session::slot::RuleSlot;
use crate::session::{Culprit, Refusal, named};
use bytes::{Buf, BytesMut};
use chenapan_core::{Direction, Handled, Kind, Malformed, Remedy, Turn, Unit};
use std::borrow::Cow;
use std::time::Duration;

/// Opaque bytes are shown to rules in units of at most this many: what a rule makes of one unit
/// (a piece per byte, say) then stays small beside the buffer.
const OPAQUE_UNIT: usize = 16 * 1024;

impl Lane {
    /// Asks the protocol whether there is anything to cut in this direction at all.
    pub(in crate::session) fn begin(&mut self, call: &mut Call) {
        self.intake.begun = Some(call.now);
        let direction = self.direction;
        let none = &mut BytesMut::new();
        let handled = call.facts.asks("handle", |protocol| protocol.handle(direction, none));
        call.facts.describe();
        match handled {
            Ok(handled) => {
                self.intake.reading = match handled {
                    Handled::Opaque => Reading::Opaque,
                    Handled::Hold => Reading::Holding,
                    _ => Reading::Cutting,
                };
            }
            Err(error) => self.malformed(&error, call),
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
    pub(super) fn cut(&mut self, call: &mut Call) -> Option<Unit> {
        while !self.is_opaque() {
            // What waited for the other direction goes nowhere when that is refused.
            if call.record.refusal.is_some() {
                self.intake.bytes.clear();
                self.intake.ahead = 0;
            }
            if self.intake.bytes.is_empty() {
                return self.cut_end(call);
            }
            let before = self.intake.bytes.len();
            let handled = self.ask_protocol(call);
            let start = self.intake.offset;
            let consumed = before.saturating_sub(self.intake.bytes.len());
            self.intake.offset += consumed as u64;
            match handled {
                Ok(Handled::Unit(mut unit)) if self.intake.ahead > 0 && consumed > 0 => {
                    unit.offset = start;
                    unit.origin.came = Some(call.now);
                    self.follow(unit, consumed, call);
                }
                // A unit that takes nothing off the input would come again for ever.
                Ok(Handled::Unit(mut unit)) if consumed > 0 => {
                    unit.offset = start;
                    return Some(unit);
                }
                Ok(Handled::Hold) => return None,
                Ok(Handled::Incomplete(_)) => {
                    let (fault, what) = match () {
                        () if self.intake.sender.is_over() => {
                            (Refused::Ended(self.direction), "end of stream inside a unit")
                        }
                        () if self.intake.bytes.len() >= call.facts.most() => {
                            (Refused::Wrong, "unit larger than the buffer")
                        }
                        () => {
                            self.stream(call);
                            return None;
                        }
                    };
                    let remedy = call.facts.gives_up(self.direction);
                    self.give_up(fault, what, remedy, call);
                }
                Ok(_) => self.intake.reading = Reading::Opaque,
                Err(error) => self.malformed(&error, call),
            }
        }
        self.cut_opaque()
    }

    /// Takes what the end of the stream makes of a reply that went on up to it: a unit without bytes
    /// that closes it.
    fn cut_end(&mut self, call: &mut Call) -> Option<Unit> {
        let inside = call.record.ledger.is_inside() && call.record.in_order(&call.facts);
        if self.intake.sender != Sender::Ended || self.direction == Direction::Upstream || !inside {
            return None;
        }
        match self.ask_protocol(call) {
            Ok(Handled::Unit(mut unit)) if unit.bytes.is_empty() && unit.turn == Turn::Closes => {
                unit.offset = self.intake.offset;
                Some(unit)
            }
            _ => None,
        }
    }

    /// Asks the protocol for the next unit, and for the notes that it has.
    fn ask_protocol(&mut self, call: &mut Call) -> Result<Handled, Malformed> {
        let (direction, now) = (self.direction, call.now);
        if call.facts.described.audits {
            // Replies may be known by what their requests say.
            let asked = direction == Direction::Upstream && call.record.ledger.has_headers();
            let watched = asked || (self.intake.ahead == 0 && self.is_watched(now));
            call.facts.audits("watched", |audit| {
                named(|| Culprit::protocol("at"), || audit.at(now));
                audit.watched(direction, watched);
            });
        }
        let input = &mut self.intake.bytes;
        let mut handled = call.facts.asks("handle", |protocol| protocol.handle(direction, input));
        if self.intake.sender.is_over() && matches!(handled, Ok(Handled::Incomplete(_))) {
            let input = &mut self.intake.bytes;
            handled = call.facts.asks("end", |protocol| protocol.end(direction, input));
        }
        call.facts.describe();
        self.intake.reading = match handled {
            Ok(Handled::Hold) => Reading::Holding,
            _ => Reading::Cutting,
        };
        while let Some(note) = call.facts.audits("noted", |audit| audit.noted()).flatten() {
            self.note(note, call);
        }
        handled
    }

    /// Takes opaque bytes off the input, as many as rules are to see at once.
    fn cut_opaque(&mut self) -> Option<Unit> {
        self.intake.offset += self.intake.ahead as u64;
        self.intake.bytes.advance(std::mem::take(&mut self.intake.ahead));
        self.answer();
        if self.intake.bytes.is_empty() {
            return None;
        }
        let offset = self.intake.offset;
        let border = self.chain.slots.iter().filter_map(|slot| slot.border(offset)).min();
        let length = border
            .map_or(usize::MAX, |border| usize::try_from(border - offset).unwrap_or(usize::MAX));
        let length = length.min(OPAQUE_UNIT).min(self.intake.bytes.len());
        let unit = Unit::data(self.intake.bytes.split_to(length), offset);
        self.intake.offset += length as u64;
        Some(unit)
    }

    /// Tells what the protocol wants to be known.
    fn note(&self, note: &'static str, call: &mut Call) {
        call.record.events.notes.push(note);
        self.journal(0, note, call);
    }

    /// Makes an entry for the journal about the protocol, at the place that was reached in the input.
    pub(in crate::session) fn journal(
        &self,
        length: usize,
        what: impl Into<Cow<'static, str>>,
        call: &mut Call,
    ) {
        if call.facts.settings.journal {
            call.record.events.entries.push(Entry {
                at: call.now,
                connection: call.facts.connection.number,
                direction: self.direction,
                offset: self.intake.offset,
                length: length as u64,
                rule: "protocol".into(),
                what: What::Note(what.into()),
                landed: false,
            });
        }
    }

    /// Gives up on bytes that the protocol calls malformed.
    pub(super) fn malformed(&mut self, error: &Malformed, call: &mut Call) {
        let what = match error.offset {
            0 => format!("malformed: {}", error.message),
            offset => format!("malformed at byte {offset}: {}", error.message),
        };
        let remedy = if call.facts.settings.strict { Remedy::Close } else { error.remedy };
        self.give_up(Refused::Wrong, &what, remedy, call);
    }

    /// Gives up on bytes that cannot be parsed: the rest is opaque, or the end. Nothing is said of
    /// an empty rest.
    pub(super) fn give_up(&mut self, fault: Refused, what: &str, remedy: Remedy, call: &mut Call) {
        self.intake.reading = Reading::Opaque;
        if !what.is_empty() {
            call.record.events.unparsed += 1;
            let then = if remedy == Remedy::Close { ", close" } else { "" };
            self.journal(self.intake.bytes.len(), format!("{what}{then}"), call);
        }
        if remedy == Remedy::Close {
            self.intake.bytes.clear();
            self.intake.ahead = 0;
            let refusal = || Box::new((Refusal { fault, reason: what.to_owned() }, false));
            call.record.refusal.get_or_insert_with(refusal);
            // A sender that has reset the connection ends it so.
            if self.intake.sender != Sender::Reset {
                self.push_end(Item::Close, call.now);
            }
        }
    }

    /// The unit that the protocol waits for in the other direction never comes.
    pub(in crate::session) fn forsake(&mut self, remedy: Remedy, call: &mut Call) {
        let ended = Refused::Ended(self.direction.opposite());
        self.give_up(ended, "receiver gone before a unit", remedy, call);
        self.advance(call);
    }

    /// Returns `true` if a rule could look at what comes next.
    fn is_watched(&self, now: Duration) -> bool {
        self.chain.slots.iter().any(|slot| slot.holds() || slot.looks(now, self.intake.offset))
    }

    /// Lets go on what no rule could look at, before its unit is whole.
    fn stream(&mut self, call: &mut Call) {
        let direction = self.direction;
        let upstream = direction == Direction::Upstream;
        // A reply that is due later must not fall into the middle of it.
        let replies = self.intake.ahead == 0
            && (self.queue.replies() > 0 || (!upstream && call.record.ledger.is_next()));
        if self.is_watched(call.now) || replies || !call.facts.described.ahead[direction] {
            if self.intake.ahead == 0
                && let Some(Some(bytes)) =
                    call.facts.admits("prompt", |admission| admission.prompt(direction))
            {
                self.reply(bytes, call.now, false, call);
            }
            return;
        }
        let bytes = BytesMut::from(&self.intake.bytes[self.intake.ahead..]);
        self.intake.ahead = self.intake.bytes.len();
        call.record.ledger.under_way |= upstream;
        let at = self.after(call.now);
        self.push_unseen(bytes, at, call);
    }

    /// Queues bytes that no rule was shown, which only wait for those before them.
    fn push_unseen(&mut self, bytes: BytesMut, at: Duration, call: &Call) {
        let trail = self.order_trail(at.saturating_sub(call.now));
        self.push_bytes(bytes, at, Joint::Whole, trail);
    }

    /// When what goes by all rules may leave: a rule that looks no more may still hold up what
    /// follows.
    fn after(&self, now: Duration) -> Duration {
        self.chain.slots.iter().fold(now, |at, slot| at.max(slot.last))
    }

    /// A unit of which some bytes have gone on: the rest follows, whatever rules there are now.
    fn follow(&mut self, mut unit: Unit, consumed: usize, call: &mut Call) {
        if !matches!(unit.kind, Kind::Blank | Kind::Body) {
            // What stands behind it goes on as it does, whatever became of earlier ones.
            self.chain.slots.iter_mut().for_each(RuleSlot::passed);
        }
        let ahead = self.intake.ahead.min(consumed);
        self.intake.ahead -= ahead;
        let at = self.after(call.now).max(self.queue.latest());
        if self.direction == Direction::Downstream && unit.turn_in(self.direction) != Turn::None {
            unit.origin.answers = call.record.ledger.asked().map(|asked| asked.number);
        }
        self.leaves(&unit, at, true, call);
        match self.direction {
            Direction::Upstream => call.record.ledger.under_way = self.intake.ahead > 0,
            Direction::Downstream => call.record.ledger.came(unit.turn_in(self.direction)),
        }
        unit.bytes.advance(ahead.min(unit.bytes.len()));
        self.push_unseen(unit.bytes, at, call);
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
