//! Says of a call that it went well and that it failed.

use super::{MESSAGE, REPLIES, change, trouble};
use crate::json::ValueType;
use chenapan_core::{Behavior, Context, Interest, Scope, Unit, Verdict, plugin};

plugin! {
    /// Adds an error to a reply of JSON-RPC that has a result.
    ///
    /// The error comes after all other members. If the reply has an `error` that is null, as in
    /// version 1.0, it takes its place. All other bytes stay as they are. In a batch each result
    /// gets an error; errors stay as they are.
    ///
    /// A healthy peer fails the call and goes on. JSON-RPC 2.0, section 5: "Either the result member
    /// or error member MUST be included, but both members MUST NOT be included."
    pub struct RpcBoth = "rpc-both", Downstream {
        /// The code of the error.
        code: i64 = "-32603",
        /// Its message.
        message: String = "Internal error",
    }
}

impl Behavior for RpcBoth {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let error = trouble(self.code, &self.message, None);
        change(unit, cx, "result and error", |message, patch, _| {
            let Some(object) = message.object.as_ref().filter(|object| object.replies()) else {
                return;
            };
            let Some(result) = &object.result else { return };
            let null = |at: &std::ops::Range<usize>| {
                ValueType::of(message.raw(at.clone())) == ValueType::Null
            };
            match &object.error {
                None => patch.insert(object.insertion(), [b",\"error\":", &error[..]].concat()),
                // With a result that is null it would be an error as it should be.
                Some(member) if null(&member.value) && !null(&result.value) => {
                    patch.put(member.value.clone(), error.clone());
                }
                Some(_) => {}
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
    fn a_result_gets_an_error_behind_all_else() {
        let (bytes, told) = after::<RpcBoth>(&[], r#"{"result":1, "id":1 }"#);
        let error = r#""error":{"code":-32603,"message":"Internal error"}"#;
        assert_eq!(bytes, format!(r#"{{"result":1, "id":1,{error} }}"#));
        assert_eq!(told, ["19 result and error"]);
    }

    #[test]
    fn in_the_old_version_it_takes_the_place_of_null() {
        let options = [("code", "5"), ("message", "a \"b\"")];
        let (bytes, _) = after::<RpcBoth>(&options, r#"{"result":1,"error": null,"id":1}"#);
        assert_eq!(bytes, r#"{"result":1,"error": {"code":5,"message":"a \"b\""},"id":1}"#);
        let legal = r#"{"result":null,"error":null,"id":1}"#;
        assert_eq!(after::<RpcBoth>(&[], legal), (legal.to_owned(), vec![]));
    }

    #[test]
    fn errors_stay() {
        let error = r#"{"error":{"code":1,"message":""},"id":1}"#;
        assert_eq!(after::<RpcBoth>(&[], error), (error.to_owned(), vec![]));
    }

    #[test]
    fn whatever_frames_it() {
        let after = r#"{"result":"é","id":1,"error":{"code":-32603,"message":"Internal error"}}"#;
        at_all_framings::<RpcBoth>(&[], r#"{"result":"é","id":1}"#, after);
    }
}
