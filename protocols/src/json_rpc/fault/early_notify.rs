//! Lets notifications come before the reply that announces them.

use super::{MESSAGE, Methods, SINGLE_REPLIES};
use chenapan_core::{
    Behavior, Context, Held, Holding, Interest, Kind, Others, Scope, Unit, Verdict, plugin,
};
use std::time::Duration;

plugin! {
    /// Holds the reply to a call that subscribes until a notification has overtaken it.
    ///
    /// The held replies follow the next notification, whatever it is about; other messages pass.
    /// Without a notification a reply is held for at most `hold`, and the end of the stream
    /// releases it. At most 64 replies and 64 MiB are held at a time. Nothing is lost or changed.
    ///
    /// A healthy peer keeps the notifications of a subscription that it does not know yet, and
    /// delivers them once the reply is there. No standard promises that replies come first.
    pub struct RpcEarlyNotify = "rpc-early-notify", Downstream {
        /// Calls with replies to hold: a glob over their method (* and ?).
        method: Methods = "*subscribe*",
        /// Longest time for which a reply is held if no notification comes.
        hold: Duration = "1s",
        ;
        held: Held,
        /// Set when the next unit may be the blank behind the last reply that is held.
        trails: bool,
    }
}

const MOST: usize = 64;
const MOST_BYTES: usize = 64 << 20;

impl Behavior for RpcEarlyNotify {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let trails = std::mem::take(&mut self.trails) && unit.kind == Kind::Blank;
        if trails && self.held.take_trailer(unit) {
            return Verdict::Play(Vec::new());
        }
        if unit.kind == Kind::Notification && !self.held.is_empty() {
            let held = self.held.take_all().into_iter().map(|unit| behind(unit, cx));
            return Verdict::send(std::iter::once(unit.take()).chain(held));
        }
        let waits = SINGLE_REPLIES.contains(&unit.kind) && self.method.fits(unit);
        let full = self.held.len() == MOST || self.held.bytes() + unit.bytes.len() > MOST_BYTES;
        if !waits || full {
            return Verdict::Forward;
        }
        self.trails = true;
        self.held.hold_until(unit, cx.now.saturating_add(self.hold))
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        Verdict::send(self.held.take_all())
    }

    fn wake(&self) -> Option<Duration> {
        self.held.next_due()
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) -> Verdict {
        let due = self.held.take_due(cx.now).into_iter().map(|mut unit| {
            cx.messages().set_apart(&mut unit);
            unit
        });
        Verdict::send(due)
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(SINGLE_REPLIES).needs(MESSAGE).others(Others::Shown)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn holding(&mut self) -> Option<&mut dyn Holding> {
        Some(&mut self.held)
    }
}

/// A unit to be sent right behind another one, whose own line end may still follow.
fn behind(mut unit: Unit, cx: &Context<'_>) -> Unit {
    let first = unit.bytes.first().copied();
    cx.messages().set_apart(&mut unit);
    if first != Some(b'\n') && unit.bytes.first() == Some(&b'\n') {
        unit.bytes.truncate(unit.bytes.len() - 1);
    }
    unit
}

#[cfg(test)]
mod tests {
    use super::super::sample::{judge, unit};
    use super::*;
    use chenapan_core::Step;
    use chenapan_core::testing::{configured, released, sent};

    fn reply(method: &str) -> Unit {
        unit("newline", &format!(r#"{{"result":"{method}","id":1}}"#)).label(method)
    }

    fn notification() -> Unit {
        let text = r#"{"method":"eth_subscription"}"#;
        let mut unit = unit("newline", text);
        unit.kind = Kind::Notification;
        unit
    }

    #[test]
    fn a_notification_overtakes_the_reply() {
        let mut judge = judge("newline");
        let mut early = configured::<RpcEarlyNotify>(&[]);
        assert_eq!(judge.unit(&mut early, notification()).0, Verdict::Forward);
        let held = reply("eth_subscribe");
        assert_eq!(sent(judge.unit(&mut early, held.clone())), Vec::<Vec<u8>>::new());
        assert_eq!((early.held.len(), early.scope().others), (1, Others::Shown));
        assert_eq!(judge.unit(&mut early, reply("eth_call")).0, Verdict::Forward);
        let both = sent(judge.unit(&mut early, notification()));
        assert_eq!(both, [notification().bytes, held.bytes]);
        assert!(early.held.is_empty() && early.wake().is_none());
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
        assert_eq!(released(&mut early), [held]);
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
