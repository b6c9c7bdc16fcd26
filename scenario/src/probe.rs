//! Probes: whether the system under test is well, as a command or a URL says.
//!
//! Nothing is decided here; a command that takes too long is ended with its children.

mod get;

use super::process::{Process, ending};
use chenapan_engine::endpoint::plain;
use get::Get;
use std::collections::BTreeMap;
use std::time::Duration;

/// A question whether a system is well.
#[derive(Debug)]
pub(crate) enum Probe {
    /// A shell command, which exits with 0 if it is, and its environment.
    Command(String, BTreeMap<String, String>),
    /// A request, whose response has a status of 2xx or 3xx if it is.
    Get(Box<Get>),
}

impl Probe {
    /// Reads a probe: a URL, or else a shell command.
    pub(crate) fn read(text: &str, env: &BTreeMap<String, String>) -> Result<Self, String> {
        match Get::is_meant(text) {
            true => Get::read(text).map(|get| Self::Get(Box::new(get))),
            false if text.trim().is_empty() => Err("expected a URL or a command".to_owned()),
            false => Ok(Self::Command(text.to_owned(), env.clone())),
        }
    }

    /// Asks once. The error is what was wrong.
    pub(crate) async fn ask(&self, timeout: Duration) -> Result<(), String> {
        let asked = async {
            match self {
                Self::Command(text, env) => run(text, env).await,
                Self::Get(get) => get.ask(timeout).await,
            }
        };
        let asked = tokio::time::timeout(timeout, asked).await;
        asked.unwrap_or_else(|_| Err(format!("no answer within {timeout:?}")))
    }
}

/// Runs a command to its end. What it has started ends with it, also where nobody waits any more.
async fn run(text: &str, env: &BTreeMap<String, String>) -> Result<(), String> {
    let mut process = Process::start(text, env).map_err(|error| plain(&error))?;
    match process.wait().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(ending(status)),
        Err(error) => Err(plain(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    async fn asked(text: &str, timeout: Duration) -> Result<(), String> {
        let env = BTreeMap::from([("WELL".to_owned(), "yes".to_owned())]);
        Probe::read(text, &env)?.ask(timeout).await
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_command_says_it_by_its_exit_code() {
        assert_eq!(asked("test $WELL = yes", LONG).await, Ok(()));
        assert_eq!(asked("exit 7", LONG).await, Err("exit code 7".to_owned()));
        assert_eq!(asked("kill -9 $$", LONG).await, Err("signal 9".to_owned()));
        assert!(asked("  ", LONG).await.is_err());
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_ends_with_its_children() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("pid");
        let text = format!("sleep 600 & echo $! >{0}.new; mv {0}.new {0}; wait", file.display());
        let probe = Probe::read(&text, &BTreeMap::new()).unwrap();
        let written = async {
            while !file.exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            // As a timeout does, this gives it up once its child is there.
            biased;
            () = written => {}
            asked = probe.ask(LONG) => panic!("{asked:?}"),
        }
        let pid = std::fs::read_to_string(&file).unwrap();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        // A zombie has ended, and waits for a parent that asks.
        while state().is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
        let late = asked("sleep 600", Duration::from_millis(20)).await;
        assert_eq!(late, Err("no answer within 20ms".to_owned()));
    }

    /// A server that answers each request with this.
    async fn answering(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                let first = format!("GET /health?a HTTP/1.1\r\nHost: {address}\r\n");
                assert!(request.starts_with(first.as_bytes()), "{}", request.escape_ascii());
                // In two pieces.
                let (head, rest) = answer.split_at(answer.len() / 2);
                stream.write_all(head).await.unwrap();
                tokio::task::yield_now().await;
                stream.write_all(rest).await.unwrap();
            }
        });
        format!("http://{address}/health?a#part")
    }

    #[tokio::test]
    async fn a_url_says_it_by_its_status() {
        for (answer, told) in [
            (&b"HTTP/1.1 200 OK\r\n\r\n"[..], Ok(())),
            (b"HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n", Ok(())),
            (b"HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 204 \r\n\r\n", Ok(())),
            (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", Err("status 503")),
            (b"HTTP/1.1 404 Not Found\r\n\r\n", Err("status 404")),
            (b"HTTP/1.1 103 Early\r\n\r\n", Err("the connection ended before a status")),
            (b"SSH-2.0-OpenSSH\r\n", Err("the answer is no HTTP")),
            (b"HTTP/1.1 20 OK\r\n\r\n", Err("the answer is no HTTP")),
            (b"", Err("the connection ended before a status")),
        ] {
            let url = answering(answer).await;
            let found = asked(&url, LONG).await;
            assert_eq!(found, told.map_err(str::to_owned), "{}", answer.escape_ascii());
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_or_says_nothing_is_not_well() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let silent = asked(&url, Duration::from_millis(20)).await.unwrap_err();
        assert!(silent.contains("no answer within 20ms"), "{silent}");
        drop(listener);
        let refused = asked(&url, LONG).await.unwrap_err();
        assert!(refused.contains("refused"), "{refused}");
    }
}
