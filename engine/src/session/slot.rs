//! One rule at work in one lane: its behavior's instance, its draws and its counts.

mod acting;
mod draws;
mod message;
mod question;

use super::line::Line;
use super::{Call, Culprit, Facts, named};
use crate::journal::{Entry, What, describe};
use crate::rule::{Count, Per, Rule};
use acting::Acting;
use chenapan_core::{
    Behavior, Context, Damage, Direction, End, Holding, Interest, Kind, Member, Moment, Others,
    Step, Unit, Verdict,
};
use draws::{Draws, Place};
use message::Message;
pub(super) use message::Trailer;
use question::{Before, ON_END, ON_WAKE};
pub(super) use question::{Occasion, Question};
use std::sync::Arc;
use std::time::Duration;

/// A rule in one direction of one connection.
pub(super) struct RuleSlot {
    /// Its number in its lane, kept for as long as the rule is.
    pub(super) id: u64,
    /// Nothing leaves it before this time.
    pub(super) last: Duration,
    /// Bytes that wait before it, where it lets them through one after the other.
    pub(super) line: Option<Box<Line>>,
    /// Number of bytes of the units that its behavior holds; none where it holds no unit.
    held: Option<usize>,
    manner: Manner,
    rule: Acting,
    behavior: Box<dyn Behavior>,
    draws: Draws,
    message: Message,
    seen: Seen,
    selected: Count,
    /// The wake-up that it was given and did not move.
    stuck: Option<Duration>,
}

/// Most that a behavior has seen so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    /// Nothing, or its end was told already.
    Nothing,
    /// Events that are no units.
    Events,
    /// A unit.
    Units,
}

/// The direction of a behavior, and the part of its scope that is asked for while it is at work.
#[derive(Clone, Copy)]
struct Manner {
    direction: Direction,
    others: Others,
    ordered: bool,
    by_reply: bool,
    bodies: bool,
}

impl RuleSlot {
    /// None where the rule can never apply to this direction of this connection.
    pub(super) fn new(
        id: u64,
        rule: &Arc<Rule>,
        facts: &Facts,
        direction: Direction,
    ) -> Option<Self> {
        let selectors = rule.selectors();
        if !selectors.directions.include(direction) || !selectors.connection(&facts.connection) {
            return None;
        }
        let draws = Draws::new(rule, facts.settings.run, &facts.connection, direction);
        if selectors.per == Per::Connection && !draws.events {
            return None;
        }
        let culprit = |hook| move || culprit(rule, direction, hook);
        let behavior = named(culprit("clone"), || rule.instance());
        let scope = named(culprit("scope"), || behavior.scope());
        let (others, ordered, by_reply) = (scope.others, scope.ordered, scope.by_reply);
        let bodies = scope.bodies || selectors.pieces();
        Some(Self {
            id,
            last: Duration::ZERO,
            line: scope.paced.then(Box::default),
            held: None,
            manner: Manner { direction, others, ordered, by_reply, bodies },
            rule: Acting::new(rule, &facts.connection),
            behavior,
            draws,
            message: Message::begun(selectors),
            seen: Seen::Nothing,
            selected: rule.count(&facts.connection),
            stuck: None,
        })
    }

    /// Returns the address of its rule, which tells it from others.
    pub(super) fn rule_address(&self) -> *const Rule {
        Arc::as_ptr(&self.rule)
    }

    /// Returns its rule.
    pub(super) fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// Returns the number of faults of the last question.
    pub(super) fn latest(&self) -> u32 {
        self.rule.latest()
    }

    /// Returns `true` if it is the slot of a rule.
    pub(super) fn of(&self, rule: &Arc<Rule>) -> bool {
        Arc::ptr_eq(&self.rule, rule)
    }

    /// Returns `true` if a unit is the rule's business, and counts it then.
    ///
    /// `needed` is the interest that lets a behavior see a unit of this sort.
    pub(super) fn meets(
        &mut self,
        unit: &Unit,
        needed: Interest,
        at: Duration,
        facts: &Facts,
    ) -> bool {
        let place = self.draws.comes_by(unit.offset);
        if self.sees_all() {
            return true;
        }
        match unit.kind {
            Kind::Body => return self.meets_body(unit, needed, at, place, facts),
            Kind::Blank => {}
            _ if unit.continues => {
                let selectors = self.rule.selectors();
                self.message = Message::of(unit, selectors, self.manner.bodies, facts);
            }
            _ => self.message = Message::default(),
        }
        let selectors = self.rule.selectors();
        let fits = || selectors.meets(unit, at, &*facts.protocol);
        if self.interest() < needed
            || self.is_exhausted()
            || !selectors.rested(facts.idle)
            || !named(|| Culprit::protocol("messages"), fits)
        {
            return false;
        }
        let chosen = self.draw(place);
        self.message.chosen = Some(chosen);
        chosen
    }

