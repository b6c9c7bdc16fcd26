//! Client of the API: one connection, one request after the other.
//!
//! It knows nothing of proxies and rules.

use super::super::Failure;
use super::address::Address;
use bytes::Bytes;
use chenapan_engine::endpoint::plain;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest time until a connection is there.
const CONNECT: Duration = Duration::from_secs(10);

/// Longest time until a response begins; the server answers within 25 seconds.
const ANSWER: Duration = Duration::from_secs(30);

/// Largest body of a response, in bytes.
const BODY: usize = 256 << 20;

/// A connection to the API of a server that is chenapan.
pub(super) struct Client {
    address: Address,
    token: Option<HeaderValue>,
    sender: SendRequest<Full<Bytes>>,
}

/// Reason of the server why it does not do what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// Cause, and what would do.
    pub(super) why: String,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal.status {
            StatusCode::UNAUTHORIZED => {
                let how = "--api-token-file FILE or CHENAPAN_API_TOKEN gives it to this command";
                Failure::usage(format!("the token of the API is missing or wrong; {how}"))
            }
            status if status.is_server_error() => Failure::run(refusal.why),
            _ => Failure::usage(refusal.why),
        }
    }
}

impl Client {
    /// Connects, and makes sure of who is there.
    pub(super) async fn open(address: &Address, token: Option<&str>) -> Result<Self, Failure> {
        let token = token.map(|token| HeaderValue::try_from(format!("Bearer {token}"))).transpose();
        let token = token.map_err(|_| {
            Failure::usage("the token of the API has letters that no header can have")
        })?;
        let unreachable = |why: String| {
            let how = "chenapan serve starts a server, and --api HOST:PORT or CHENAPAN_API says where it is";
            Failure::run(format!("no API at {address}: {why}; {how}"))
        };
        let connecting = TcpStream::connect((&*address.host, address.port));
        let stream = match timeout(CONNECT, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(unreachable(plain(&error))),
            Err(_) => {
                return Err(unreachable(format!("no connection within {} s", CONNECT.as_secs())));
            }
        };
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        tokio::spawn(connection);
        let mut client = Self { address: address.clone(), token, sender };
        client.is_ours().await?;
        Ok(client)
    }

    /// Asks the server which program it is.
    async fn is_ours(&mut self) -> Result<(), Failure> {
        let (status, body) = self.exchange(Method::GET, "/v1", None).await?;
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        match (status, said["program"].as_str()) {
            (StatusCode::OK, Some("chenapan")) => Ok(()),
            // It answers as we do where it refuses.
            _ if status != StatusCode::NOT_FOUND && said["title"].is_string() => {
                Err(refusal(status, &body).into())
            }
            _ => Err(Failure::run(format!(
                "the server at {} is not chenapan: it answers GET /v1 with status {status}; chenapan serve takes \
                 the place of toxiproxy-server",
                self.address
            ))),
        }
    }

    /// Sends a request, and returns what the server says: an object, or null where it says nothing.
    pub(super) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        Ok(self.asked(method, path, body).await??)
    }

    /// Sends a request that the server may refuse for a reason that the caller looks at.
    pub(super) async fn asked(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Result<Value, Refusal>, Failure> {
        let (status, body) = self.exchange(method, path, body).await?;
        if !status.is_success() {
            return Ok(Err(refusal(status, &body)));
        }
        if body.is_empty() {
            return Ok(Ok(Value::Null));
        }
        let read = serde_json::from_slice(&body);
        read.map(Ok)
            .map_err(|error| self.failed(&format!("{path}: the response is no JSON: {error}")))
    }

    /// Opens a stream of events.
    pub(super) async fn events(
        &mut self,
        path: &str,
        after: Option<&str>,
    ) -> Result<Result<Incoming, Refusal>, Failure> {
        let mut request = self.request(Method::GET, path, None)?;
        if let Some(after) = after.and_then(|id| HeaderValue::try_from(id).ok()) {
            request.headers_mut().insert("last-event-id", after);
        }
        let response = self.send(request).await?;
        if response.status().is_success() {
            return Ok(Ok(response.into_body()));
        }
        let status = response.status();
        Ok(Err(refusal(status, &self.whole(response).await?)))
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let request = self.request(method, path, body)?;
        let response = self.send(request).await?;
        Ok((response.status(), self.whole(response).await?))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.authority())
            .header(ACCEPT, "application/json, text/event-stream");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(|body| body.to_string().into()).unwrap_or_default();
        request.body(Full::new(bytes)).map_err(|error| self.failed(&error.to_string()))
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let sending = async {
            // It is ready when the response before has been taken whole.
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        match timeout(ANSWER, sending).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_parse() => {
                Err(self.failed("what listens there does not speak HTTP"))
            }
            Ok(Err(error)) => Err(self.failed(&cause(&error))),
            Err(_) => Err(self.failed(&format!("no response within {} s", ANSWER.as_secs()))),
        }
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<Bytes, Failure> {
        let reading = Limited::new(response.into_body(), BODY).collect();
        match timeout(ANSWER, reading).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) => Err(self.failed(&error.to_string())),
            Err(_) => {
                Err(self.failed(&format!("the response did not end within {} s", ANSWER.as_secs())))
            }
        }
    }

    fn failed(&self, why: &str) -> Failure {
        Failure::run(format!("the API at {}: {why}", self.address))
    }
}

/// Returns the last cause of an error, which names what happened.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(deeper) = last.source() {
        last = deeper;
    }
    match last.downcast_ref() {
        Some(error) => plain(error),
        None => last.to_string(),
    }
}

/// Reads the reason in a response: that of a problem, or of Toxiproxy's routes.
fn refusal(status: StatusCode, body: &[u8]) -> Refusal {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = said["detail"].as_str().or_else(|| said["error"].as_str());
    let why = match (detail, said["field"].as_str()) {
        (Some(detail), Some(field)) => format!("{field}: {detail}"),
        (Some(detail), None) => detail.to_owned(),
        (None, _) => format!("the API answers with status {status}"),
    };
    Refusal { status, why }
}

/// Returns a name as a path has it.
pub(super) fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes().fold(String::new(), |mut path, byte| {
        match plain(byte) {
            true => path.push(char::from(byte)),
            false => path += &format!("%{byte:02X}"),
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_sentence() {
        for (body, why) in [
            (
                r#"{"title":"x","status":422,"detail":"no port","field":"listen"}"#,
                "listen: no port",
            ),
            (r#"{"title":"x","status":404,"detail":"there is no proxy"}"#, "there is no proxy"),
            (r#"{"error":"proxy not found","status":404}"#, "proxy not found"),
            ("<html>", "the API answers with status 404 Not Found"),
        ] {
            assert_eq!(refusal(StatusCode::NOT_FOUND, body.as_bytes()).why, why);
        }
    }

    #[test]
    fn any_name_is_one_part_of_a_path() {
        assert_eq!(encoded("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
    }
}
