//! Sends headers too late.

use chenapan_core::{
    Behavior, Context, Held, Holding, Interest, Kind, OptionError, Others, Scope, Size, Step, Unit,
    Verdict, plugin,
};
use std::time::Duration;

plugin! {
    /// Sends the header too late: after a time, or after the start of the payload.
    ///
    /// With `sleep` the header waits, and the payload behind it waits with it. With `payload` that
    /// many bytes of payload go first, and the header follows; if the stream ends earlier, the
    /// header comes at its end. If the service speaks first and the client waits for it, both wait
    /// for ever. With `only` it holds units of other kinds.
    pub struct LateHeader = "late-header", Upstream {
        /// Time for which the header is held.
        sleep: Duration = "4s",
        /// Number of bytes of payload to send first, instead of `sleep`.
        payload: Option<Size> = "none",
        ;
        held: Held,
        passed: u64,
    } check = LateHeader::check
}

impl Behavior for LateHeader {
    fn on_unit(&mut self, unit: &mut Unit, _: &mut Context<'_>) -> Verdict {
        let most = match self.payload {
            None => return Verdict::Delay(self.sleep),
            Some(Size(most)) => most,
        };
        if self.held.is_empty() {
            self.passed = 0;
            return self.held.hold(unit);
        }
        let room = usize::try_from(most - self.passed).unwrap_or(usize::MAX);
        self.passed += unit.bytes.len().min(room) as u64;
        let Some(header) = self.due(most) else {
            return Verdict::Forward;
        };
        let mut steps = vec![Step::Send(unit.split_to(room)), Step::Send(header)];
        if !unit.bytes.is_empty() {
            steps.push(Step::Send(unit.take()));
        }
        Verdict::Play(steps)
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        Verdict::send(self.held.pop())
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Header]).others(Others::Shown)
    }

    fn interest(&self) -> Interest {
        if self.held.is_empty() { Interest::Units } else { Interest::Everything }
    }

    fn holding(&mut self) -> Option<&mut dyn Holding> {
        Some(&mut self.held)
    }
}

impl LateHeader {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        match self.payload {
            Some(Size(0)) => Err(OptionError::value("payload", "expected at least a byte")),
            _ => Ok(()),
        }
    }

    /// The header, once enough payload is through.
    fn due(&mut self, most: u64) -> Option<Unit> {
        (self.passed >= most).then(|| self.held.pop())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter;
    use chenapan_core::testing::{Judge, configured, released, sent};

    fn late(payload: &str) -> (LateHeader, Judge) {
        let mut late = configured::<LateHeader>(&[("payload", payload)]);
        let mut judge = Judge::new(1);
        assert_eq!(sent(judge.unit(&mut late, letter::header())), Vec::<Vec<u8>>::new());
        assert!(late.held.len() == 1 && late.interest() == Interest::Everything);
        (late, judge)
    }

    #[test]
    fn after_a_time_means_a_delay_of_the_header_only() {
        let mut late = configured::<LateHeader>(&[("sleep", "3s")]);
        let mut judge = Judge::new(1);
        let (verdict, _) = judge.unit(&mut late, letter::header());
        assert_eq!(verdict, Verdict::Delay(Duration::from_secs(3)));
        assert_eq!(late.scope().kinds, [Kind::Header]);
        assert_eq!(late.interest(), Interest::Units);
    }

    #[test]
    fn after_payload_means_exactly_behind_so_many_bytes() {
        let (mut late, mut judge) = late("4");
        assert_eq!(sent(judge.data(&mut late, b"GE")), [b"GE"]);
        let sent = sent(judge.data(&mut late, b"T / HTTP"));
        assert_eq!(sent, [&b"T "[..], letter::HEADER, b"/ HTTP"]);
        assert!(late.held.is_empty());
    }

    #[test]
    fn a_border_between_units_cuts_none() {
        let (mut late, mut judge) = late("3");
        assert_eq!(sent(judge.data(&mut late, b"GET")), [&b"GET"[..], letter::HEADER]);
    }

    #[test]
    fn at_the_end_of_the_stream_and_of_the_rule_it_comes_anyway() {
        let (mut late, mut judge) = late("100");
        let Verdict::Play(steps) = judge.eof(&mut late) else { panic!() };
        assert!(matches!(&steps[..], [Step::Send(unit)] if unit.bytes == letter::HEADER));
        let (mut late, _) = self::late("100");
        assert_eq!(released(&mut late)[0].bytes, letter::HEADER);
    }
}
