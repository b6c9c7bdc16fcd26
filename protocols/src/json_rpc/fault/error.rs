//! Fails calls.

use super::http::with_status;
use super::{Json, MESSAGE, REPLIES, change, dialect, fail, read, trouble};
use crate::json_rpc::{Dialect, Forgery, Message};
use bytes::BytesMut;
use chenapan_core::{
    Behavior, Context, Direction, Interest, Kind, OptionError, Scope, Step, Unit, Verdict, choices,
    plugin,
};

plugin! {
    /// Answers calls of JSON-RPC with an error.
    ///
    /// The rule acts on requests, and with `mask` on replies; `to` says whose. A batch gets an
    /// error for each request in it, and its notifications vanish; a batch of notifications alone
    /// passes. With `mask` all bytes beside result and error stay as they are.
    ///
    /// Over HTTP the error is a reply of its own, in the order of replies, and closes the
    /// connection if the request says so. The backend's requests, which come as events, pass: only
    /// a request of the client could carry the answer.
    ///
    /// `preset` gives the code and the message that servers use; `code` and `message` replace them.
    /// The error has the form of the version that the connection speaks.
    ///
    /// A healthy peer reports the error to whoever called, and serves later calls. JSON-RPC 2.0,
    /// section 5.1.
    pub struct RpcError = "rpc-error" {
        /// Way in which the error is sent.
        mode: Mode = "instead",
        /// Code and message of a known error; `code` and `message` replace them.
        preset: Preset = "internal",
        /// The code, such as -32603.
        code: Option<i64> = "none",
        /// The message.
        message: Option<String> = "none",
        /// The data, as a JSON text.
        data: Option<Json> = "none",
        /// Whose calls fail.
        to: Caller = "client",
        /// The HTTP status of the error; 200 by default. Not with `mask`: there
        /// `rpc-http:body=same` changes the status.
        status: Option<u64> = "none",
    } check = RpcError::check
}

choices! {
    /// An error that servers send: its code and its message.
    pub struct Preset: (i64, &'static str) {
        /// An error inside of the server.
        "internal" = (-32_603, "Internal error"),
        /// Parameters that the method does not take.
        "invalid-params" = (-32_602, "Invalid params"),
        /// A method that is not there.
        "method-not-found" = (-32_601, "Method not found"),
        /// Too many requests in a day, as Ethereum nodes say it.
        "rate-limit" = (-32_005, "daily request count exceeded, request rate limited"),
        /// Too many requests in a second, as QuickNode says it.
        "rate-limit-quicknode" = (-32_007, "50/second request limit reached"),
        /// A server without time, as Electrum servers say it.
        "busy" = (-102, "server busy - request timed out"),
        /// A client that asks too much, as Electrum servers say it.
        "excessive" = (-101, "excessive resource usage"),
        /// A server that still starts, as bitcoind says it.
        "bitcoind-warmup" = (-28, "Loading block index..."),
        /// A request that was cancelled, as language servers say it.
        "lsp-cancelled" = (-32_800, "request cancelled"),
        /// A text that has changed since, as language servers say it.
        "lsp-modified" = (-32_801, "content modified"),
        /// A session that has not begun, as language servers say it.
        "lsp-not-initialized" = (-32_002, "server not initialized"),
        /// A request that took too long, as servers of the Model Context Protocol say it.
        "mcp-timeout" = (-32_001, "Request timed out"),
    }
}

choices! {
    /// Way in which an error is sent.
    pub enum Mode {
        /// The request vanishes and the error goes back, so the backend never sees it.
        Instead = "instead",
        /// The backend answers, and the error replaces the answer: a client that tries again has
        /// the call done twice.
        Mask = "mask",
        /// The request vanishes, the first half of the error goes back, and the connection is closed.
        Cut = "cut",
    }
}

choices! {
    /// Peers whose calls fail.
    pub enum Caller {
        /// The client's calls.
        Client = "client",
        /// The backend's calls.
        Backend = "backend",
        /// All calls.
        Both = "both",
    }
}

