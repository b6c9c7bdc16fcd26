//! Sends replies that nobody waits for.

use super::{MESSAGE, SINGLE_REPLIES, read, replies, unknown};
use crate::json::Patch;
use crate::json_rpc::Id;
use chenapan_core::{
    Behavior, Context, Dice, Interest, Scope, Step, Unit, Verdict, choices, plugin,
};
use std::collections::VecDeque;

plugin! {
    /// Sends a reply of JSON-RPC with an id that nobody waits for before the right one.
    ///
    /// It is a copy of the right reply with another id. The first reply has no earlier one, and
    /// comes alone. Only replies that the rule selects count. Batches stay as they are, and so does
    /// HTTP, where each reply answers a request.
    ///
    /// A healthy peer drops it and accepts the right reply that follows: a late or repeated reply
    /// is no reason to end the session, or to fail another call.
    pub struct RpcStale = "rpc-stale", Downstream {
        /// Id of the reply.
        from: Stale = "previous",
        ;
        answered: VecDeque<Box<str>>,
    }
}

/// Number of ids that are kept, and of bytes that one of them may have.
const MOST: usize = 64;
const LONGEST: usize = 1 << 10;

choices! {
    /// Id that nobody waits for.
    pub enum Stale {
        /// The id of the reply before, which is answered already.
        Previous = "previous",
        /// One of the last 64 that are answered.
        Random = "random",
        /// One of the same type that nobody has asked for.
        Unknown = "unknown",
    }
}

impl Behavior for RpcStale {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(text) = cx.messages().message(unit) else { return Verdict::Forward };
        let message = read(&text);
        let object = message.object.as_ref().filter(|_| replies(&message));
        let Some(member) = object.and_then(|object| object.id.as_ref()) else {
            return Verdict::Forward;
        };
        let id = message.raw(member.value.clone());
        let stale = self.other(Id::new(id), &mut cx.dice);
        if id.len() <= LONGEST {
            if self.answered.len() == MOST {
                self.answered.pop_front();
            }
            self.answered.push_back(id.into());
        }
        let Some(stale) = stale else { return Verdict::Forward };
        let mut patch = Patch::default();
        patch.put(member.value.clone(), stale);
        let Some(stale) = cx.messages().beside(unit, &patch.apply(&text)) else {
            return Verdict::Forward;
        };
        drop(text);
        let stale = stale.labelled(unit.label.clone());
        Verdict::Play(vec![Step::Send(stale), Step::Send(unit.take())])
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(SINGLE_REPLIES).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl RpcStale {
    /// An id that is not this one.
    fn other(&self, id: Id<'_>, dice: &mut Dice) -> Option<String> {
        let mut others = self.answered.iter().rev().filter(|known| !Id::new(known).matches(id));
        let other = match self.from {
            Stale::Unknown => return unknown(id, dice),
            Stale::Random => {
                let others: Vec<_> = others.collect();
                let at = usize::try_from(dice.below(others.len() as u64)).unwrap_or(0);
                others.get(at).copied()
            }
            Stale::Previous => others.next(),
        };
        other.map(|id| id.clone().into_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{judge, message, unit};
    use super::*;
    use chenapan_core::testing::configured;

    /// The messages that arrive in the place of some replies.
    fn arrive(from: &str, framing: &str, ids: &[&str]) -> Vec<String> {
        let mut judge = judge(framing);
        let mut stale = configured::<RpcStale>(&[("from", from)]);
        let mut out = Vec::new();
        for id in ids {
            let shown = judge.unit(&mut stale, unit(framing, &reply(id)));
            match shown {
                (Verdict::Play(steps), _) => out.extend(steps.iter().map(|step| match step {
                    Step::Send(unit) => message(framing, unit),
                    other => panic!("{other:?}"),
                })),
                (_, unit) => out.push(message(framing, &unit)),
            }
        }
        out
    }

    fn reply(id: &str) -> String {
        format!(r#"{{"result":"é", "id" : {id} }}"#)
    }

    #[test]
    fn the_previous_id_comes_again_before_the_right_one() {
        for framing in ["newline", "content-length", "websocket"] {
            let expected = ["1", "1", "\"b\"", "\"b\"", "3"].map(reply);
            assert_eq!(arrive("previous", framing, &["1", "\"b\"", "3"]), expected, "{framing}");
        }
        // What is the same by value is not stale.
        assert_eq!(arrive("previous", "newline", &["1", "1.0"]), ["1", "1.0"].map(reply));
        assert_eq!(arrive("previous", "http-response", &["1", "2"]), ["1", "2"].map(reply));
    }

    #[test]
    fn random_is_one_of_those_that_were_answered() {
        let all = arrive("random", "newline", &["1", "2", "3", "4"]);
        assert_eq!((&all[0], &all[1], &all[2]), (&reply("1"), &reply("1"), &reply("2")));
        assert!([reply("1"), reply("2"), reply("3")].contains(&all[5]));
        assert_eq!(all[6], reply("4"));
    }

    #[test]
    fn unknown_is_one_that_nobody_has_asked_for() {
        let all = arrive("unknown", "newline", &["1", "null"]);
        assert_eq!((all.len(), &all[1], &all[2]), (3, &reply("1"), &reply("null")));
        assert_eq!(all[0].len(), reply("1").len() + 9);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut judge = judge("newline");
        let mut stale = configured::<RpcStale>(&[]);
        for id in 0..1_000 {
            let _ = judge.unit(&mut stale, unit("newline", &reply(&id.to_string())));
        }
        let _ = judge.unit(&mut stale, unit("newline", &reply(&"7".repeat(5_000))));
        assert_eq!((stale.answered.len(), &*stale.answered[63]), (64, "999"));
    }
}