    /// Returns `true` if a piece of a body is the rule's business: each by itself where the rule
    /// names them, and else with its message.
    fn meets_body(
        &mut self,
        unit: &Unit,
        needed: Interest,
        at: Duration,
        place: Place,
        facts: &Facts,
    ) -> bool {
        let (selectors, message) = (self.rule.selectors(), self.message);
        self.message.within = unit.continues;
        if !self.manner.bodies
            || !message.fits
            || unit.bytes.is_empty()
            || self.interest() < needed
            || !selectors.around(unit, at)
        {
            return false;
        }
        let pieces = selectors.pieces();
        if let (Some(chosen), false) = (message.chosen, pieces) {
            return chosen && (message.struck || self.rule.may_strike());
        }
        if self.is_exhausted() || !selectors.rested(facts.idle) {
            return false;
        }
        let chosen = self.draw(place);
        self.message.chosen = Some(chosen);
        chosen
    }

    /// Draws chance for a unit that all else selects, and counts it.
    fn draw(&mut self, place: Place) -> bool {
        let selectors = self.rule.selectors();
        let certain = selectors.per == Per::Connection || selectors.chance == (0.0..1.0);
        if !certain && !selectors.chance.contains(&self.draws.unit(place)) {
            return false;
        }
        selectors.turn(self.selected.next()) && self.rule.may_strike()
    }

    /// Returns `true` if it can select no unit any more.
    fn is_exhausted(&self) -> bool {
        self.rule.selectors().exhausted(self.selected.total()) || self.rule.is_spent()
    }

    /// Returns `true` if it is done: it may do nothing more, and has nothing to finish.
    fn is_done(&self) -> bool {
        !self.holds() && self.rule.is_spent()
    }

    /// Returns the events that its behavior needs to be shown from now on.
    fn interest(&self) -> Interest {
        self.calls("interest", || self.behavior.interest())
    }

    /// Calls a hook of its behavior that has no context.
    #[inline]
    fn calls<T>(&self, hook: &'static str, call: impl FnOnce() -> T) -> T {
        named(|| culprit(&self.rule, self.manner.direction, hook), call)
    }

    /// Asks the part of its behavior that keeps units, if it has one.
    fn holding<T>(&mut self, ask: impl FnOnce(&mut dyn Holding) -> T) -> Option<T> {
        let Self { rule, behavior, manner, .. } = self;
        let call = || behavior.holding().map(ask);
        named(|| culprit(rule, manner.direction, "holding"), call)
    }

    /// Returns `true` if an event that is no unit is the rule's business.
    pub(super) fn attends(&self, at: Duration) -> bool {
        let window = &self.rule.selectors().window;
        !self.is_done() && (self.seen == Seen::Units || (self.draws.events && window.contains(&at)))
    }

    /// Returns `true` if the end of stream is the rule's business.
    pub(super) fn attends_eof(&self, at: Duration) -> bool {
        self.interest() >= Interest::Eof && self.attends(at)
    }

    /// Returns `true` if opaque data that comes at this age has to be shown to it.
    pub(super) fn watches(&self, now: Duration, offset: u64) -> bool {
        let selectors = self.rule.selectors();
        self.holds()
            || (self.interest() == Interest::Everything
                && selectors.data(now, offset)
                && !self.is_exhausted())
    }

    /// Returns `true` if it holds units that are to go on later.
    pub(super) fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// Returns the number of bytes of the units that it holds.
    pub(super) fn held(&self) -> usize {
        self.held.unwrap_or(0)
    }

    /// Returns `true` if its behavior holds units, and sees everything by then.
    pub(super) fn sees_all(&self) -> bool {
        self.holds() && self.manner.others == Others::Shown
    }

    /// Returns `true` if it could be shown a unit from now on.
    pub(super) fn looks(&self, now: Duration, offset: u64) -> bool {
        let selectors = self.rule.selectors();
        let within = self.message.within;
        let body = within && self.manner.bodies && self.message.chosen == Some(true);
        if within && self.message.trailer != Trailer::Follows {
            return true;
        }
        self.interest() >= Interest::Units
            && (body || !self.is_exhausted())
            && now < selectors.window.end
            && offset < selectors.bytes.end
    }

