//! Fails calls.

use super::http::with_status;
use super::{Json, MESSAGE, REPLIES, change, dialect, fail, read, trouble};
use crate::json_rpc::{Dialect, Forgery, Message};
use bytes::BytesMut;
use chenapan_core::{
    Behavior, Context, Direction, Interest, Kind, OptionError, Scope, Step, Unit, Verdict, plugin,
};

plugin! {
    /// Answers calls of JSON-RPC with an error.
    ///
    /// `instead`: the request vanishes and the error goes back, so the backend never sees it. `mask`:
    /// the backend answers, and the answer becomes the error, in its place: whoever tries again then
    /// has done it twice. `cut`: the request vanishes, the first half of the error goes back, and the
    /// connection is closed. So with `mask` the rule acts on replies, and on requests otherwise; `to`
    /// says whose. A batch gets an error for each request in it; notifications in it vanish with it,
    /// and one of nothing else passes. With `mask` all bytes beside result and error stay as they are.
    ///
    /// Over HTTP the error is a reply by itself, in its turn, and closes the connection where the request
    /// says so. A backend's own requests, which come as events, are left there: there is no way to answer
    /// one but to make a request of the client's.
    ///
    /// `preset` gives the code and the message that servers use; `code` and `message` replace either.
    /// A reply has the shape of the version that the connection speaks.
    ///
    /// A healthy peer reports the error to whoever called, and serves later calls. JSON-RPC 2.0,
    /// section 5.1.
    pub struct RpcError = "rpc-error" {
        /// Way in which the error is sent.
        mode: String = "instead" in &["instead", "mask", "cut"],
        /// Code and message of a known error; `code` and `message` go before it.
        preset: String = "internal" in &[
            "internal", "invalid-params", "method-not-found", "rate-limit", "rate-limit-quicknode",
            "busy", "excessive", "bitcoind-warmup", "lsp-cancelled", "lsp-modified",
            "lsp-not-initialized", "mcp-timeout"
        ],
        /// The code, such as -32603.
        code: Option<i64> = "none",
        /// The message.
        message: Option<String> = "none",
        /// The data, as a JSON text.
        data: Option<Json> = "none",
        /// Whose calls fail.
        to: String = "client" in &["client", "backend", "both"],
        /// The status of HTTP that the error comes with; 200 unless given. Not with `mask`, where
        /// `rpc-http:body=same` changes it.
        status: Option<u64> = "none",
    }
}

/// Errors that servers send: name, code and message.
const PRESETS: [(&str, i64, &str); 12] = [
    ("internal", -32_603, "Internal error"),
    ("invalid-params", -32_602, "Invalid params"),
    ("method-not-found", -32_601, "Method not found"),
    ("rate-limit", -32_005, "daily request count exceeded, request rate limited"),
    ("rate-limit-quicknode", -32_007, "50/second request limit reached"),
    ("busy", -102, "server busy - request timed out"),
    ("excessive", -101, "excessive resource usage"),
    ("bitcoind-warmup", -28, "Loading block index..."),
    ("lsp-cancelled", -32_800, "request cancelled"),
    ("lsp-modified", -32_801, "content modified"),
    ("lsp-not-initialized", -32_002, "server not initialized"),
    ("mcp-timeout", -32_001, "Request timed out"),
];

impl Behavior for RpcError {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let masks = self.mode == "mask";
        // The error goes to whoever asked: the way of the reply, or against that of the request.
        let receiver = match (cx.direction, masks) {
            (Direction::Downstream, true) | (Direction::Upstream, false) => "client",
            _ => "backend",
        };
        if self.to != "both" && self.to != receiver {
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
        if self.mode == "cut" {
            let half = BytesMut::from(&reply[..reply.len() / 2]);
            return Verdict::Play(vec![Step::Reply(half), Step::Close]);
        }
        Verdict::Reply(reply)
    }

    fn scope(&self) -> Scope<'_> {
        let kinds: &[Kind] =
            if self.mode == "mask" { REPLIES } else { &[Kind::Request, Kind::Batch] };
        Scope::of(kinds).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn check(&self) -> Result<(), OptionError> {
        match self.status {
            Some(_) if self.mode == "mask" => Err(OptionError::value(
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
}

impl RpcError {
    fn says(&self) -> (i64, &str) {
        let preset = PRESETS.iter().find(|(name, _, _)| *name == self.preset);
        let (_, code, message) = preset.unwrap_or(&PRESETS[0]);
        (self.code.unwrap_or(*code), self.message.as_deref().unwrap_or(message))
    }
}

/// The framed reply to what a unit asks for.
fn reply(forgery: &Forgery<'_>, unit: &Unit, cx: &Context<'_>) -> Option<BytesMut> {
    let text = cx.protocol.message(unit)?;
    let message = read(&text);
    let dialect = match dialect(unit, &message, cx.protocol) {
        Dialect::Auto => Dialect::Loose,
        dialect => dialect,
    };
    let reply = forgery.reply(&Message { dialect, ..message })?;
    cx.protocol.reply(unit, &reply)
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
        let option = <RpcError as chenapan_core::Plugin>::OPTIONS.iter();
        let known = option.filter(|spec| spec.name == "preset").flat_map(|spec| spec.choices);
        assert!(known.eq(PRESETS.iter().map(|(name, _, _)| name)));
        use chenapan_core::Written;
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
