//! Says the same in other bytes.

use super::{MESSAGE, REPLIES, picks, put, read};
use crate::json::{Cursor, Patch, Tokens};
use crate::json_rpc::{Kind as Said, Message};
use chenapan_core::{Behavior, Context, Interest, Scope, Unit, Verdict, plugin};

plugin! {
    /// Writes a message of JSON-RPC in other bytes that mean the same.
    ///
    /// `keys` puts the members of the message in the opposite order, but not those inside result,
    /// error and params. `space` adds a blank after each comma, colon and opening bracket.
    /// `escapes` writes the first character of each string and name as an escape, if it is a letter
    /// or digit. In a batch each reply is restyled.
    ///
    /// Every healthy peer must read it as before. RFC 8259, sections 1, 2, 4 and 7: an object is
    /// "unordered", blanks are "insignificant", and "any character may be escaped".
    ///
    /// `members` adds a last member `chenapan` that means nothing. Not every peer takes it: no
    /// standard allows members that JSON-RPC does not know, and a peer that checks messages by a
    /// strict schema (such as MCP's TypeScript client) refuses them.
    pub struct RpcRestyle = "rpc-restyle", Downstream {
        /// Changes the order of members.
        keys: bool = "yes",
        /// Adds blanks.
        space: bool = "yes",
        /// Adds escapes.
        escapes: bool = "yes",
        /// Adds a member.
        members: bool = "no",
    }
}

const MEMBER: &str = "\"chenapan\":{\"id\":[null,true,\"result\"]}";

impl Behavior for RpcRestyle {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(text) = cx.messages().message(unit) else { return Verdict::Forward };
        let message = read(&text);
        if message.span.is_empty() {
            return Verdict::Forward;
        }
        let batch = matches!(message.meant(), Said::Batch(_));
        let picked = cx.picked(unit);
        if batch && picks(&message, picked.as_deref()).next().is_none() {
            return Verdict::Forward;
        }
        let mut moved = Patch::default();
        let mut place = |message: &Message<'_>| self.place(message, &mut moved);
        match batch {
            true => picks(&message, picked.as_deref()).for_each(|item| place(&item)),
            false => place(&message),
        }
        let made = moved.apply(&text);
        let mut styled = Patch::default();
        let placed = read(&made);
        match batch {
            // What separates the replies of a batch is its own.
            true => picks(&placed, picked.as_deref())
                .for_each(|item| self.style(&made, item.span, &mut styled)),
            false => self.style(&made, placed.span, &mut styled),
        }
        let made = styled.apply(&made);
        let differs = made.iter().zip(text.iter()).position(|(one, other)| one != other);
        let at = differs.unwrap_or(made.len().min(text.len()));
        if made == *text {
            return Verdict::Forward;
        }
        drop(text);
        put(unit, cx, at, &made, "restyle");
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(REPLIES).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl RpcRestyle {
    /// Moves and adds members.
    fn place(&self, message: &Message<'_>, patch: &mut Patch) {
        let Some(object) = &message.object else { return };
        if self.keys && !repeats(message) {
            let spans = members(message);
            for (to, from) in spans.iter().zip(spans.iter().rev()) {
                patch.put(to.clone(), message.raw(from.clone()));
            }
        }
        if self.members {
            let comma = if object.end.is_some() { "," } else { "" };
            patch.insert(object.insertion(), format!("{comma}{MEMBER}"));
        }
    }

    /// Adds blanks and escapes.
    fn style(&self, text: &[u8], span: std::ops::Range<usize>, patch: &mut Patch) {
        for token in Tokens::new(text, span) {
            let Some(first) = text.get(token.start) else { return };
            if self.space && b",:{[".contains(first) {
                patch.insert(token.end, " ");
            }
            let letter = text.get(token.start + 1).filter(|byte| byte.is_ascii_alphanumeric());
            if let (true, b'"', Some(letter)) = (self.escapes, first, letter) {
                let at = token.start + 1;
                patch.put(at..at + 1, format!("\\u{letter:04x}"));
            }
        }
    }
}

/// Returns the spans of the members.
fn members(message: &Message<'_>) -> Vec<std::ops::Range<usize>> {
    let whole = message.raw(0..message.span.end);
    let mut cursor = Cursor::new(whole.as_bytes(), message.span.start);
    std::iter::from_fn(|| Some(cursor.member().ok()??.span())).collect()
}

/// Returns `true` if a member that counts stands there twice: of those the last one counts, so that
/// another order would mean something else.
fn repeats(message: &Message<'_>) -> bool {
    let whole = message.raw(0..message.span.end);
    let mut cursor = Cursor::new(whole.as_bytes(), message.span.start);
    let mut known = std::collections::HashSet::new();
    while let Ok(Some(member)) = cursor.member() {
        let name = crate::json::text::bytes(message.raw(member.key)).into_owned();
        if !known.insert(name) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::sample::{after, at_all_framings};
    use super::*;

    fn only(option: &str, message: &str) -> String {
        let options: Vec<_> = ["keys", "space", "escapes", "members"]
            .map(|name| (name, if name == option { "yes" } else { "no" }))
            .to_vec();
        let (bytes, told) = after::<RpcRestyle>(&options, message);
        assert_eq!(told.len(), usize::from(bytes != message), "{message}");
        bytes
    }

    const REPLY: &str = r#"{"jsonrpc":"2.0", "result":["é\n",{}],"id":1}"#;

    #[test]
    fn each_option_does_what_it_says() {
        assert_eq!(only("keys", REPLY), r#"{"id":1, "result":["é\n",{}],"jsonrpc":"2.0"}"#);
        assert_eq!(
            only("space", REPLY),
            r#"{ "jsonrpc": "2.0",  "result": [ "é\n", { }], "id": 1}"#
        );
        let escaped = r#"{"\u006asonrpc":"\u0032.0", "\u0072esult":["é\n",{}],"\u0069d":1}"#;
        assert_eq!(only("escapes", REPLY), escaped);
        let more = format!("{},{MEMBER}}}", REPLY.strip_suffix('}').unwrap());
        assert_eq!(only("members", REPLY), more);
        assert_eq!(only("none", REPLY), REPLY);
    }

    #[test]
    fn it_means_the_same_as_before() {
        let (bytes, _) = after::<RpcRestyle>(&[], REPLY);
        let after: serde_json::Value = serde_json::from_str(&bytes).unwrap();
        assert_eq!(after, serde_json::from_str::<serde_json::Value>(REPLY).unwrap());
    }

    #[test]
    fn members_that_come_twice_keep_their_order() {
        let twice = r#"{"id":1,"result":1,"i\u0064":2}"#;
        assert_eq!(only("keys", twice), twice);
        for other in ["", "nope", r#"[{"method":"a"}]"#] {
            assert_eq!(after::<RpcRestyle>(&[], other), (other.to_owned(), vec![]));
        }
    }

    #[test]
    fn whatever_frames_it_and_in_batches() {
        let options = [("space", "no"), ("escapes", "no"), ("members", "no")];
        let batch = r#"[{"result":1,"id":1}, {"id":2,"result":2}]"#;
        let after = r#"[{"id":1,"result":1}, {"result":2,"id":2}]"#;
        at_all_framings::<RpcRestyle>(&options, batch, after);
    }
}
