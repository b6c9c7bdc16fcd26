//! Gives calls the results of others.

use super::{Json, MESSAGE, change_whole, picks_at};
use chenapan_core::{
    Behavior, Context, Interest, Kind, Messages, OptionError, Scope, Unit, Verdict, choices, plugin,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

plugin! {
    /// Gives a reply of JSON-RPC another result.
    ///
    /// With `previous` the first result of a method stays, and so does one that is larger than 1
    /// MiB or of more than 1,000 methods. All other bytes stay as they are, and lengths are
    /// corrected. In a batch each selected reply gets another result; errors stay.
    ///
    /// A healthy peer neither fails on null where a value may be missing, nor takes an old result
    /// for a new one where that matters.
    pub struct RpcResult = "rpc-result", Downstream {
        /// Result that it gets.
        to: Other = "null",
        /// The result with `to=value`, as a JSON text.
        value: Option<Json> = "none",
        ;
        known: Arc<Mutex<HashMap<Box<str>, Box<str>>>>,
    } check = RpcResult::check
}

const MOST_METHODS: usize = 1_000;
const MOST_BYTES: usize = 1 << 20;

choices! {
    /// Result that takes the place of another.
    pub enum Other {
        /// No value, as for a receipt that is not there yet.
        Null = "null",
        /// The one that the option `value` says.
        Value = "value",
        /// The result that the same method had before, over all connections of the rule, as from a node
        /// that is behind.
        Previous = "previous",
    }
}

impl Behavior for RpcResult {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let (picked, methods) = (cx.picked(unit), self.methods(unit, cx.messages()));
        change_whole(unit, cx, format!("result: {}", self.to), |message, patch, _| {
            for (at, item) in picks_at(message, picked.as_deref()) {
                let Some(result) = item.object.as_ref().and_then(|object| object.result.as_ref())
                else {
                    continue;
                };
                if item.object.as_ref().is_some_and(|object| object.method.is_some()) {
                    continue;
                }
                let method = methods.get(at).and_then(Option::as_deref);
                if let Some(other) = self.other(method, item.raw(result.value.clone())) {
                    patch.put(result.value.clone(), &*other);
                }
            }
        });
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Response, Kind::Batch]).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl RpcResult {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        match (self.to == Other::Value, &self.value) {
            (true, None) => Err(OptionError::value("to", "value wants the option value, too")),
            (false, Some(_)) => Err(OptionError::value("value", "goes with to=value only")),
            _ => Ok(()),
        }
    }

    /// The methods of the messages in a unit, as far as they have to be known.
    fn methods(&self, unit: &Unit, messages: &dyn Messages) -> Vec<Option<Box<str>>> {
        let mut methods = Vec::new();
        match unit.kind {
            _ if self.to != Other::Previous => {}
            Kind::Batch => messages.members(unit, &mut |member| {
                methods.push(member.label.map(Into::into));
                true
            }),
            _ => methods.push(unit.label.clone()),
        }
        methods
    }

    /// Returns the text that takes the place of a result.
    fn other(&self, method: Option<&str>, result: &str) -> Option<Box<str>> {
        match self.to {
            Other::Null => return Some("null".into()),
            Other::Value => return self.value.as_ref().map(|Json(text)| text.as_str().into()),
            Other::Previous => {}
        }
        // A panic cannot leave it half changed.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (method, fits) = (method?, result.len() <= MOST_BYTES);
        let room = known.len() < MOST_METHODS;
        match known.get_mut(method) {
            Some(before) if fits => Some(std::mem::replace(before, result.into())),
            Some(before) => Some(before.clone()),
            None if fits && room => {
                known.insert(method.into(), result.into());
                None
            }
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{after, at_all_framings, judge, unit};
    use super::*;
    use chenapan_core::testing::configured;

    fn labelled(method: &str, result: &str) -> Unit {
        unit("newline", &format!(r#"{{"result":{result},"id":1}}"#)).label(method)
    }

    #[test]
    fn the_result_is_another_one_and_nothing_else_changes() {
        let reply = r#"{"jsonrpc":"2.0", "result" : {"a":[1]} ,"id":1}"#;
        for (options, becomes) in [
            (&[][..], reply.replace(r#"{"a":[1]}"#, "null")),
            (&[("to", "value"), ("value", "[0.10]")], reply.replace(r#"{"a":[1]}"#, "[0.10]")),
        ] {
            let (bytes, told) = after::<RpcResult>(options, reply);
            assert_eq!((bytes, told.len()), (becomes, 1));
        }
        for other in [
            r#"{"error":{"code":1},"id":1}"#,
            r#"{"method":"a","result":1,"id":1}"#,
            r#"{"result":null,"id":1}"#,
            "[]",
            "",
        ] {
            assert_eq!(after::<RpcResult>(&[], other), (other.to_owned(), vec![]), "{other}");
        }
        let (bytes, _) = after::<RpcResult>(&[], r#"[{"result":1,"id":1},{"error":2,"id":2}]"#);
        assert_eq!(bytes, r#"[{"result":null,"id":1},{"error":2,"id":2}]"#);
    }

    #[test]
    fn the_previous_result_is_that_of_the_same_method_on_any_connection() {
        let mut one = configured::<RpcResult>(&[("to", "previous")]);
        let mut two = one.clone();
        let shown = |behavior: &mut RpcResult, method: &str, result: &str| {
            let (_, unit) = judge("newline").unit(behavior, labelled(method, result));
            String::from_utf8(unit.value("result").unwrap().to_vec()).unwrap()
        };
        assert_eq!(shown(&mut one, "block", "10"), "10");
        assert_eq!(shown(&mut one, "price", "\"x\""), "\"x\"");
        assert_eq!(shown(&mut two, "block", "11"), "10");
        assert_eq!(shown(&mut one, "block", "[12]"), "11");
        assert_eq!(shown(&mut one, "price", "5"), "\"x\"");
    }

    #[test]
    fn options_that_do_not_go_together_are_told() {
        let wrong = |options: &[(&str, &str)]| configured::<RpcResult>(options).check().is_err();
        assert!(wrong(&[("to", "value")]) && wrong(&[("value", "1")]));
        assert!(!wrong(&[]) && !wrong(&[("to", "value"), ("value", "1")]));
    }

    #[test]
    fn whatever_frames_it() {
        at_all_framings::<RpcResult>(&[], r#"{"result":"é","id":1}"#, r#"{"result":null,"id":1}"#);
    }
}
