//! Changes values deep inside of messages.

use super::{Json, MESSAGE, change_whole};
use crate::json::{Cursor, Patch, ValueType, text};
use crate::json_rpc::{Kind as Said, Message};
use chenapan_core::{Behavior, Context, Interest, Kind, Scope, Unit, Verdict, Written, plugin};
use std::ops::Range;

plugin! {
    /// Changes values of a message of JSON-RPC by their path: `add` adds to numbers, `set` puts another
    /// value there.
    ///
    /// A path starts at the message. It consists of names of members and numbers of items (from 0)
    /// with dots between them; `*` is each member or item, and `\.` a dot in a name:
    /// `result.range.start.character`, `params.0.value`, `result.*.id`. `add` takes integers, and
    /// the quantities of Ethereum, which are hexadecimal in a string ("0x1b4"); other values stay,
    /// and so does a quantity that would become negative. All other bytes stay as they are, and
    /// lengths are corrected. In a batch each selected message is changed.
    ///
    /// A healthy peer checks values: a position after the end of the line, a block number that goes
    /// back, a wrong size.
    pub struct RpcValue = "rpc-value", Downstream {
        /// Path of the value.
        path: Path = like "result.range.start.character",
        /// Number to add to it.
        add: i64 = "1",
        /// The value in its place, as a JSON text; nothing is added then.
        set: Option<Json> = "none",
    }
}

/// The way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Named(String),
    Each,
}

const MOST_STEPS: usize = 64;

impl Written for Path {
    const NAME: &'static str = "path";

    fn read(text: &str) -> Result<Self, String> {
        let (mut steps, mut name) = (Vec::new(), String::new());
        let mut letters = text.chars();
        let mut plain = true;
        let step = |name: String, plain: bool| match &*name {
            "" => {
                Err("expected names with single dots between them, such as result.0.id".to_owned())
            }
            "*" if plain => Ok(Step::Each),
            _ => Ok(Step::Named(name)),
        };
        while let Some(letter) = letters.next() {
            match letter {
                '.' => steps
                    .push(step(std::mem::take(&mut name), std::mem::replace(&mut plain, true))?),
                '\\' => {
                    plain = false;
                    name.extend(letters.next());
                }
                letter => name.push(letter),
            }
        }
        steps.push(step(name, plain)?);
        if steps.len() > MOST_STEPS {
            return Err(format!("expected at most {MOST_STEPS} names"));
        }
        Ok(Path(steps))
    }

    fn write(&self) -> Option<String> {
        let steps = self.0.iter().map(|step| match step {
            Step::Each => "*".to_owned(),
            Step::Named(name) if name == "*" => "\\*".to_owned(),
            Step::Named(name) => name.replace('\\', "\\\\").replace('.', "\\."),
        });
        Some(steps.collect::<Vec<_>>().join("."))
    }
}

impl Path {
    /// Finds the values that it leads to, below one that starts at `at` of a text.
    fn find(steps: &[Step], text: &str, value: Range<usize>, found: &mut impl FnMut(Range<usize>)) {
        let Some((step, rest)) = steps.split_first() else { return found(value) };
        let mut cursor = Cursor::new(text.as_bytes(), value.start);
        match text.as_bytes().get(value.start) {
            Some(b'{') => {
                // Of members that stand twice the last one counts.
                let mut last = None;
                while let Ok(Some(member)) = cursor.member() {
                    match step {
                        Step::Each => Self::find(rest, text, member.value, found),
                        Step::Named(name) if text::equals(&text[member.key], name) => {
                            last = Some(member.value);
                        }
                        Step::Named(_) => {}
                    }
                }
                if let Some(value) = last {
                    Self::find(rest, text, value, found);
                }
            }
            Some(b'[') => {
                let wanted = match step {
                    Step::Each => None,
                    Step::Named(name) => match name.parse::<usize>() {
                        Ok(number) => Some(number),
                        Err(_) => return,
                    },
                };
                let mut number = 0;
                while let Ok(Some(item)) = cursor.item() {
                    if wanted.is_none_or(|wanted| wanted == number) {
                        Self::find(rest, text, item.value, found);
                    }
                    number += 1;
                }
            }
            _ => {}
        }
    }
}