impl Behavior for RpcError {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let masks = self.mode == Mode::Mask;
        // The error goes to whoever asked: the way of the reply, or against that of the request.
        let receiver = match (cx.direction, masks) {
            (Direction::Downstream, true) | (Direction::Upstream, false) => Caller::Client,
            _ => Caller::Backend,
        };
        if self.to != Caller::Both && self.to != receiver {
            return Verdict::Forward;
        }
        let (code, message) = self.says();
        let data = self.data.as_ref().map(|Json(data)| data.as_str());
        if masks {
            let error = trouble(code, message, data);
            change(unit, cx, format!("error {code}"), |message, patch, _| {
                fail(message, &error, patch);
            });
            return Verdict::Forward;
        }
        let Some(reply) = reply(&Forgery { code, message, data }, unit, cx) else {
            return Verdict::Forward;
        };
        let reply = match self.status {
            Some(status) => with_status(reply, status),
            None => reply,
        };
        if self.mode == Mode::Cut {
            let half = BytesMut::from(&reply[..reply.len() / 2]);
            return Verdict::Play(vec![Step::Reply(half), Step::Close]);
        }
        Verdict::Reply(reply)
    }

    fn scope(&self) -> Scope<'_> {
        let kinds: &[Kind] =
            if self.mode == Mode::Mask { REPLIES } else { &[Kind::Request, Kind::Batch] };
        Scope::of(kinds).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl RpcError {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        match self.status {
            Some(_) if self.mode == Mode::Mask => Err(OptionError::value(
                "status",
                "a reply that is masked keeps its status; change that with rpc-http:body=same",
            )),
            Some(status) if !(200..=599).contains(&status) || matches!(status, 204 | 304) => {
                let wrong = "expected a status from 200 to 599 that may have a body";
                Err(OptionError::value("status", wrong))
            }
            _ => Ok(()),
        }
    }

    fn says(&self) -> (i64, &str) {
        let Preset((code, message)) = self.preset;
        (self.code.unwrap_or(code), self.message.as_deref().unwrap_or(message))
    }
}

