//! Six behaviors of somebody else.

use chenapan_core::bytes::{Bytes, BytesMut};
use chenapan_core::{
    Behavior, BehaviorEntry, Chance, Context, Direction, Interest, OptionError, Pattern, Registry,
    Step, Unit, Verdict, choices, plugin,
};
use std::collections::VecDeque;
use std::time::Duration;

/// Plug-ins of chenapan, and these.
pub(crate) fn registry() -> Registry {
    let all = [
        BehaviorEntry::of::<Nth>(),
        BehaviorEntry::of::<Waves>(),
        BehaviorEntry::of::<Answer>(),
        BehaviorEntry::of::<Mirror>(),
        BehaviorEntry::of::<Bomb>(),
        BehaviorEntry::of::<Greeter>(),
    ];
    all.into_iter().fold(chenapan::registry(), Registry::behavior)
}

plugin! {
    /// Flips a random bit of every nth unit, two bits the next time, and so on.
    pub struct Nth = "nth" {
        /// Distance between such units.
        n: u64 = "3",
        /// Chance of each of them.
        odds: Chance = "1",
        ;
        seen: u64,
        hits: u64,
    }
    check = Nth::check
}

impl Nth {
    fn check(&self) -> Result<(), OptionError> {
        let wrong = || OptionError::value("n", "expected 1 or more");
        if self.n > 0 { Ok(()) } else { Err(wrong()) }
    }
}

impl Behavior for Nth {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        self.seen += 1;
        if !self.seen.is_multiple_of(self.n)
            || !cx.dice.chance(self.odds.0)
            || unit.bytes.is_empty()
        {
            return Verdict::Forward;
        }
        self.hits += 1;
        for _ in 0..self.hits {
            let at = cx.dice.below(unit.bytes.len() as u64) as usize;
            cx.dice.flip_bit(&mut unit.bytes[at]);
            cx.record(unit.offset + at as u64, "nth");
        }
        cx.protocol.seal(unit);
        Verdict::Forward
    }
}

plugin! {
    /// Delays in waves.
    pub struct Waves = "waves", Downstream {
        /// Delay between waves.
        low: Duration = "0ms",
        /// Delay on top of a wave.
        high: Duration = "200ms",
        /// Time between two tops.
        period: Duration = "10s",
        /// All connections of a proxy have one wave.
        shared: bool = "yes",
    }
    check = Waves::check
}

impl Waves {
    fn check(&self) -> Result<(), OptionError> {
        let wrong = || OptionError::value("period", "expected more than nothing");
        if self.period.is_zero() { Err(wrong()) } else { Ok(()) }
    }
}

impl Behavior for Waves {
    fn on_unit(&mut self, _: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let clock = if self.shared { cx.connection.accepted + cx.now } else { cx.now };
        let phase = clock.as_secs_f64() / self.period.as_secs_f64() * std::f64::consts::TAU;
        let share = (1.0 - phase.cos()) / 2.0;
        Verdict::Delay(self.low + self.high.saturating_sub(self.low).mul_f64(share))
    }
}

plugin! {
    /// Answers in place of the backend.
    pub struct Answer = "answer", Upstream {
        /// Bytes of the answer.
        text: Bytes = like "+PONG\\r\\n",
    }
}

impl Behavior for Answer {
    fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
        Verdict::Reply(BytesMut::from(&self.text[..]))
    }
}

plugin! {
    /// Answers some questions with the letters of the question, turned round.
    pub struct Mirror = "mirror" {
        /// Content of such a question.
        asked: Pattern = like "secret",
    }
}

/// Questions of a connection that have no answer yet.
#[derive(Default)]
struct Questions(VecDeque<BytesMut>);

impl Behavior for Mirror {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let direction = cx.direction;
        let Questions(open) = cx.state();
        if direction == Direction::Upstream {
            open.push_back(unit.bytes.clone());
            return Verdict::Forward;
        }
        if let Some(question) = open.pop_front().filter(|question| self.asked.is_match(question)) {
            let letters = question.iter().rev().filter(|byte| byte.is_ascii_alphanumeric());
            let turned: String = letters.map(|byte| char::from(*byte)).collect();
            unit.splice(0..unit.bytes.len(), format!("+{turned}\r\n").as_bytes());
            cx.record(unit.offset, "mirror");
        }
        Verdict::Forward
    }
}

choices! {
    /// Hook of a bomb.
    pub enum Place {
        /// When a unit is shown.
        Unit = "unit",
        /// When the connection is shown.
        Connect = "connect",
        /// At the end of the stream.
        Eof = "eof",
        /// When it is asked for a time.
        Wake = "wake",
    }
}

plugin! {
    /// Panics.
    pub struct Bomb = "bomb" {
        /// Hook in which it does.
        place: Place = "unit",
    }
}

impl Behavior for Bomb {
    fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
        assert!(!matches!(self.place, Place::Unit), "bomb in a unit");
        Verdict::Forward
    }

    fn on_connect(&mut self, _: &mut Context<'_>) -> Verdict {
        assert!(!matches!(self.place, Place::Connect), "bomb in the connection");
        Verdict::Forward
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        assert!(!matches!(self.place, Place::Eof), "bomb in the end");
        Verdict::Forward
    }

    fn wake(&self) -> Option<Duration> {
        assert!(!matches!(self.place, Place::Wake), "bomb in the time");
        None
    }
}

plugin! {
    /// Greets the client and closes, without a backend.
    pub struct Greeter = "greeter", Upstream {
        /// Bytes of the greeting.
        text: Bytes = "-ERR max number of clients reached\\r\\n",
    }
}

impl Behavior for Greeter {
    fn on_connect(&mut self, _: &mut Context<'_>) -> Verdict {
        Verdict::Play(vec![Step::Reply(BytesMut::from(&self.text[..])), Step::Close])
    }

    fn interest(&self) -> Interest {
        Interest::Nothing
    }
}
