//! Answers batches in ways that are allowed, and in ways that are not.

use super::{MESSAGE, behind, change_whole, fail, put, read, replies, trouble, unknown};
use crate::json::Patch;
use crate::json_rpc::{Flow, Forgery, Id, Kind as Said, Message};
use chenapan_core::{
    Behavior, Context, Dice, Interest, Kind, OptionError, Scope, Step, Unit, Verdict, choices,
    plugin,
};
use std::ops::Range;

plugin! {
    /// Changes the answer to a batch of JSON-RPC.
    ///
    /// `reverse` and `item-error` are allowed, so a healthy peer must not even notice. No other change is.
    ///
    /// Single replies stay as they are, and so does a batch that has no such reply. Replies keep
    /// their bytes, and the bytes between them stay.
    ///
    /// A healthy peer gives each caller its own reply, by the id, and fails the calls without one.
    /// JSON-RPC 2.0, section 6: "A Response object SHOULD exist for each Request object [...] The
    /// Response objects being returned from a batch call MAY be returned in any order".
    pub struct RpcBatch = "rpc-batch", Downstream {
        /// Change of the batch.
        mode: Mode = "reverse",
        /// Number of the reply that becomes an error or null, or comes twice, from 1.
        n: u64 = "1",
        /// Number of replies that remain with `partial`, from the first one; the others are
        /// missing.
        keep: Option<u64> = "none",
        /// Reply that is missing with `partial`, from 1; the first one, unless `keep` is given.
        drop: Option<u64> = "none",
        /// The code of an error.
        code: i64 = "-32603",
        /// The message of an error.
        message: String = "Internal error",
    } check = RpcBatch::check
}

choices! {
    /// Change of a batch of replies.
    pub enum Mode {
        /// The replies come in the opposite order.
        Reverse = "reverse",
        /// One of them becomes an error.
        ItemError = "item-error",
        /// Some are missing.
        Partial = "partial",
        /// One more, which nobody asked for, comes behind the others.
        Extra = "extra",
        /// One comes twice.
        Duplicate = "duplicate",
        /// Each is a message of its own, which HTTP has no place for.
        Split = "split",
        /// One error with the id null comes instead of all.
        SingleError = "single-error",
        /// An empty array comes.
        Empty = "empty",
        /// Null comes in the place of one.
        NullItem = "null-item",
        /// The array is in another one.
        Nested = "nested",
    }
}

impl Behavior for RpcBatch {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if self.mode == Mode::Split {
            return split(unit, cx);
        }
        change_whole(unit, cx, format!("batch: {}", self.mode), |message, patch, dice| {
            if answers(message) {
                self.edit(message, patch, dice);
            }
        });
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Batch]).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

/// Returns `true` if a message is a batch with replies in it.
fn answers(message: &Message<'_>) -> bool {
    matches!(message.meant(), Said::Batch(Flow::Response | Flow::Mixed))
}