    /// A message has passed it by unseen.
    pub(super) fn passed(&mut self) {
        self.message = Message::begun(self.rule.selectors());
    }

    /// Returns the fate of the trailer of the last unit that was its business.
    pub(super) fn trailer(&self) -> Trailer {
        self.message.trailer
    }

    /// Returns `true` if what it does with a head happens to the body behind it.
    pub(super) fn leads(&self, unit: &Unit) -> bool {
        unit.kind == Kind::Blank || (unit.kind == Kind::Body && !self.manner.bodies)
    }

    /// Notes that a message ends with the unit that its behavior has sent: nothing follows of what
    /// came behind it.
    pub(super) fn completes(&mut self) {
        self.message.trailer = Trailer::Vanishes;
    }

    /// Offers it the trailer of the unit that it holds. Returns `true` if it was taken.
    pub(super) fn takes(&mut self, trailer: &mut Unit) -> bool {
        let took = self.holding(|holding| holding.take_trailer(trailer)) == Some(true);
        self.weigh();
        took
    }

    /// Notes what its behavior holds now.
    fn weigh(&mut self) {
        let held = self.holding(|holding| (!holding.is_empty()).then(|| holding.bytes()));
        self.held = held.flatten();
    }

    /// Returns `true` if units that are not its business may overtake those.
    pub(super) fn yields(&self) -> bool {
        self.manner.others == Others::Overtake
    }

    /// Returns `true` if all that it holds leaves in order.
    pub(super) fn ordered(&self) -> bool {
        self.manner.ordered
    }

    /// Returns `true` if it is shown replies only as a whole.
    pub(super) fn by_reply(&self) -> bool {
        self.manner.by_reply
    }

    /// The next place after `offset` where opaque data must be cut for this rule.
    pub(super) fn border(&self, offset: u64) -> Option<u64> {
        let bytes = &self.rule.selectors().bytes;
        [bytes.start, bytes.end].into_iter().filter(|&border| border > offset).min()
    }

    /// When it wants to be woken.
    pub(super) fn wake(&self) -> Option<Duration> {
        if self.is_done() {
            return None;
        }
        let window = &self.rule.selectors().window;
        let wake = self.calls("wake", || self.behavior.wake())?.max(window.start);
        let met = self.seen == Seen::Units || (self.draws.events && wake < window.end);
        (met && self.stuck != Some(wake)).then_some(wake)
    }

    /// When its window closes, if it does.
    pub(super) fn until(&self) -> Option<Duration> {
        Some(self.rule.selectors().window.end).filter(|end| *end < Duration::MAX)
    }

    /// Takes what it still holds.
    pub(super) fn release(&mut self) -> Vec<Unit> {
        let released = self.holding(|holding| holding.release()).unwrap_or_default();
        self.weigh();
        released
    }

    /// Tells it its end in a direction, of which `offset` bytes came, where it was ever asked anything.
    pub(super) fn end(&mut self, end: End, direction: Direction, offset: u64, call: &mut Call) {
        if self.seen == Seen::Nothing {
            return;
        }
        let occasion = Occasion { at: call.now, direction, offset };
        let _ = self.ask(Question::End(end), occasion, call);
    }

