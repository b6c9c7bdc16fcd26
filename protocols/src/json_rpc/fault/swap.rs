//! Lets two replies trade their ids.

use super::{MESSAGE, SINGLE_REPLIES, put, read, replies};
use crate::json::Patch;
use crate::json_rpc::Id;
use chenapan_core::{
    Behavior, Context, Held, Holding, Interest, OptionError, Others, Scope, Unit, Verdict, plugin,
};
use std::ops::Range;
use std::time::Duration;

plugin! {
    /// Lets two replies of JSON-RPC trade their ids, so that each caller gets what another asked for.
    ///
    /// A reply is held until others come; the last one of `window` replies trades ids with it, and both
    /// are sent, the held one first. Those between them pass. Replies with the same id never trade;
    /// batches stay as they are. No reply is held for longer than `hold`, and at the end of the stream it
    /// is sent as it is: nothing is lost.
    ///
    /// No peer can notice it by JSON-RPC alone; only an end-to-end check of the results can.
    /// JSON-RPC 2.0, section 5: the id "MUST be the same as the value of the id member in the
    /// Request Object".
    pub struct RpcSwap = "rpc-swap", Downstream {
        /// Number of replies of which the first and the last trade, at least 2.
        window: u64 = "2",
        /// Longest time for which a reply is held if no others come.
        hold: Duration = "200ms",
        ;
        held: Held,
        first: First,
    } check = RpcSwap::check
}

/// The reply that is held.
#[derive(Clone, Debug, Default)]
struct First {
    id: String,
    /// Number of replies that may still come, with the one that trades.
    left: u64,
}

impl Behavior for RpcSwap {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some((id, _)) = id(unit, cx) else { return Verdict::Forward };
        if self.held.is_empty() {
            self.first = First { id, left: self.window.saturating_sub(1).max(1) };
            return self.held.hold_until(unit, cx.now.saturating_add(self.hold));
        }
        self.first.left = self.first.left.saturating_sub(1);
        if self.first.left > 0 {
            return Verdict::Forward;
        }
        let mut held = self.held.pop();
        if let Some(held) = &mut held
            && !Id::new(&self.first.id).matches(Id::new(&id))
            && give(held, &id, cx)
        {
            give(unit, &self.first.id, cx);
        }
        Verdict::send(held.into_iter().chain([unit.take()]))
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        Verdict::send(self.held.pop())
    }

    fn wake(&self) -> Option<Duration> {
        self.held.next_due()
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) -> Verdict {
        let held = self.held.pop().map(|mut unit| {
            cx.messages().set_apart(&mut unit);
            unit
        });
        Verdict::send(held)
    }

    fn scope(&self) -> Scope<'_> {
        // The first one is sent first; with more than two others pass between them.
        Scope::of(SINGLE_REPLIES).needs(MESSAGE).others(Others::Overtake).ordered(self.window == 2)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn holding(&mut self) -> Option<&mut dyn Holding> {
        Some(&mut self.held)
    }
}

impl RpcSwap {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        match self.window {
            0 | 1 => Err(OptionError::value("window", "expected 2 or more")),
            _ => Ok(()),
        }
    }
}

/// The id of a reply, other than null, and where it lies in the message.
fn id(unit: &Unit, cx: &Context<'_>) -> Option<(String, Range<usize>)> {
    let text = cx.messages().message(unit)?;
    let message = read(&text);
    let member = message.object.as_ref().filter(|_| replies(&message))?.id.as_ref()?;
    let id = Id::new(message.raw(member.value.clone()));
    id.key()?;
    Some((id.raw().to_owned(), member.value.clone()))
}

/// Puts another id into a reply; whether that could be done.
fn give(unit: &mut Unit, other: &str, cx: &mut Context<'_>) -> bool {
    let Some((_, span)) = id(unit, cx) else { return false };
    let Some(text) = cx.messages().message(unit) else { return false };
    let (at, mut patch) = (span.start, Patch::default());
    patch.put(span, other);
    let made = patch.apply(&text);
    drop(text);
    put(unit, cx, at, &made, "id: another's")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{judge, unit};
    use super::*;
    use chenapan_core::Step;
    use chenapan_core::testing::{configured, released, sent};

    fn reply(result: &str, id: &str) -> String {
        format!(r#"{{"result":"{result}", "id" : {id} }}"#)
    }

    #[test]
    fn two_replies_trade_their_ids() {
        for framing in ["newline", "content-length", "websocket", "http-response"] {
            let (mut judge, mut swap) = (judge(framing), configured::<RpcSwap>(&[]));
            let first = sent(judge.unit(&mut swap, unit(framing, &reply("one", "1"))));
            assert_eq!(first, Vec::<Vec<u8>>::new());
            let both = sent(judge.unit(&mut swap, unit(framing, &reply("two", "\"long\""))));
            let expected = [reply("one", "\"long\""), reply("two", "1")];
            assert_eq!(both, expected.map(|text| unit(framing, &text).bytes), "{framing}");
            assert_eq!((judge.damage.len(), swap.held.len()), (2, 0));
        }
    }

    #[test]
    fn those_between_them_pass() {
        let (mut judge, mut swap) = (judge("newline"), configured::<RpcSwap>(&[("window", "3")]));
        let _ = judge.unit(&mut swap, unit("newline", &reply("one", "1")));
        let between = unit("newline", &reply("two", "2"));
        assert_eq!(judge.unit(&mut swap, between.clone()), (Verdict::Forward, between));
        let both = sent(judge.unit(&mut swap, unit("newline", &reply("three", "3"))));
        assert_eq!(
            both.concat(),
            format!("{}\n{}\n", reply("one", "3"), reply("three", "1")).as_bytes()
        );
        assert!(configured::<RpcSwap>(&[("window", "1")]).check().is_err());
    }

    #[test]
    fn the_same_id_is_no_trade_and_what_has_none_passes() {
        let (mut judge, mut swap) = (judge("newline"), configured::<RpcSwap>(&[]));
        for other in [reply("a", "null"), "nope".to_owned(), r#"[{"result":1,"id":1}]"#.to_owned()]
        {
            assert_eq!(judge.unit(&mut swap, unit("newline", &other)).0, Verdict::Forward);
        }
        let _ = judge.unit(&mut swap, unit("newline", &reply("one", "1")));
        let both = sent(judge.unit(&mut swap, unit("newline", &reply("two", "1.0"))));
        assert_eq!(
            both.concat(),
            format!("{}\n{}\n", reply("one", "1"), reply("two", "1.0")).as_bytes()
        );
        assert!(judge.damage.is_empty());
    }

    #[test]
    fn nothing_is_held_for_ever() {
        let (mut judge, mut swap) = (judge("newline"), configured::<RpcSwap>(&[]));
        let alone = unit("newline", &reply("one", "1"));
        let expected = Verdict::Play(vec![Step::Send(alone.clone())]);
        let _ = judge.unit(&mut swap, alone.clone());
        assert_eq!(judge.wake(&mut swap), Some(expected.clone()));
        let _ = judge.unit(&mut swap, alone.clone());
        assert_eq!(judge.eof(&mut swap), expected);
        let _ = judge.unit(&mut swap, alone.clone());
        assert_eq!((released(&mut swap), swap.wake()), (vec![alone], None));
    }
}
