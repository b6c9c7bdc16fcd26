//! Gives replies wrong ids.

use super::{MESSAGE, REPLIES, change, integer, unknown};
use crate::json::{Patch, ValueType, text};
use crate::json_rpc::{Id, Message};
use chenapan_core::{Behavior, Context, Dice, Interest, Scope, Unit, Verdict, choices, plugin};

plugin! {
    /// Gives a reply of JSON-RPC another id than its request had, or none.
    ///
    /// All other bytes stay as they are. In a batch each reply gets another id. A reply without an
    /// id stays as it is.
    ///
    /// A healthy peer fails the call at once, or takes `float` for what it is, and serves later
    /// calls; many wait for ever. JSON-RPC 2.0, section 5: the id "MUST be the same as the value of
    /// the id member in the Request Object".
    pub struct RpcId = "rpc-id", Downstream {
        /// Change of the id.
        to: Change = "retype",
    }
}

choices! {
    /// Change of an id.
    pub enum Change {
        /// An integer becomes a string, and a string that is an integer becomes one; other ids stay.
        Retype = "retype",
        /// A string becomes the integer that it is, and 0 where it is none, as with a peer that reads all
        /// ids as numbers.
        Number = "number",
        /// A string gets its letters in the other case.
        Case = "case",
        /// An integer gets `.0`, which is the same number.
        Float = "float",
        /// The id becomes null.
        Null = "null",
        /// The id is taken out.
        Missing = "missing",
        /// The id becomes one of the same type for which nobody has asked.
        Unknown = "unknown",
    }
}

impl Behavior for RpcId {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let what = format!("id: {}", self.to);
        change(unit, cx, what, |message, patch, dice| self.edit(message, patch, dice));
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(REPLIES).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl RpcId {
    fn edit(&self, message: &Message<'_>, patch: &mut Patch, dice: &mut Dice) {
        let Some(member) = message.object.as_ref().and_then(|object| object.id.as_ref()) else {
            return;
        };
        if self.to == Change::Missing {
            return patch.remove(member.removal());
        }
        let id = message.raw(member.value.clone());
        if let Some(id) = self.other(Id::new(id), dice) {
            patch.put(member.value.clone(), id);
        }
    }

    fn other(&self, id: Id<'_>, dice: &mut Dice) -> Option<String> {
        let raw = id.raw();
        match (self.to, id.value_type()) {
            (Change::Retype, ValueType::Number) => integer(raw).then(|| format!("\"{raw}\"")),
            (Change::Retype, ValueType::Text) => {
                let text = text::text(raw);
                integer(&text).then(|| text.into_owned())
            }
            (Change::Number, ValueType::Text) => {
                let text = text::text(raw);
                Some(if integer(&text) { text.into_owned() } else { "0".to_owned() })
            }
            (Change::Case, ValueType::Text) => {
                let swapped: String = text::text(raw).chars().map(other_case).collect();
                let mut out = Vec::new();
                text::quote(&swapped, &mut out);
                String::from_utf8(out).ok().filter(|_| swapped != text::text(raw))
            }
            (Change::Float, ValueType::Number) => integer(raw).then(|| format!("{raw}.0")),
            (Change::Null, sort) => (sort != ValueType::Null).then(|| "null".to_owned()),
            (Change::Unknown, _) => unknown(id, dice),
            (Change::Retype | Change::Number | Change::Case | Change::Float, _) => None,
            // That takes the member out.
            (Change::Missing, _) => None,
        }
    }
}

fn other_case(letter: char) -> char {
    if letter.is_ascii_lowercase() {
        letter.to_ascii_uppercase()
    } else {
        letter.to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{after, at_all_framings};
    use super::*;

    fn to(to: &str, message: &str) -> String {
        after::<RpcId>(&[("to", to)], message).0
    }

    #[test]
    fn the_id_changes_and_no_other_byte_does() {
        let reply =
            |id: &str| format!(r#"{{ "id" : {id} , "result": [1.0, "id"],"jsonrpc":"2.0"}}"#);
        for (how, id, becomes) in [
            ("retype", "1", "\"1\""),
            ("retype", "-0", "\"-0\""),
            ("retype", "\"7\"", "7"),
            ("retype", "\"\\u0037\"", "7"),
            ("retype", "12345678901234567890123", "\"12345678901234567890123\""),
            ("number", "\"7\"", "7"),
            ("number", "\"uuid-0\"", "0"),
            ("case", "\"aB-é\\n7\"", "\"Ab-é\\n7\""),
            ("float", "1", "1.0"),
            ("float", "-7", "-7.0"),
            ("null", "1", "null"),
            ("null", "\"a\"", "null"),
        ] {
            let what = format!("0 id: {how}").replace('0', "9");
            let (bytes, told) = after::<RpcId>(&[("to", how)], &reply(id));
            assert_eq!((bytes, told), (reply(becomes), vec![what]), "{how} {id}");
        }
        for (how, id) in [
            ("retype", "\"abc\""),
            ("retype", "\"01\""),
            ("retype", "\"\""),
            ("retype", "1.0"),
            ("retype", "null"),
            ("number", "7"),
            ("case", "7"),
            ("case", "\"-7\""),
            ("float", "\"1\""),
            ("float", "1.5"),
            ("null", "null"),
            ("unknown", "null"),
        ] {
            let (bytes, told) = after::<RpcId>(&[("to", how)], &reply(id));
            assert_eq!((bytes, told.len()), (reply(id), 0), "{how} {id}");
        }
    }

    #[test]
    fn a_missing_id_takes_one_comma_with_it() {
        assert_eq!(to("missing", r#"{"result":1, "id":1}"#), r#"{"result":1}"#);
        assert_eq!(to("missing", r#"{"id":1 , "result":1}"#), r#"{ "result":1}"#);
        assert_eq!(to("missing", r#"{"result":1}"#), r#"{"result":1}"#);
    }

    #[test]
    fn an_unknown_id_is_another_of_its_type() {
        let number = to("unknown", r#"{"result":1,"id":7}"#);
        let id = number.strip_prefix(r#"{"result":1,"id":"#).unwrap().strip_suffix('}').unwrap();
        assert!(id.parse::<i32>().unwrap() >= 0x4000_0000);
        let text = to("unknown", r#"{"result":1,"id":"7"}"#);
        assert_eq!(text.len(), r#"{"result":1,"id":""}"#.len() + 16);
    }

    #[test]
    fn each_reply_of_a_batch_and_nothing_else_in_it() {
        let batch = r#"[{"result":1,"id":1}, {"method":"a","id":3},5,{"error":{"id":1},"id":2}]"#;
        let after =
            r#"[{"result":1,"id":1.0}, {"method":"a","id":3},5,{"error":{"id":1},"id":2.0}]"#;
        assert_eq!(to("float", batch), after);
        for text in ["", "{", "nope", "[]", "1", "\u{feff}{}", "{}"] {
            assert_eq!(to("null", text), text);
        }
    }

    #[test]
    fn whatever_frames_it() {
        let (one, other) = (r#"{"result":"é","id":1}"#, r#"{"result":"é","id":"1"}"#);
        at_all_framings::<RpcId>(&[], one, other);
    }
}