impl Behavior for RpcValue {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let picked = cx.picked(unit);
        change_whole(unit, cx, self.what(), |message, patch, _| match message.meant() {
            Said::Batch(_) => {
                for (at, item) in message.items().enumerate() {
                    if picked.as_ref().is_none_or(|picked| picked.get(at) == Some(&true)) {
                        self.edit(&item, patch);
                    }
                }
            }
            _ => self.edit(message, patch),
        });
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Request, Kind::Notification, Kind::Response, Kind::Error, Kind::Batch])
            .needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl RpcValue {
    fn what(&self) -> String {
        match &self.set {
            None => format!("value {:+}", self.add),
            Some(_) => "value".to_owned(),
        }
    }

    fn edit(&self, message: &Message<'_>, patch: &mut Patch) {
        if message.object.is_none() {
            return;
        }
        // Spans of a message are those of its whole frame.
        let text = message.raw(0..message.span.end);
        Path::find(&self.path.0, text, message.span.clone(), &mut |value| {
            let raw = &text[value.clone()];
            let other = match &self.set {
                Some(Json(other)) => Some(other.clone()),
                None => sum(raw, self.add),
            };
            if let Some(other) = other.filter(|other| other != raw) {
                patch.put(value, other);
            }
        });
    }
}

/// A number and another one, as the first one is written.
fn sum(raw: &str, add: i64) -> Option<String> {
    match ValueType::of(raw) {
        ValueType::Number => {
            let number: i128 = raw.parse().ok()?;
            Some(number.checked_add(i128::from(add))?.to_string())
        }
        ValueType::Text => {
            let digits = raw.strip_prefix("\"0x")?.strip_suffix('"')?;
            let number = i128::from_str_radix(digits, 16).ok().filter(|number| *number >= 0)?;
            let sum = number.checked_add(i128::from(add)).filter(|sum| *sum >= 0)?;
            Some(format!("\"0x{sum:x}\""))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{after, at_all_framings};
    use super::*;

    fn added(path: &str, add: &str, message: &str) -> String {
        let (bytes, told) = after::<RpcValue>(&[("path", path), ("add", add)], message);
        assert_eq!(told.len(), usize::from(bytes != message), "{message}");
        bytes
    }

    #[test]
    fn add_changes_the_numbers_of_a_path_alone() {
        let message =
            |number: &str| format!(r#"{{"result":{{"a.b":[ 7, {{"n":{number}}} ]}} ,"id":7}}"#);
        for (number, add, sum) in [
            ("7", "1", "8"),
            ("0", "-1", "-1"),
            ("12345678901234567890123", "1", "12345678901234567890124"),
            ("\"0x1b4\"", "-4", "\"0x1b0\""),
            ("\"0xff\"", "1", "\"0x100\""),
            ("\"0x0\"", "-1", "\"0x0\""),
            ("1.5", "1", "1.5"),
            ("\"7\"", "1", "\"7\""),
            ("null", "1", "null"),
            ("\"0x-1\"", "1", "\"0x-1\""),
        ] {
            assert_eq!(added("result.a\\.b.1.n", add, &message(number)), message(sum), "{number}");
        }
        assert_eq!(added("result.*.0", "1", &message("1")), message("1").replace("[ 7", "[ 8"));
        assert_eq!(added("id", "1", &message("1")), message("1").replace(":7}", ":8}"));
        for path in
            ["result.x", "result.a\\.b.2.n", "result.a\\.b.x", "result.a.b", "params", "id.0"]
        {
            assert_eq!(added(path, "1", &message("1")), message("1"), "{path}");
        }
        assert_eq!(
            added("result.*", "1", r#"{"result":[1,2],"id":1}"#),
            r#"{"result":[2,3],"id":1}"#
        );
        let batch = r#"[{"result":1,"id":1}, {"params":[1]}]"#;
        assert_eq!(added("result", "1", batch), r#"[{"result":2,"id":1}, {"params":[1]}]"#);
        for other in ["", "nope", "1", "[1]"] {
            assert_eq!(added("*", "1", other), other);
        }
    }

    #[test]
    fn set_puts_any_value_there() {
        let options = [("path", "params.*.uri"), ("set", "{\"a\":[]}")];
        let (bytes, _) =
            after::<RpcValue>(&options, r#"{"method":"m","params":{"d":{"uri":"x"}}}"#);
        assert_eq!(bytes, r#"{"method":"m","params":{"d":{"uri":{"a":[]}}}}"#);
    }

    #[test]
    fn paths_are_checked() {
        for path in ["", ".", "a.", ".a", "a..b", &"a.".repeat(65)] {
            assert!(Path::read(path).is_err(), "{path:?}");
        }
        assert_eq!(
            Path::read("\\*.*").unwrap(),
            Path(vec![Step::Named("*".to_owned()), Step::Each])
        );
    }

    #[test]
    fn whatever_frames_it() {
        let options = [("path", "result"), ("add", "995")];
        at_all_framings::<RpcValue>(
            &options,
            r#"{"result":5,"id":1}"#,
            r#"{"result":1000,"id":1}"#,
        );
    }
}
