//! Sends more notifications than anyone asked for.

use super::{MESSAGE, REPLIES, behind, dialect, notification, read};
use chenapan_core::{
    Behavior, Context, Holding, Interest, Kind, OptionError, Others, Scope, Step, Unit, Verdict,
    plugin,
};
use std::time::Duration;

plugin! {
    /// Sends a storm of notifications after a message.
    ///
    /// By default each reply is followed by a storm of notifications with an unknown method and
    /// without params. With `repeat` each notification is followed by copies of itself. With `rate`
    /// the notifications come one by one, and other messages pass between them; those left at the
    /// end of the stream are not sent. A storm that begins during another one makes it longer. A
    /// storm has at most 64 MiB. HTTP has no place for notifications between replies: it stays as
    /// it is.
    ///
    /// A healthy peer drops what it does not know, and serves its calls. JSON-RPC 2.0, section 4.1: a
    /// notification is not answered, whatever it says.
    pub struct RpcStorm = "rpc-storm", Downstream {
        /// Number of notifications, at most 100000.
        count: u64 = "100",
        /// Number of notifications a second; by default all come at once.
        rate: Option<u64> = "none",
        /// Their method.
        method: String = "chenapan.storm",
        /// Repeats notifications, instead of following replies.
        repeat: bool = "no",
        ;
        storm: Option<Storm>,
    } check = RpcStorm::check
}

/// Notifications that are still to be sent.
#[derive(Clone, Debug)]
struct Storm {
    unit: Unit,
    left: u64,
    next: Duration,
}

/// As long as it goes on nothing may be under way that it could come into the middle of.
impl Holding for Storm {
    fn is_empty(&self) -> bool {
        false
    }

    fn bytes(&self) -> usize {
        self.unit.bytes.len()
    }

    fn release(&mut self) -> Vec<Unit> {
        Vec::new()
    }
}

const MOST: u64 = 100_000;
const MOST_BYTES: u64 = 64 << 20;
/// Number of bytes that a notification costs beside its own, at least.
const LEAST: u64 = 640;

impl Behavior for RpcStorm {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(drop) = self.drop(unit, cx) else { return Verdict::Forward };
        let most = MOST_BYTES / (drop.bytes.len() as u64).max(LEAST);
        let count = self.count.min(MOST).min(most);
        let Some(gap) = self.gap() else {
            let mut steps = vec![Step::Send(unit.take())];
            steps.extend((0..count).map(|_| Step::Send(drop.clone())));
            return Verdict::Play(steps);
        };
        let going_on = self.storm.take();
        let next = going_on.as_ref().map_or(cx.now.saturating_add(gap), |storm| storm.next);
        let left = count.saturating_add(going_on.map_or(0, |storm| storm.left)).min(MOST);
        self.storm = Some(Storm { unit: drop, left, next }).filter(|storm| storm.left > 0);
        Verdict::Forward
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        self.storm = None;
        Verdict::Forward
    }

    fn wake(&self) -> Option<Duration> {
        self.storm.as_ref().map(|storm| storm.next)
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) -> Verdict {
        let (Some(gap), Some(mut storm)) = (self.gap(), self.storm.take()) else {
            return Verdict::Forward;
        };
        let mut steps = Vec::new();
        while storm.left > 0 && storm.next <= cx.now && steps.len() < BURST {
            steps.push(Step::Send(storm.unit.clone()));
            storm.left -= 1;
            storm.next = storm.next.saturating_add(gap);
        }
        // Whoever was late does not make up for it without an end.
        storm.next = storm.next.max(cx.now.saturating_add(Duration::from_nanos(1)));
        self.storm = Some(storm).filter(|storm| storm.left > 0);
        if steps.is_empty() { Verdict::Forward } else { Verdict::Play(steps) }
    }

    fn scope(&self) -> Scope<'_> {
        let kinds: &[Kind] = if self.repeat { &[Kind::Notification] } else { REPLIES };
        Scope::of(kinds).needs(MESSAGE).others(Others::Overtake)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn holding(&mut self) -> Option<&mut dyn Holding> {
        Some(self.storm.as_mut()?)
    }
}

/// Number of notifications that one waking sends at most.
const BURST: usize = 1_000;

