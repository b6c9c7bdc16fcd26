//! Asks a peer for what it cannot know.

use super::{MESSAGE, SINGLE_REPLIES, call, dialect, read, replies};
use crate::json::ValueType;
use crate::json_rpc::Id;
use chenapan_core::{Behavior, Context, Interest, Scope, Step, Unit, Verdict, choices, plugin};

plugin! {
    /// Sends a peer a request, or a notification, of a method that it cannot know.
    ///
    /// It comes before a reply. A request has the id of that reply: the peer waits for a reply with
    /// this id, but that means nothing, because each side numbers its own requests. The answer of
    /// the peer goes on to the other side, which has not asked. Nothing comes before batches and
    /// replies without an id. HTTP has no place for requests between replies.
    ///
    /// A healthy peer answers the request with -32601, drops the notification, and accepts the
    /// reply that follows. JSON-RPC 2.0, sections 4.1 and 5.1.
    pub struct RpcUnknown = "rpc-unknown", Downstream {
        /// The method.
        method: String = "chenapan.unknown",
        /// Kind of message.
        sort as "as": Call = "request",
    }
}

choices! {
    /// Kind of call.
    pub enum Call {
        /// It wants a reply.
        Request = "request",
        /// It wants none.
        Notification = "notification",
    }
}

impl Behavior for RpcUnknown {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(text) = cx.messages().message(unit) else { return Verdict::Forward };
        let message = read(&text);
        if !replies(&message) {
            return Verdict::Forward;
        }
        let id = message.id().map(Id::raw).filter(|raw| ValueType::of(raw) != ValueType::Null);
        let Some(id) = id else { return Verdict::Forward };
        let id = (self.sort == Call::Request).then_some(id);
        let made = call(dialect(unit, &message, cx.messages()), &self.method, id);
        let Some(made) = cx.messages().beside(unit, &made) else { return Verdict::Forward };
        drop(text);
        Verdict::Play(vec![Step::Send(made), Step::Send(unit.take())])
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
    use super::super::sample::{judge, unit};
    use super::*;
    use chenapan_core::testing::{configured, sent};

    fn shown(options: &[(&str, &str)], framing: &str, reply: &str) -> Vec<Vec<u8>> {
        let mut unknown = configured::<RpcUnknown>(options);
        sent(judge(framing).unit(&mut unknown, unit(framing, reply)))
    }

    #[test]
    fn a_request_with_the_same_id_comes_before_the_reply() {
        let reply = r#"{"jsonrpc":"2.0","result":1,"id": 1.0 }"#;
        let request = r#"{"jsonrpc":"2.0","method":"chenapan.unknown","id":1.0}"#;
        let notification = r#"{"jsonrpc":"2.0","method":"chenapan.unknown"}"#;
        for framing in ["newline", "content-length", "websocket"] {
            let expected = |text| [text, reply].map(|text| unit(framing, text).bytes);
            assert_eq!(shown(&[], framing, reply), expected(request));
            let options = [("as", "notification")];
            assert_eq!(shown(&options, framing, reply), expected(notification));
        }
    }

    #[test]
    fn the_old_version_has_its_shape() {
        let old = r#"{"result":1,"error":null,"id":"x"}"#;
        let request = b"{\"method\":\"m\",\"params\":[],\"id\":\"x\"}\n";
        assert_eq!(shown(&[("method", "m")], "newline", old)[0], request);
    }

    #[test]
    fn where_there_is_no_id_or_no_place_nothing_comes() {
        for other in
            [r#"{"result":1,"id":null}"#, r#"{"method":"a","id":1}"#, r#"[{"result":1,"id":1}]"#]
        {
            assert_eq!(shown(&[], "newline", other).len(), 1);
        }
        assert_eq!(shown(&[], "http-response", r#"{"result":1,"id":1}"#).len(), 1);
    }
}
