//! Answers as if the request could not be read.

use super::{MESSAGE, REPLIES, change, replies};
use crate::json_rpc::Forgery;
use chenapan_core::{Behavior, Context, Interest, Scope, Unit, Verdict, plugin};

plugin! {
    /// Replaces a reply of JSON-RPC by an error with the id null.
    ///
    /// In a batch each reply is replaced; see `rpc-batch` for a single error in the place of a whole
    /// batch.
    ///
    /// It is right if the server could not read the request (JSON-RPC 2.0, section 5: the id "MUST
    /// be Null" then), so a healthy peer must accept it, and fail its pending calls; most wait for
    /// ever.
    pub struct RpcNullError = "rpc-null-error", Downstream {
        /// The code of the error.
        code: i64 = "-32700",
        /// Its message.
        message: String = "Parse error",
    }
}

impl Behavior for RpcNullError {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let forgery = Forgery { code: self.code, message: &self.message, data: None };
        change(unit, cx, format!("error {} with id null", self.code), |message, patch, _| {
            if replies(message) {
                patch.put(message.span.clone(), forgery.with_id(message.dialect, "null"));
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

    const ERROR: &str =
        r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;

    #[test]
    fn the_reply_is_gone_and_an_error_is_there() {
        let (bytes, told) = after::<RpcNullError>(&[], r#"{"jsonrpc":"2.0","result":1,"id":1}"#);
        assert_eq!((bytes.as_str(), told), (ERROR, vec!["0 error -32700 with id null".to_owned()]));
        let options = [("code", "-1"), ("message", "no")];
        let (bytes, _) = after::<RpcNullError>(&options, r#"{"result":1,"error":null,"id":1}"#);
        assert_eq!(bytes, r#"{"result":null,"error":{"code":-1,"message":"no"},"id":null}"#);
        let request = r#"{"method":"a","id":1}"#;
        assert_eq!(after::<RpcNullError>(&[], request), (request.to_owned(), vec![]));
    }

    #[test]
    fn whatever_frames_it_and_in_batches() {
        let batch = r#"[{"jsonrpc":"2.0","result":"é","id":1}, {"method":"a"}]"#;
        let after = format!(r#"[{ERROR}, {{"method":"a"}}]"#);
        at_all_framings::<RpcNullError>(&[], batch, &after);
    }
}
