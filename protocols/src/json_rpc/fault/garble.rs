//! Makes of a message what is no JSON, or not quite.

use super::{MESSAGE, REPLIES, change, change_whole, content};
use crate::json::{Patch, Tokens};
use crate::json_rpc::Message;
use chenapan_core::{Behavior, Context, Interest, Scope, Unit, Verdict, choices, plugin};
use std::ops::Range;

plugin! {
    /// Damages the JSON text of a message, inside of a frame that stays right.
    ///
    /// `bad-utf8`, `nan` and `duplicate-key` damage the result (or the error, or the params). If
    /// there is no string, or no number, the whole result becomes one. In a batch each reply is
    /// damaged, but `truncate` cuts the batch as a whole.
    ///
    /// A healthy peer fails the call, or all that are pending, and serves later ones; none may take wrong
    /// text for right. RFC 8259, sections 2, 4, 6, 7 and 8.1.
    pub struct RpcGarble = "rpc-garble", Downstream {
        /// Kind of damage.
        how: How = "truncate",
    }
}

choices! {
    /// Damage to a JSON text.
    pub enum How {
        /// The text ends in its middle, between two characters.
        Truncate = "truncate",
        /// A comma comes before the last bracket.
        Trailing = "trailing",
        /// A byte that UTF-8 never has comes at the start of a string.
        BadUtf8 = "bad-utf8",
        /// The first number becomes NaN.
        Nan = "nan",
        /// All strings have single quotes.
        Quotes = "quotes",
        /// Another result, which is null, comes behind the result.
        DuplicateKey = "duplicate-key",
    }
}

impl Behavior for RpcGarble {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let what = format!("garble: {}", self.how);
        if self.how == How::Truncate {
            change_whole(unit, cx, what, |message, patch, _| {
                let span = message.span.clone();
                let mut at = span.start + span.len() / 2;
                // What cannot be cut here can be cut before.
                while at > span.start && message.raw(at..span.end).is_empty() {
                    at -= 1;
                }
                patch.remove(at..span.end);
            });
        } else {
            change(unit, cx, what, |message, patch, _| self.edit(message, patch));
        }
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(REPLIES).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl RpcGarble {
    fn edit(&self, message: &Message<'_>, patch: &mut Patch) {
        match self.how {
            // That is about the whole, however many messages are in it.
            How::Truncate => {}
            How::Trailing => patch.insert(message.span.end.saturating_sub(1), ","),
            How::Quotes => {
                let strings = tokens(message, message.span.clone());
                for span in strings.filter(|span| message.raw(span.clone()).starts_with('"')) {
                    patch.put(span.start..span.start + 1, "'");
                    patch.put(span.end - 1..span.end, "'");
                }
            }
            How::BadUtf8 => {
                let Some(value) = content(message).map(|member| member.value.clone()) else {
                    return;
                };
                match string(message, value.clone()) {
                    Some(at) => patch.insert(at + 1, [0xff]),
                    None => patch.put(value, b"\"\xff\""),
                }
            }
            How::Nan => {
                let Some(value) = content(message).map(|member| member.value.clone()) else {
                    return;
                };
                let digit = |byte: u8| byte == b'-' || byte.is_ascii_digit();
                let number = tokens(message, value.clone())
                    .find(|span| message.raw(span.clone()).bytes().next().is_some_and(digit));
                patch.put(number.unwrap_or(value), "NaN");
            }
            How::DuplicateKey => {
                let Some(member) = content(message) else { return };
                let key = message.raw(member.key.clone());
                patch.insert(member.value.end, format!(",{key}:null"));
            }
        }
    }
}

fn tokens<'a>(
    message: &Message<'a>,
    span: Range<usize>,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let start = span.start;
    let text = message.raw(span).as_bytes();
    Tokens::new(text, 0..text.len()).map(move |found| start + found.start..start + found.end)
}

/// Returns the start of the first string that is a value, or else of the first name.
fn string(message: &Message<'_>, span: Range<usize>) -> Option<usize> {
    let mut name = None;
    let mut before: Option<usize> = None;
    for token in tokens(message, span) {
        let raw = message.raw(token.clone());
        match before.take() {
            Some(start) if raw == ":" => name = name.or(Some(start)),
            Some(start) => return Some(start),
            None => {}
        }
        if raw.starts_with('"') {
            before = Some(token.start);
        }
    }
    before.or(name)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{after_bytes, at_all_framings, unit};
    use super::*;

    fn how(how: &str, message: &str) -> Vec<u8> {
        let (bytes, told) =
            after_bytes::<RpcGarble>(&[("how", how)], "newline", message.as_bytes());
        assert_eq!(told.len(), usize::from(bytes != unit("newline", message).bytes), "{message}");
        bytes.strip_suffix(b"\n").unwrap().to_vec()
    }

    fn is(way: &str, message: &str, becomes: &[u8]) {
        let found = how(way, message);
        assert_eq!(found.escape_ascii().to_string(), becomes.escape_ascii().to_string());
    }

    #[test]
    fn each_way_is_the_way_it_says() {
        is("truncate", r#"{"result":1,"id":1}"#, br#"{"result""#);
        is("truncate", "{\"result\":\"éééééééé\"}", "{\"result\":\"é".as_bytes());
        is("trailing", r#"{"result":1,"id":1 }"#, br#"{"result":1,"id":1 ,}"#);
        is("bad-utf8", r#"{"result":"abc","id":1}"#, b"{\"result\":\"\xffabc\",\"id\":1}");
        is(
            "bad-utf8",
            r#"{"result":{"a":{"b":"c"}},"id":1}"#,
            b"{\"result\":{\"a\":{\"b\":\"\xffc\"}},\"id\":1}",
        );
        is("bad-utf8", r#"{"result":{"a":1},"id":1}"#, b"{\"result\":{\"\xffa\":1},\"id\":1}");
        is("bad-utf8", r#"{"result":1,"id":1}"#, b"{\"result\":\"\xff\",\"id\":1}");
        is(
            "bad-utf8",
            r#"{"result":null,"error":"a","id":1}"#,
            b"{\"result\":null,\"error\":\"\xffa\",\"id\":1}",
        );
        is("nan", r#"{"result":["1",-1.5e3,2],"id":1}"#, br#"{"result":["1",NaN,2],"id":1}"#);
        is(
            "nan",
            r#"{"result":true,"error":null,"id":1}"#,
            br#"{"result":NaN,"error":null,"id":1}"#,
        );
        is("quotes", r#"{"result":"a\"b","id":1}"#, br#"{'result':'a\"b','id':1}"#);
        is(
            "duplicate-key",
            r#"{"result":[1] ,"id":1}"#,
            br#"{"result":[1],"result":null ,"id":1}"#,
        );
    }

    #[test]
    fn each_reply_of_a_batch_and_nothing_where_there_is_none() {
        is(
            "nan",
            r#"[{"result":1,"id":1},{"result":2,"id":2}]"#,
            br#"[{"result":NaN,"id":1},{"result":NaN,"id":2}]"#,
        );
        is("truncate", r#"[{"result":1,"id":1}]"#, br#"[{"result""#);
        for way in ["truncate", "trailing", "bad-utf8", "nan", "quotes", "duplicate-key"] {
            for stays in ["", "nope", "\u{feff}"] {
                is(way, stays, stays.as_bytes());
            }
        }
    }

    #[test]
    fn whatever_frames_it() {
        let options = [("how", "trailing")];
        at_all_framings::<RpcGarble>(&options, r#"{"result":"é"}"#, r#"{"result":"é",}"#);
    }
}
