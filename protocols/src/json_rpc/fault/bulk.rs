//! Makes results too much for their reader.

use super::{MESSAGE, REPLIES, change_whole, picks};
use crate::json::{Patch, ValueType};
use crate::json_rpc::{Kind as Said, Message};
use chenapan_core::{Behavior, Context, Interest, OptionError, Scope, Size, Unit, Verdict, plugin};

plugin! {
    /// Makes the result of a reply deep, rich in digits, or very large.
    ///
    /// `nest` puts the result into that many arrays. `digits` makes it a number of that many
    /// digits. `pad` adds that many bytes: a string, an array or an object keeps its type, and
    /// anything else becomes a string. Only one of them can be given; by default `nest` is 3000.
    /// All other bytes stay as they are. In a batch the first result grows; errors stay as they
    /// are.
    ///
    /// It is valid JSON: a healthy peer reads it or fails the call, and serves later ones. RFC
    /// 8259, section 9, allows a reader to have limits, but not to break.
    pub struct RpcBulk = "rpc-bulk", Downstream {
        /// Number of arrays around the result, at most a million.
        nest: Option<u64> = "none",
        /// Number of its digits, at most 64 million.
        digits: Option<u64> = "none",
        /// Number of bytes to add, at most 64 MiB.
        pad: Option<Size> = "none",
    } check = RpcBulk::check
}

const MOST_NEST: u64 = 1_000_000;
const MOST_DIGITS: u64 = 64_000_000;
const MOST_PAD: u64 = 64 << 20;
const NEST: u64 = 3_000;

impl Behavior for RpcBulk {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let what = match (self.digits, self.pad) {
            (Some(digits), _) => format!("bulk: {digits} digits"),
            (_, Some(Size(bytes))) => format!("bulk: {bytes} bytes more"),
            _ => format!("bulk: {} levels", self.nest.unwrap_or(NEST)),
        };
        let picked = cx.picked(unit);
        change_whole(unit, cx, what, |message, patch, _| match message.meant() {
            Said::Batch(_) => {
                let first = picks(message, picked.as_deref()).find(|item| result(item).is_some());
                if let Some(item) = first {
                    self.edit(&item, patch);
                }
            }
            _ => self.edit(message, patch),
        });
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(REPLIES).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

/// The result of a reply that went well.
fn result<'a>(message: &'a Message<'_>) -> Option<&'a crate::json::Member> {
    let object = message.object.as_ref().filter(|object| object.replies())?;
    let null = |span: std::ops::Range<usize>| ValueType::of(message.raw(span)) == ValueType::Null;
    let failed = object.error.as_ref().is_some_and(|error| !null(error.value.clone()));
    object.result.as_ref().filter(|_| !failed)
}

impl RpcBulk {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        let given = [
            ("nest", self.nest, MOST_NEST),
            ("digits", self.digits, MOST_DIGITS),
            ("pad", self.pad.map(|Size(bytes)| bytes), MOST_PAD),
        ];
        let mut seen = None;
        for (name, number, most) in given {
            let Some(number) = number else { continue };
            if let Some(before) = seen.replace(name) {
                let wrong = format!("does not go together with {before}");
                return Err(OptionError::value(name, wrong));
            }
            if !(1..=most).contains(&number) {
                return Err(OptionError::value(
                    name,
                    format!("expected a number from 1 to {most}"),
                ));
            }
        }
        Ok(())
    }

