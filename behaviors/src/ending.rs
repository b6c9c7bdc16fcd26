//! When a connection is ended: after a number of bytes, or at an age.

use chenapan_core::{Interest, Size, Step, Unit, Verdict};
use std::time::Duration;

/// Progress of a direction towards the end that a rule has in store for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending {
    passed: u64,
    over: bool,
}

impl Ending {
    /// Lets exactly `most` bytes pass and then takes the last step; all bytes if `most` is none.
    pub(crate) fn on_unit(&mut self, unit: &mut Unit, most: Option<Size>, last: Step) -> Verdict {
        let Some(Size(most)) = most else {
            return Verdict::Forward;
        };
        let (room, length) = (most.saturating_sub(self.passed), unit.bytes.len() as u64);
        if length < room {
            self.passed += length;
            return Verdict::Forward;
        }
        self.passed = most;
        self.over = true;
        let front = unit.split_to(usize::try_from(room).unwrap_or(usize::MAX));
        if front.bytes.is_empty() {
            return Verdict::Play(vec![last]);
        }
        Verdict::Play(vec![Step::Send(front), last])
    }

    /// The age at which to end. Without a number of bytes even an age of zero is one.
    pub(crate) fn wake(&self, after: Duration, bytes: Option<Size>) -> Option<Duration> {
        let timed = bytes.is_none() || !after.is_zero();
        (timed && !self.over).then_some(after)
    }

    /// The age is reached.
    pub(crate) fn on_wake(&mut self, verdict: Verdict) -> Verdict {
        self.over = true;
        verdict
    }

    /// Only bytes have to be counted.
    pub(crate) fn interest(&self, bytes: Option<Size>) -> Interest {
        if bytes.is_some() && !self.over { Interest::Everything } else { Interest::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    fn unit(bytes: &str) -> Unit {
        Unit::data(BytesMut::from(bytes), 0)
    }

    #[test]
    fn it_ends_on_reaching_the_number_and_not_on_the_next_byte() {
        let mut ending = Ending::default();
        let mut judge = |bytes| ending.on_unit(&mut unit(bytes), Some(Size(5)), Step::Close);
        assert_eq!(judge("abc"), Verdict::Forward);
        assert_eq!(judge("de"), Verdict::Play(vec![Step::Send(unit("de")), Step::Close]));
    }

    #[test]
    fn once_over_it_asks_for_nothing() {
        let mut ending = Ending::default();
        let after = Duration::from_secs(1);
        assert_eq!(ending.wake(after, Some(Size(1))), Some(after));
        assert_eq!(ending.interest(Some(Size(1))), Interest::Everything);
        let _ = ending.on_unit(&mut unit("abc"), Some(Size(1)), Step::Close);
        assert_eq!(ending.wake(after, Some(Size(1))), None);
        assert_eq!(ending.interest(Some(Size(1))), Interest::Nothing);
    }
}