impl RpcBatch {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        if self.keep.is_some() && self.drop.is_some() {
            return Err(OptionError::value("drop", "does not go together with keep"));
        }
        let counted = [("n", Some(self.n)), ("drop", self.drop)];
        match counted.into_iter().find(|(_, number)| *number == Some(0)) {
            Some((option, _)) => Err(OptionError::value(option, "expected 1 or more")),
            None => Ok(()),
        }
    }

    fn edit(&self, message: &Message<'_>, patch: &mut Patch, dice: &mut Dice) {
        let nth = |number: u64| message.spans().nth(index(number));
        match self.mode {
            Mode::Reverse => {
                let spans: Vec<Range<usize>> = message.spans().map(|item| item.value).collect();
                for (to, from) in spans.iter().zip(spans.iter().rev()) {
                    patch.put(to.clone(), message.raw(from.clone()));
                }
            }
            Mode::ItemError => {
                if let Some(item) = message.items().nth(index(self.n)) {
                    fail(&item, &trouble(self.code, &self.message, None), patch);
                }
            }
            Mode::Partial => match self.keep {
                Some(keep) => self.keep_first(keep, message, patch),
                None => {
                    if let Some(item) = nth(self.drop.unwrap_or(1)) {
                        patch.remove(without(&item));
                    }
                }
            },
            Mode::Extra => {
                if let Some((at, made)) = one_more(message, dice) {
                    patch.insert(at, format!(",{made}"));
                }
            }
            Mode::Duplicate => {
                if let Some(item) = nth(self.n) {
                    let again = message.raw(item.value.clone());
                    patch.insert(item.value.end, format!(",{again}"));
                }
            }
            Mode::SingleError => {
                let forgery = Forgery { code: self.code, message: &self.message, data: None };
                patch.put(message.span.clone(), forgery.with_id(message.dialect, "null"));
            }
            Mode::Empty => patch.put(message.span.clone(), "[]"),
            Mode::NullItem => {
                if let Some(item) = nth(self.n) {
                    patch.put(item.value, "null");
                }
            }
            // That makes several units of one.
            Mode::Split => {}
            Mode::Nested => {
                patch.insert(message.span.start, "[");
                patch.insert(message.span.end, "]");
            }
        }
    }

    fn keep_first(&self, keep: u64, message: &Message<'_>, patch: &mut Patch) {
        let first_gone = message.spans().nth(usize::try_from(keep).unwrap_or(usize::MAX));
        if let Some(gone) = first_gone {
            // An array ends with its bracket; what stands before that goes with the last item.
            let from = gone.comma_before.unwrap_or(gone.value.start);
            let last = message.spans().last().map_or(gone.value.end, |last| last.value.end);
            patch.remove(from..last);
        }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// Returns the span to take out so that the item is not there.
fn without(item: &crate::json::Item) -> Range<usize> {
    match (item.comma_before, item.comma_after) {
        (_, Some(comma)) => item.value.start..comma + 1,
        (Some(comma), None) => comma..item.value.end,
        (None, None) => item.value.clone(),
    }
}

/// The last reply again, with an id of its own, and the place behind all items.
fn one_more(message: &Message<'_>, dice: &mut Dice) -> Option<(usize, String)> {
    let end = message.spans().last()?.value.end;
    let last = message.items().filter(replies).last()?;
    let member = last.object.as_ref()?.id.as_ref()?;
    let id = unknown(Id::new(message.raw(member.value.clone())), dice)?;
    let before = message.raw(last.span.start..member.value.start);
    let behind = message.raw(member.value.end..last.span.end);
    Some((end, format!("{before}{id}{behind}")))
}

/// Makes a message of each item: the first one stays in the unit, the others follow.
fn split(unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
    let Some(text) = cx.messages().message(unit).map(std::borrow::Cow::into_owned) else {
        return Verdict::Forward;
    };
    let message = read(&text);
    if !answers(&message) {
        return Verdict::Forward;
    }
    let mut items = message.spans().map(|item| message.raw(item.value));
    let Some(first) = items.next() else { return Verdict::Forward };
    let others: Option<Vec<Unit>> = items.map(|item| behind(cx, item.as_bytes(), unit)).collect();
    let Some(others) = others else { return Verdict::Forward };
    if !put(unit, cx, message.span.start, first.as_bytes(), "batch: split") {
        return Verdict::Forward;
    }
    if others.is_empty() {
        return Verdict::Forward;
    }
    let others = others.into_iter().map(Step::Send);
    Verdict::Play(std::iter::once(Step::Send(unit.take())).chain(others).collect())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{after, at_all_framings, judge, unit};
    use super::*;
    use chenapan_core::testing::{configured, sent};

    const A: &str = r#"{"result":"a","id":1}"#;
    const B: &str = r#"{"result":"bb", "id":2}"#;
    const C: &str = r#"{"id":"3","result":null}"#;

    fn batch() -> String {
        format!("[{A}, {B} ,{C}]")
    }

    fn mode(mode: &str, more: &[(&str, &str)]) -> String {
        let options = [&[("mode", mode)], more].concat();
        let (bytes, told) = after::<RpcBatch>(&options, &batch());
        assert_eq!(told.len(), usize::from(bytes != batch()), "{mode}");
        bytes
    }

    #[test]
    fn each_mode_does_what_it_says_and_no_more() {
        let error = r#""error":{"code":-32603,"message":"Internal error"}"#;
        assert_eq!(mode("reverse", &[]), format!("[{C}, {B} ,{A}]"));
        let second = format!(r#"[{A}, {{{error}, "id":2}} ,{C}]"#);
        assert_eq!(mode("item-error", &[("n", "2")]), second);
        assert_eq!(mode("partial", &[]), format!("[ {B} ,{C}]"));
        assert_eq!(mode("partial", &[("drop", "2")]), format!("[{A}, {C}]"));
        assert_eq!(mode("partial", &[("drop", "3")]), format!("[{A}, {B} ]"));
        assert_eq!(mode("partial", &[("keep", "1")]), format!("[{A}]"));
        assert_eq!(mode("partial", &[("keep", "2")]), format!("[{A}, {B} ]"));
        assert_eq!(mode("partial", &[("keep", "0")]), "[]");
        assert_eq!(mode("duplicate", &[]), format!("[{A},{A}, {B} ,{C}]"));
        assert_eq!(mode("duplicate", &[("n", "3")]), format!("[{A}, {B} ,{C},{C}]"));
        let single = format!(r#"{{"jsonrpc":"2.0",{error},"id":null}}"#);
        assert_eq!(mode("single-error", &[]), single);
        assert_eq!(mode("empty", &[]), "[]");
        assert_eq!(mode("null-item", &[("n", "3")]), format!("[{A}, {B} ,null]"));
        assert_eq!(mode("nested", &[]), format!("[[{A}, {B} ,{C}]]"));
        let extra = mode("extra", &[]);
        let more = extra.strip_prefix(&format!("[{A}, {B} ,{C},{{\"id\":\"")).unwrap();
        assert_eq!(more.len(), "\",\"result\":null}]".len() + 16);
    }

    #[test]
    fn what_is_not_there_is_not_touched() {
        for (how, option, number) in [
            ("item-error", "n", "4"),
            ("partial", "drop", "4"),
            ("partial", "keep", "3"),
            ("duplicate", "n", "18446744073709551615"),
            ("null-item", "n", "4"),
        ] {
            assert_eq!(mode(how, &[(option, number)]), batch());
        }
        for how in ["reverse", "empty", "split", "nested", "single-error", "extra"] {
            for other in [A, "[]", "", r#"[{"method":"a","id":1}]"#] {
                let (bytes, told) = after::<RpcBatch>(&[("mode", how)], other);
                assert_eq!((bytes.as_str(), told.len()), (other, 0));
            }
        }
    }

    #[test]
    fn split_makes_a_message_of_each() {
        let options = [("mode", "split")];
        let shown = |framing: &str, batch: &str| {
            let mut split = configured::<RpcBatch>(&options);
            sent(judge(framing).unit(&mut split, unit(framing, batch)))
        };
        for framing in ["newline", "content-length", "websocket", "sse"] {
            let expected: Vec<_> = [A, B, C].map(|item| unit(framing, item).bytes).to_vec();
            assert_eq!(shown(framing, &batch()), expected, "{framing}");
        }
        assert_eq!(shown("newline", &format!("[{A}]")), [format!("{A}\n").as_bytes()]);
        // Each reply of HTTP answers a request.
        assert_eq!(shown("http-response", &batch()), [unit("http-response", &batch()).bytes]);
    }

    #[test]
    fn options_that_do_not_go_together_are_told() {
        let wrong = |options: &[(&str, &str)]| configured::<RpcBatch>(options).check().is_err();
        assert!(wrong(&[("keep", "1"), ("drop", "1")]) && wrong(&[("n", "0")]));
        assert!(wrong(&[("drop", "0")]) && !wrong(&[("keep", "0")]));
    }

    #[test]
    fn whatever_frames_it() {
        let options = [("mode", "partial")];
        at_all_framings::<RpcBatch>(&options, &format!("[{A},{B}]"), &format!("[{B}]"));
    }
}
