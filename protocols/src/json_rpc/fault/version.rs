//! Lies about the version.

use super::{MESSAGE, REPLIES, change};
use crate::json::{ValueType, text};
use chenapan_core::{Behavior, Context, Interest, Scope, Unit, Verdict, choices, plugin};

plugin! {
    /// Makes a message of JSON-RPC 2.0 state another version, or none.
    ///
    /// All other bytes stay as they are. In a batch each reply is changed. A message that does not
    /// say "2.0" stays as it is.
    ///
    /// A healthy peer reads it anyway, or fails the call and goes on. JSON-RPC 2.0, section 5:
    /// `jsonrpc` "MUST be exactly "2.0"".
    pub struct RpcVersion = "rpc-version", Downstream {
        /// Content of the member.
        to: Version = "missing",
    }
}

choices! {
    /// Content of the member `jsonrpc`.
    pub enum Version {
        /// The member is taken out.
        Missing = "missing",
        /// It says 1.0.
        One = "1.0",
        /// It is 2.0 without the quotes.
        Number = "number",
        /// It says 3.0.
        Three = "3.0",
    }
}

impl Behavior for RpcVersion {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        change(unit, cx, format!("version: {}", self.to), |message, patch, _| {
            let version = message.object.as_ref().and_then(|object| object.jsonrpc.as_ref());
            let right =
                |raw: &str| ValueType::of(raw) == ValueType::Text && text::equals(raw, "2.0");
            let Some(member) = version.filter(|it| right(message.raw(it.value.clone()))) else {
                return;
            };
            match self.to {
                Version::Missing => patch.remove(member.removal()),
                Version::Number => patch.put(member.value.clone(), "2.0"),
                version @ (Version::One | Version::Three) => {
                    patch.put(member.value.clone(), format!("\"{version}\""));
                }
            }
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

#[cfg(test)]
mod tests {
    use super::super::sample::{after, at_all_framings};
    use super::*;

    #[test]
    fn the_version_changes_and_no_other_byte_does() {
        let reply = r#"{"id":1, "jsonrpc" : "2.0", "result":"2.0"}"#;
        for (to, becomes) in [
            ("missing", r#"{"id":1,  "result":"2.0"}"#),
            ("1.0", r#"{"id":1, "jsonrpc" : "1.0", "result":"2.0"}"#),
            ("number", r#"{"id":1, "jsonrpc" : 2.0, "result":"2.0"}"#),
            ("3.0", r#"{"id":1, "jsonrpc" : "3.0", "result":"2.0"}"#),
        ] {
            let (bytes, told) = after::<RpcVersion>(&[("to", to)], reply);
            assert_eq!((bytes.as_str(), told.len()), (becomes, 1), "{to}");
        }
    }

    #[test]
    fn what_is_not_of_2_0_stays() {
        for reply in [
            r#"{"id":1,"result":"2.0","error":null}"#,
            r#"{"id":1,"jsonrpc":2.0,"result":1}"#,
            r#"{"id":1,"jsonrpc":"1.0","result":1}"#,
        ] {
            assert_eq!(after::<RpcVersion>(&[], reply), (reply.to_owned(), vec![]));
        }
    }

    #[test]
    fn whatever_frames_it_and_in_batches() {
        let batch = r#"[{"jsonrpc":"2.0","id":1,"result":1},{"jsonrpc":"2.0","id":2,"result":1}]"#;
        at_all_framings::<RpcVersion>(&[], batch, r#"[{"id":1,"result":1},{"id":2,"result":1}]"#);
    }
}
