//! Puts a reply where a batch would be.

use super::{MESSAGE, SINGLE_REPLIES, change_whole};
use crate::json_rpc::Kind as Said;
use chenapan_core::{Behavior, Context, Interest, Scope, Unit, Verdict, plugin};

plugin! {
    /// Puts a single reply of JSON-RPC into an array, as if it were a batch of one.
    ///
    /// A bracket comes before it and one after it. All other bytes stay as they are, and so do
    /// batches.
    ///
    /// A healthy peer takes it for the reply, or fails the call and goes on. JSON-RPC 2.0, section 6:
    /// only a batch is answered with an array.
    pub struct RpcWrap = "rpc-wrap", Downstream {}
}

impl Behavior for RpcWrap {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        change_whole(unit, cx, "wrap", |message, patch, _| {
            if message.object.is_some() && !matches!(message.meant(), Said::Batch(_)) {
                patch.insert(message.span.start, "[");
                patch.insert(message.span.end, "]");
            }
        });
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(SINGLE_REPLIES).needs(MESSAGE)
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
    fn a_reply_is_in_an_array_and_a_batch_stays() {
        let (bytes, told) = after::<RpcWrap>(&[], " {\"result\":1,\"id\":1}\r");
        assert_eq!(
            (bytes.as_str(), told),
            (" [{\"result\":1,\"id\":1}]\r", vec!["1 wrap".to_owned()])
        );
        for stays in [r#"[{"result":1,"id":1}]"#, "", "nope", "1"] {
            assert_eq!(after::<RpcWrap>(&[], stays), (stays.to_owned(), vec![]));
        }
    }

    #[test]
    fn whatever_frames_it() {
        at_all_framings::<RpcWrap>(&[], r#"{"result":1,"id":1}"#, r#"[{"result":1,"id":1}]"#);
    }
}