impl RpcStorm {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        if !(1..=MOST).contains(&self.count) {
            return Err(OptionError::value("count", format!("expected a number from 1 to {MOST}")));
        }
        match self.rate {
            Some(rate) if !(1..=MOST).contains(&rate) => {
                Err(OptionError::value("rate", format!("expected a number from 1 to {MOST}")))
            }
            _ => Ok(()),
        }
    }

    fn gap(&self) -> Option<Duration> {
        self.rate.map(|rate| Duration::from_nanos(1_000_000_000 / rate.max(1)))
    }

    /// A notification that comes right behind a unit, or some time later.
    fn one(&self, cx: &Context<'_>, message: &[u8], unit: &Unit) -> Option<Unit> {
        if self.rate.is_none() {
            return behind(cx, message, unit);
        }
        let mut unit = cx.messages().beside(unit, message)?;
        cx.messages().set_apart(&mut unit);
        Some(unit)
    }

    /// One notification of the storm.
    fn drop(&self, unit: &Unit, cx: &Context<'_>) -> Option<Unit> {
        let text = cx.messages().message(unit)?;
        if self.repeat {
            let known = unit.kind == Kind::Notification;
            let made = known.then(|| self.one(cx, &text, unit))?;
            return made.map(|made| made.labelled(unit.label.clone()));
        }
        let message = read(&text);
        let dialect = dialect(unit, &message, cx.messages());
        self.one(cx, &notification(dialect, &self.method), unit)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{judge, message, unit};
    use super::*;
    use chenapan_core::testing::{configured, sent};

    const REPLY: &str = r#"{"jsonrpc":"2.0","result":1,"id":1}"#;
    const DROP: &str = r#"{"jsonrpc":"2.0","method":"chenapan.storm"}"#;

    #[test]
    fn a_storm_follows_the_reply() {
        for framing in ["newline", "content-length", "websocket"] {
            let mut storm = configured::<RpcStorm>(&[("count", "3")]);
            let sent = sent(judge(framing).unit(&mut storm, unit(framing, REPLY)));
            assert_eq!(sent, [REPLY, DROP, DROP, DROP].map(|text| unit(framing, text).bytes));
        }
        let mut storm = configured::<RpcStorm>(&[]);
        let shown = unit("http-response", REPLY);
        assert_eq!(judge("http-response").unit(&mut storm, shown).0, Verdict::Forward);
    }

    #[test]
    fn the_old_version_has_its_shape() {
        let mut storm = configured::<RpcStorm>(&[("count", "1"), ("method", "a\"b")]);
        let old = unit("newline", r#"{"result":1,"error":null,"id":1}"#);
        let sent = sent(judge("newline").unit(&mut storm, old));
        assert_eq!(sent[1], b"{\"method\":\"a\\\"b\",\"params\":[],\"id\":null}\n");
    }

    #[test]
    fn repeated_are_notifications_only() {
        let mut storm = configured::<RpcStorm>(&[("count", "2"), ("repeat", "yes")]);
        let told = unit("newline", r#"{"method":"a", "params":[1]}"#);
        let pieces = sent(judge("newline").unit(&mut storm, told.clone()));
        assert_eq!(pieces, [&told.bytes[..]; 3]);
        assert_eq!(judge("newline").unit(&mut storm, unit("newline", REPLY)).0, Verdict::Forward);
        assert_eq!(storm.scope().kinds, [Kind::Notification]);
    }

    #[test]
    fn with_a_rate_they_come_one_by_one() {
        let mut judge = judge("newline");
        let mut storm = configured::<RpcStorm>(&[("count", "3"), ("rate", "10")]);
        assert_eq!(judge.unit(&mut storm, unit("newline", REPLY)).0, Verdict::Forward);
        for nth in 1..=3 {
            let Some(Verdict::Play(steps)) = judge.wake(&mut storm) else { panic!() };
            let [Step::Send(sent)] = &steps[..] else { panic!("{steps:?}") };
            assert_eq!(
                (message("newline", sent), judge.now.as_millis()),
                (DROP.to_owned(), nth * 100)
            );
        }
        assert_eq!(judge.wake(&mut storm), None);
        let _ = judge.unit(&mut storm, unit("newline", REPLY));
        let _ = judge.eof(&mut storm);
        assert_eq!(storm.wake(), None);
    }

    #[test]
    fn a_storm_is_bounded() {
        let wrong = |options: &[(&str, &str)]| configured::<RpcStorm>(options).check().is_err();
        assert!(
            wrong(&[("count", "0")]) && wrong(&[("count", "100001")]) && wrong(&[("rate", "0")])
        );
        let large = format!(r#"{{"method":"{}"}}"#, "a".repeat(15 << 20));
        let told = unit("newline", &large);
        let mut storm = configured::<RpcStorm>(&[("repeat", "yes"), ("count", "100000")]);
        assert_eq!(sent(judge("newline").unit(&mut storm, told)).len(), 1 + 4);
        storm.rate = Some(100_000);
        let mut judge = judge("newline");
        judge.now = Duration::MAX;
        let told = unit("newline", r#"{"method":"a"}"#);
        let _ = judge.unit(&mut storm, told);
        let Some(Verdict::Play(steps)) = judge.wake(&mut storm) else { panic!() };
        assert_eq!(steps.len(), BURST);
    }
}
