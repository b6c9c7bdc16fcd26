//! Lets notifications come before the reply that announces them.

use super::{MESSAGE, Methods, SINGLE_REPLIES, take};
use chenapan_core::{Behavior, Context, Interest, Kind, Step, Unit, Verdict, plugin};
use std::collections::VecDeque;
use std::time::Duration;

plugin! {
    /// Holds the reply to a call that subscribes until a notification has overtaken it.
    ///
    /// All replies that are held follow the next notification, whatever that is about; other messages
    /// pass. Without a notification a reply is held for `hold` only, and at the end of the stream it is
    /// sent at once. At most 64 are held at a time, and 64 MiB. Nothing is lost or changed.
    ///
    /// A healthy peer keeps what it is told of a subscription that it does not know yet, and gives it
    /// to the subscriber once the reply is there. No text promises that replies come first.
    pub struct RpcEarlyNotify = "rpc-early-notify", Downstream {
        /// Calls with replies to hold: a glob over their method (* and ?).
        method: Methods = "*subscribe*",
        /// Longest time for which a reply is held if no notification comes.
        hold: Duration = "1s",
        ;
        held: VecDeque<(Duration, Unit)>,
        /// Set when the next unit may be the blank behind the last reply that is held.
        trails: bool,
    }
}

const MOST: usize = 64;
const MOST_BYTES: usize = 64 << 20;

impl Behavior for RpcEarlyNotify {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let trails = std::mem::take(&mut self.trails);
        if let (Kind::Blank, true, Some((_, held))) = (unit.kind, trails, self.held.back_mut()) {
            held.bytes.unsplit(take(unit).bytes);
            return Verdict::Play(Vec::new());
        }
        if unit.kind == Kind::Notification && !self.held.is_empty() {
            let held = self.held.drain(..).map(|(_, unit)| Step::Send(behind(unit, cx)));
            return Verdict::Play(std::iter::once(Step::Send(take(unit))).chain(held).collect());
        }
        let waits = SINGLE_REPLIES.contains(&unit.kind) && self.method.fits(unit);
        let size: usize = self.held.iter().map(|(_, unit)| unit.bytes.len()).sum();
        let full = self.held.len() == MOST || size + unit.bytes.len() > MOST_BYTES;
        if !waits || full {
            return Verdict::Forward;
        }
        let until = cx.now.saturating_add(self.hold);
        self.held.push_back((until, take(unit)));
        self.trails = true;
        Verdict::Play(Vec::new())
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        if self.held.is_empty() {
            return Verdict::Forward;
        }
        Verdict::Play(self.release().into_iter().map(Step::Send).collect())
    }

    fn wake(&self) -> Option<Duration> {
        self.held.front().map(|(until, _)| *until)
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) -> Verdict {
        let due = self.held.iter().take_while(|(until, _)| *until <= cx.now).count();
        if due == 0 {
            return Verdict::Forward;
        }
        let due = self.held.drain(..due).map(|(_, mut unit)| {
            cx.protocol.set_apart(&mut unit);
            Step::Send(unit)
        });
        Verdict::Play(due.collect())
    }

    fn held_bytes(&self) -> usize {
        self.held.iter().map(|(_, unit)| unit.bytes.len()).sum()
    }

    fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    fn yields(&self) -> bool {
        true
    }

    fn follows(&self) -> bool {
        true
    }

    fn kinds(&self) -> &'static [Kind] {
        SINGLE_REPLIES
    }

    fn needs(&self) -> Option<&str> {
        Some(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn release(&mut self) -> Vec<Unit> {
        self.held.drain(..).map(|(_, unit)| unit).collect()
    }
}

/// A unit to be sent right behind another one, whose own line end may still follow.
fn behind(mut unit: Unit, cx: &Context<'_>) -> Unit {
    let first = unit.bytes.first().copied();
    cx.protocol.set_apart(&mut unit);
    if first != Some(b'\n') && unit.bytes.first() == Some(&b'\n') {
        unit.bytes.truncate(unit.bytes.len() - 1);
    }
    unit
}

#[cfg(test)]
mod tests {
    use super::super::sample::{judge, unit};
    use super::*;
    use chenapan_core::testing::{configured, sent};

    fn reply(method: &str) -> Unit {
        let reply = unit("newline", &format!(r#"{{"result":"{method}","id":1}}"#));
        Unit { label: Some(method.into()), ..reply }
    }

    fn notification() -> Unit {
        let text = r#"{"method":"eth_subscription"}"#;
        Unit { kind: Kind::Notification, ..unit("newline", text) }
    }

    #[test]
    fn a_notification_overtakes_the_reply() {
        let mut judge = judge("newline");
        let mut early = configured::<RpcEarlyNotify>(&[]);
        assert_eq!(judge.unit(&mut early, notification()).0, Verdict::Forward);
        let held = reply("eth_subscribe");
        assert_eq!(sent(judge.unit(&mut early, held.clone())), Vec::<Vec<u8>>::new());
        assert!(early.holds() && early.yields() && early.follows());
        assert_eq!(judge.unit(&mut early, reply("eth_call")).0, Verdict::Forward);
        let both = sent(judge.unit(&mut early, notification()));
        assert_eq!(both, [notification().bytes, held.bytes]);
        assert!(!early.holds() && early.wake().is_none());
    }

    #[test]
    fn nothing_is_held_for_ever() {
        let (mut judge, held) = (judge("newline"), reply("subscribe"));
        let mut early = configured::<RpcEarlyNotify>(&[("hold", "2s")]);
        let _ = judge.unit(&mut early, held.clone());
        let expected = Verdict::Play(vec![Step::Send(held.clone())]);
        assert_eq!(judge.wake(&mut early), Some(expected.clone()));
        assert_eq!(judge.now, Duration::from_secs(2));
        let _ = judge.unit(&mut early, held.clone());
        assert_eq!(judge.eof(&mut early), expected);
        assert_eq!(judge.eof(&mut early), Verdict::Forward);
        let _ = judge.unit(&mut early, held.clone());
        assert_eq!(early.release(), [held]);
    }

    #[test]
    fn no_more_than_so_many_are_held() {
        let mut judge = judge("newline");
        let mut early = configured::<RpcEarlyNotify>(&[("method", "*")]);
        for _ in 0..MOST {
            assert_eq!(judge.unit(&mut early, reply("a")).0, Verdict::Play(Vec::new()));
        }
        assert_eq!(judge.unit(&mut early, reply("a")).0, Verdict::Forward);
        assert_eq!(sent(judge.unit(&mut early, notification())).len(), MOST + 1);
    }
}
