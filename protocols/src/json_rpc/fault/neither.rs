//! Takes the result or the error out of a reply.

use super::{MESSAGE, REPLIES, change};
use crate::json::Member;
use chenapan_core::{Behavior, Context, Interest, Scope, Unit, Verdict, plugin};

plugin! {
    /// Takes the result, or the error, out of a reply of JSON-RPC.
    ///
    /// If the reply has both, as in version 1.0, both are taken out. All other bytes stay as they
    /// are. In a batch every reply is emptied.
    ///
    /// A healthy peer fails the call and goes on; some take it for a result without a value.
    /// JSON-RPC 2.0, section 5: "Either the result member or error member MUST be included".
    pub struct RpcNeither = "rpc-neither", Downstream {}
}

impl Behavior for RpcNeither {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        change(unit, cx, "neither result nor error", |message, patch, _| {
            let Some(object) = message.object.as_ref().filter(|object| object.replies()) else {
                return;
            };
            match (&object.result, &object.error) {
                (Some(one), Some(other)) => {
                    let (first, second) =
                        if one.key.start < other.key.start { (one, other) } else { (other, one) };
                    if first.comma_after == second.comma_before {
                        // As one member: the comma between them goes, and one beside them.
                        let whole = Member {
                            key: first.key.clone(),
                            value: second.value.clone(),
                            ..Member { comma_after: second.comma_after, ..first.clone() }
                        };
                        return patch.remove(whole.removal());
                    }
                    patch.remove(first.removal());
                    patch.remove(second.removal());
                }
                (Some(member), None) | (None, Some(member)) => patch.remove(member.removal()),
                (None, None) => {}
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
    fn result_and_error_go_with_their_commas() {
        for (reply, becomes) in [
            (r#"{"result":1, "id":1}"#, r#"{ "id":1}"#),
            (r#"{"id":1, "result":1}"#, r#"{"id":1}"#),
            (r#"{"id":1,"error":{"code":1,"message":""},"a":1}"#, r#"{"id":1,"a":1}"#),
            (r#"{"id":1,"result":1,"error":null}"#, r#"{"id":1}"#),
            (r#"{"error":null,"result":1,"id":1}"#, r#"{"id":1}"#),
            (r#"{"result":1,"id":1,"error":null}"#, r#"{"id":1}"#),
            (r#"{"result":1,"error":null}"#, "{}"),
            (r#"{"a":0,"result":1,"error":null,"b":0}"#, r#"{"a":0,"b":0}"#),
        ] {
            let (bytes, told) = after::<RpcNeither>(&[], reply);
            assert_eq!((bytes.as_str(), told.len()), (becomes, 1), "{reply}");
        }
        let request = r#"{"method":"a","result":1,"id":1}"#;
        assert_eq!(after::<RpcNeither>(&[], request), (request.to_owned(), vec![]));
    }

    #[test]
    fn whatever_frames_it_and_in_batches() {
        let batch = r#"[{"result":"é","id":1},{"id":2,"result":2}]"#;
        at_all_framings::<RpcNeither>(&[], batch, r#"[{"id":1},{"id":2}]"#);
    }
}