/// The framed reply to what a unit asks for.
fn reply(forgery: &Forgery<'_>, unit: &Unit, cx: &Context<'_>) -> Option<BytesMut> {
    let text = cx.messages().message(unit)?;
    let message = read(&text);
    let dialect = match dialect(unit, &message, cx.messages()) {
        Dialect::Auto => Dialect::Loose,
        dialect => dialect,
    };
    let reply = forgery.reply(&Message { dialect, ..message })?;
    cx.messages().reply(unit, &reply)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{after, at_all_framings, judge, unit};
    use super::*;
    use chenapan_core::testing::configured;

    fn asked(options: &[(&str, &str)], framing: &str, request: &str) -> Verdict {
        let mut judge = judge(framing);
        judge.direction = Direction::Upstream;
        let (verdict, after) =
            judge.unit(&mut configured::<RpcError>(options), unit(framing, request));
        if verdict == Verdict::Forward {
            assert_eq!(after, unit(framing, request));
        }
        verdict
    }

    fn line(text: &str) -> Verdict {
        Verdict::Reply(BytesMut::from(format!("{text}\n").as_str()))
    }

    #[test]
    fn instead_answers_requests_and_nothing_else() {
        let request = r#"{"jsonrpc":"2.0","method":"a","id":1.0}"#;
        let reply =
            r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error"},"id":1.0}"#;
        assert_eq!(asked(&[], "newline", request), line(reply));
        let Verdict::Reply(bytes) = asked(&[], "content-length", request) else { panic!() };
        assert_eq!(bytes, format!("Content-Length: {}\r\n\r\n{reply}", reply.len()).as_bytes());
        for other in [
            r#"{"jsonrpc":"2.0","method":"a"}"#,
            r#"{"jsonrpc":"2.0","result":1,"id":1}"#,
            r#"[{"jsonrpc":"2.0","method":"a"}]"#,
            "",
        ] {
            assert_eq!(asked(&[], "newline", other), Verdict::Forward, "{other}");
        }
    }

    #[test]
    fn each_request_of_a_batch_gets_one() {
        let batch = r#"[{"method":"a","id":1},{"method":"b"},{"method":"c","id":"x"}]"#;
        let Verdict::Reply(bytes) = asked(&[("preset", "busy")], "newline", batch) else {
            panic!()
        };
        let error = r#""error":{"code":-102,"message":"server busy - request timed out"}"#;
        let one = |id: &str| format!(r#"{{"jsonrpc":"2.0",{error},"id":{id}}}"#);
        assert_eq!(bytes, format!("[{},{}]\n", one("1"), one("\"x\"")).as_bytes());
    }

    #[test]
    fn the_old_version_is_answered_in_its_shape() {
        let request = r#"{"jsonrpc":"1.0","method":"a","params":[],"id":1}"#;
        let reply = r#"{"result":null,"error":{"code":-32603,"message":"Internal error"},"id":1}"#;
        assert_eq!(asked(&[], "newline", request), line(reply));
    }

    #[test]
    fn a_mask_replaces_result_or_error_and_no_other_byte() {
        let error = r#"{"code":-32005,"message":"slow down","data":{"wait":1}}"#;
        let options = [
            ("mode", "mask"),
            ("preset", "rate-limit"),
            ("message", "slow down"),
            ("data", "{\"wait\":1}\n"),
        ];
        for (reply, becomes) in [
            (r#"{"id": 1, "result" : [1]}"#, format!(r#"{{"id": 1, "error":{error}}}"#)),
            (
                r#"{"error":{"code":1,"message":""},"id":1}"#,
                format!(r#"{{"error":{error},"id":1}}"#),
            ),
            (
                r#"{"result":1,"error":null,"id":1}"#,
                format!(r#"{{"result":null,"error":{error},"id":1}}"#),
            ),
        ] {
            let (bytes, told) = after::<RpcError>(&options, reply);
            assert_eq!((bytes, told.len()), (becomes, 1));
        }
        let request = r#"{"method":"a","id":1}"#;
        assert_eq!(after::<RpcError>(&options, request), (request.to_owned(), vec![]));
    }

    #[test]
    fn cut_sends_half_of_it_and_closes() {
        let request = r#"{"jsonrpc":"2.0","method":"a","id":1}"#;
        let Verdict::Reply(whole) = asked(&[], "newline", request) else { panic!() };
        let half = BytesMut::from(&whole[..whole.len() / 2]);
        let expected = Verdict::Play(vec![Step::Reply(half), Step::Close]);
        assert_eq!(asked(&[("mode", "cut")], "newline", request), expected);
    }

    #[test]
    fn it_is_the_client_whose_calls_fail_unless_told_otherwise() {
        let request = r#"{"jsonrpc":"2.0","method":"a","id":1}"#;
        let mut down = judge("newline");
        let mut behavior = configured::<RpcError>(&[]);
        assert_eq!(down.unit(&mut behavior, unit("newline", request)).0, Verdict::Forward);
        for to in ["backend", "both"] {
            let mut behavior = configured::<RpcError>(&[("to", to)]);
            let (verdict, _) = down.unit(&mut behavior, unit("newline", request));
            assert!(matches!(verdict, Verdict::Reply(_)), "{to}");
        }
        assert_eq!(asked(&[("to", "backend")], "newline", request), Verdict::Forward);
        assert_eq!(configured::<RpcError>(&[]).scope().kinds, [Kind::Request, Kind::Batch]);
        assert_eq!(configured::<RpcError>(&[("mode", "mask")]).scope().kinds, REPLIES);
    }

    #[test]
    fn presets_have_a_code_each_and_data_is_json() {
        use chenapan_core::{Choices, Written};
        let mut codes: Vec<_> = Preset::VALUES.iter().map(|Preset((code, _))| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Preset::CHOICES.len());
        for wrong in ["", "{", "{} {}", "nope", "01"] {
            assert!(Json::read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Json::read(" [1,\n2] "), Ok(Json("[1, 2]".to_owned())));
        assert_eq!(Json::read("17"), Ok(Json("17".to_owned())));
    }

    #[test]
    fn whatever_frames_it() {
        let after = r#"{"error":{"code":-32603,"message":"Internal error"},"id":1}"#;
        at_all_framings::<RpcError>(&[("mode", "mask")], r#"{"result":"é","id":1}"#, after);
    }
}
