//! The requests of a client, and a backend's replies in each framing.

/// Framing of the backend's replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
    /// Events, each in a chunk.
    Events,
    /// A notification and the reply in one chunk.
    Shared,
    /// Events that go on in the next chunk.
    Ragged,
    /// Events in a body with a length.
    Measured,
}

pub(crate) const FRAMINGS: [Framing; 6] = [
    Framing::Length,
    Framing::Chunked,
    Framing::Events,
    Framing::Shared,
    Framing::Ragged,
    Framing::Measured,
];

pub(crate) const METHODS: [&str; 7] = [
    "batch",
    "tools/list",
    "tools/call",
    "notifications/initialized",
    "eth_subscribe",
    "tools/call",
    "tools/list",
];

pub(crate) fn request(nth: usize) -> String {
    let method = METHODS[nth];
    let id = if method.starts_with("notifications/") {
        String::new()
    } else {
        format!(r#","id":{nth}"#)
    };
    let call = |id: &str| format!(r#"{{"jsonrpc":"2.0","method":"{method}"{id}}}"#);
    let body = match method {
        "batch" => format!("[{},{}]", call(&id), call(r#","id":60"#)),
        _ => call(&id),
    };
    let head = "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Returns the backend's reply to a request.
pub(crate) fn reply(framing: Framing, body: &str) -> String {
    let Some((_, id)) = body.split_once("\"id\":") else {
        return "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned();
    };
    let id = id.split('}').next().unwrap();
    let json =
        |id: &str| format!(r#"{{"jsonrpc":"2.0","result":{{"text":"ok é {id}"}},"id":{id}}}"#);
    let json = match body.starts_with('[') {
        true => format!("[{},{}]", json(id), json("60")),
        false => json(id),
    };
    let notify = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}"#;
    let told = format!("event: message\nid: {id}a\ndata: {notify}\n\n");
    let event = format!("event: message\nid: {id}b\ndata: {json}\n\n");
    let head = |sort: &str, rest: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: {sort}\r\nServer: b\r\n{rest}\r\n\r\n")
    };
    let chunks = "Transfer-Encoding: chunked";
    let events = head("text/event-stream", chunks);
    let last = "0\r\n\r\n";
    match framing {
        Framing::Length => {
            head("application/json", &format!("Content-Length: {}", json.len())) + &json
        }
        Framing::Chunked => head("application/json", chunks) + &chunk(&json) + last,
        Framing::Events => events + &chunk(&told) + &chunk(&event) + last,
        Framing::Shared => events + &chunk(&(told + &event)) + last,
        Framing::Ragged => {
            let both = told + ": comment\n\n" + &event;
            let cuts = [0, 9, both.find(": comment").unwrap() + 4, both.len() - 1, both.len()];
            let pieces = cuts.windows(2).map(|cut| chunk(&both[cut[0]..cut[1]]));
            events + &pieces.collect::<String>() + last
        }
        Framing::Measured => {
            let both = told + &event;
            head("text/event-stream", &format!("Content-Length: {}", both.len())) + &both
        }
    }
}

/// The first request that has come whole: its body, and what is behind it.
pub(crate) fn whole_request(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let text = str::from_utf8(bytes).ok()?;
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let length = head.split("Content-Length: ").nth(1)?.lines().next()?;
    let length: usize = length.parse().ok()?;
    let body = rest.get(..length)?;
    Some((body.to_owned(), rest.as_bytes()[length..].to_vec()))
}