    fn edit(&self, message: &Message<'_>, patch: &mut Patch) {
        let Some(member) = result(message) else { return };
        let value = member.value.clone();
        let size = |number: u64, most: u64| usize::try_from(number.min(most)).unwrap_or(usize::MAX);
        if let Some(digits) = self.digits {
            return patch.put(value, vec![b'7'; size(digits, MOST_DIGITS)]);
        }
        let Some(Size(pad)) = self.pad else {
            let levels = size(self.nest.unwrap_or(NEST), MOST_NEST);
            patch.insert(value.start, vec![b'['; levels]);
            return patch.insert(value.end, vec![b']'; levels]);
        };
        let filler = |around: usize| "x".repeat(size(pad, MOST_PAD).saturating_sub(around));
        let raw = message.raw(value.clone());
        let last = value.end.saturating_sub(1);
        let empty = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default().trim().is_empty();
        let comma = if empty { "" } else { "," };
        match ValueType::of(raw) {
            ValueType::Text => patch.insert(last, filler(0)),
            ValueType::Array => {
                patch.insert(last, format!("{comma}\"{}\"", filler(2 + comma.len())));
            }
            ValueType::Object => {
                patch.insert(last, format!("{comma}\"pad\":\"{}\"", filler(8 + comma.len())));
            }
            _ => patch.put(value, format!("\"{}\"", filler(0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{after, at_all_framings};
    use super::*;
    use chenapan_core::testing::configured;

    fn shown(option: &str, value: &str, message: &str) -> String {
        let (bytes, told) = after::<RpcBulk>(&[(option, value)], message);
        assert_eq!(told.len(), usize::from(bytes != message));
        bytes
    }

    #[test]
    fn the_result_grows_and_no_other_byte_changes() {
        assert_eq!(
            shown("nest", "3", r#"{"result": 1 ,"id":1}"#),
            r#"{"result": [[[1]]] ,"id":1}"#
        );
        assert_eq!(shown("digits", "5", r#"{"result":{},"id":1}"#), r#"{"result":77777,"id":1}"#);
        for (result, becomes) in [
            ("\"a\"", "\"axxxxxxxxxxxx\""),
            ("[1]", "[1,\"xxxxxxxxx\"]"),
            ("[ ]", "[ \"xxxxxxxxxx\"]"),
            ("{\"a\":1}", "{\"a\":1,\"pad\":\"xxx\"}"),
            ("{}", "{\"pad\":\"xxxx\"}"),
            ("1", "\"xxxxxxxxxxxx\""),
            ("null", "\"xxxxxxxxxxxx\""),
        ] {
            let reply = |result: &str| format!(r#"{{"id":1,"result":{result}}}"#);
            assert_eq!(shown("pad", "12", &reply(result)), reply(becomes));
        }
    }

    #[test]
    fn without_an_option_it_nests_and_errors_stay() {
        let (bytes, _) = after::<RpcBulk>(&[], r#"{"result":1,"id":1}"#);
        assert_eq!(bytes.len(), r#"{"result":1,"id":1}"#.len() + 6_000);
        for stays in [
            r#"{"error":{"code":1,"message":""},"id":1}"#,
            r#"{"result":null,"error":"a","id":1}"#,
            r#"{"method":"a","result":1,"id":1}"#,
            "nope",
        ] {
            assert_eq!(shown("digits", "5", stays), stays);
        }
    }

    #[test]
    fn of_a_batch_the_first_result_grows() {
        let batch = r#"[{"error":1,"id":1},{"result":2,"id":2},{"result":3,"id":3}]"#;
        let after = r#"[{"error":1,"id":1},{"result":[2],"id":2},{"result":3,"id":3}]"#;
        at_all_framings::<RpcBulk>(&[("nest", "1")], batch, after);
    }

    #[test]
    fn sizes_are_bounded_and_one_at_a_time() {
        let wrong = |options: &[(&str, &str)]| configured::<RpcBulk>(options).check().is_err();
        assert!(wrong(&[("nest", "1000001")]) && wrong(&[("pad", "65MiB")]));
        assert!(wrong(&[("digits", "0")]) && wrong(&[("nest", "1"), ("pad", "1")]));
        assert!(!wrong(&[]) && !wrong(&[("pad", "64MiB")]));
        let mut absurd = configured::<RpcBulk>(&[("digits", "5")]);
        absurd.digits = Some(0);
        assert!(absurd.check().is_err());
    }
}