    /// Asks the behavior, counts, and journals what it did.
    pub(super) fn ask(
        &mut self,
        mut question: Question<'_>,
        occasion: Occasion,
        call: &mut Call,
    ) -> Verdict {
        let Occasion { at, direction, offset } = occasion;
        // A unit was counted when it was met, also if it is held: it is let go in any case.
        if question.may_strike() && !self.holds() && !self.rule.may_strike() {
            self.rule.has_struck(0);
            return Verdict::Forward;
        }
        let unit = question.before(call.facts.settings.exact);
        let moment = Moment {
            connection: &call.facts.connection,
            protocol: &*call.facts.protocol,
            direction,
            now: at,
            offset,
            key: self.draws.key_at(offset),
        };
        let state = call.record.states.of(self.rule_address() as usize);
        let mut cx = Context::new(moment, &mut call.record.damage, state);
        let selectors = self.rule.selectors();
        let picks = |member: &Member<'_>| selectors.member(member);
        if selectors.picks() {
            cx = cx.picking(&picks);
        }
        if let Some(line) = &self.line {
            cx.late = line.late(call.now);
        }
        let wake = self.wake();
        let hook = question.hook();
        // One that panics is asked nothing any more.
        let seen = std::mem::replace(&mut self.seen, Seen::Nothing);
        let verdict = named(
            || Culprit { offset, ..culprit(&self.rule, direction, hook) },
            || question.put_to(&mut *self.behavior, &mut cx),
        );
        if let Some(pace) = cx.pace() {
            self.rule.tally().add_pace(pace);
        }
        if hook != ON_END {
            self.seen = seen.max(if unit.is_some() { Seen::Units } else { Seen::Events });
        }
        if hook == ON_WAKE {
            self.stuck = wake.filter(|_| self.wake() == wake);
        }
        self.weigh();
        if let Some(unit) = &unit {
            self.message.trailer = self.trailer_of(&verdict);
            self.record_change(unit, &question, &verdict, occasion, call);
        }
        self.count(&verdict, unit.map(|unit| unit.length), occasion, call);
        verdict
    }

    /// Counts and journals what the behavior did, to a unit of this length or to none.
    fn count(&mut self, verdict: &Verdict, unit: Option<u64>, occasion: Occasion, call: &mut Call) {
        let faults = u64::from(*verdict != Verdict::Forward) + call.record.damage.len() as u64;
        // An event that was only looked at is no traffic.
        self.rule.tally().add(u64::from(unit.is_some() || faults > 0), faults);
        self.rule.settle(faults > 0);
        self.message.struck |= unit.is_some() && faults > 0;
        self.rule.has_struck(faults);
        if faults > 0 {
            let all = &mut call.record.events.faults;
            *all = all.saturating_add(self.rule.latest());
            self.journal(verdict, occasion, unit.unwrap_or(0), call);
        }
    }

    /// Records a change of a unit that goes on, where its behavior has recorded nothing and the length
    /// tells: that costs no look at the bytes.
    fn record_change(
        &self,
        before: &Before,
        question: &Question<'_>,
        verdict: &Verdict,
        Occasion { direction, offset, .. }: Occasion,
        call: &mut Call,
    ) {
        let goes_on = matches!(verdict, Verdict::Forward | Verdict::Delay(_));
        if !goes_on || !call.record.damage.is_empty() {
            return;
        }
        let culprit = || Culprit { offset, ..culprit(&self.rule, direction, question.hook()) };
        if let Some(what) = named(culprit, || before.changed(question)) {
            call.record.damage.push(Damage::new(offset, what));
        }
    }

    /// Tells those who wait for its faults of the last ones.
    pub(super) fn tell(&mut self) {
        self.rule.tell();
    }

    /// Returns what becomes of that which stands behind a unit, by the verdict on the unit.
    fn trailer_of(&self, verdict: &Verdict) -> Trailer {
        let sends = |step: &Step| matches!(step, Step::Send(_));
        match verdict {
            Verdict::Drop | Verdict::Reply(_) | Verdict::Close | Verdict::Reset => {
                Trailer::Vanishes
            }
            Verdict::Play(steps) if steps.iter().any(sends) => Trailer::Follows,
            Verdict::Play(_) if self.holds() => Trailer::Offered,
            Verdict::Play(_) => Trailer::Vanishes,
            _ => Trailer::Follows,
        }
    }

    /// Makes the journal's entries for what the behavior has damaged, and for its verdict.
    fn journal(
        &self,
        verdict: &Verdict,
        Occasion { at, direction, offset }: Occasion,
        length: u64,
        call: &mut Call,
    ) {
        let Call { facts, record, .. } = call;
        record.events.struck = true;
        if !facts.settings.journal {
            record.damage.clear();
            return;
        }
        let entry = |offset, length, what| Entry {
            at,
            connection: facts.connection.number,
            direction,
            offset,
            length,
            rule: self.rule.shared_name(),
            what,
            landed: false,
        };
        for damage in record.damage.drain(..) {
            record.events.entries.push(entry(damage.offset, 1, What::Damage(damage.what)));
        }
        if let Some(what) = describe(verdict) {
            record.events.entries.push(entry(offset, length, what));
        }
    }
}

/// The behavior of a rule, in case that it panics.
fn culprit(rule: &Rule, direction: Direction, hook: &'static str) -> Culprit {
    Culprit { plug_in: rule.shared_name(), hook, direction, offset: 0 }
}
