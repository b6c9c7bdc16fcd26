//! A program that is chenapan with two kinds of endpoints more: a backend that answers from a file, and a
//! listener that calls out for its clients, for a place that nobody can connect to.
//!
//! ```sh
//! printf 'HTTP/1.0 200 OK\r\n\r\nhello\n' >answer
//! cargo run --example custom_endpoint -- --listen 8000 --backend canned:answer
//! curl http://127.0.0.1:8000/
//! ```

use chenapan::endpoint::Kinds;
use chenapan::endpoint::kind::{Accepts, Arrivals, Connected, Dials, Promise};
use chenapan_core::{Connection, plugin};
use std::io;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

plugin! {
    /// A backend that hears nothing and says what is in a file.
    pub struct Canned = "canned" {
        /// The file.
        path: String = like "answer",
    }
}

impl Dials for Canned {
    fn dial<'a>(&'a self, _: &'a Connection) -> Promise<'a, Connected> {
        Box::pin(async move {
            let file = io::Cursor::new(std::fs::read(&self.path)?);
            Ok(Connected::new(tokio::io::join(file, tokio::io::sink())))
        })
    }
}

plugin! {
    /// A listener that connects to a place itself, and again when that connection was taken.
    pub struct Calling = "calling" {
        /// Whom to call.
        address: String = like "127.0.0.1:9000",
        /// Pause between calls that nobody answers.
        pause: Duration = "1s",
    }
}

/// Calls one after the other.
struct Calls {
    calling: Calling,
    one: Mutex<()>,
}

impl Accepts for Calling {
    fn listen(&self) -> io::Result<Box<dyn Arrivals>> {
        Ok(Box::new(Calls { calling: self.clone(), one: Mutex::default() }))
    }
}

impl Arrivals for Calls {
    fn accept(&self) -> Promise<'_, Connected> {
        Box::pin(async move {
            let _one = self.one.lock().await;
            loop {
                if let Ok(stream) = TcpStream::connect(&self.calling.address).await {
                    // Who answered may hang up at once: only a client that says something is one.
                    if stream.peek(&mut [0]).await.is_ok_and(|seen| seen > 0) {
                        return Ok(Connected::new(stream));
                    }
                }
                tokio::time::sleep(self.calling.pause).await;
            }
        })
    }
}

fn kinds() -> Kinds {
    Kinds::new().backend::<Canned>().listener::<Calling>()
}

fn main() -> ExitCode {
    chenapan::cli::main_with(chenapan::registry(), kinds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan::{control::Control, proxy::Config, stats::Counter};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn who_is_called_gets_what_is_in_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello\n").unwrap();
        let called = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = called.local_addr().unwrap();

        let control = Control::seeded(1).unwrap();
        let mut config = Config::new("0", "1").unwrap();
        let quoted = chenapan::endpoint::quote(&address.to_string());
        config.listen = vec![kinds().listen(&format!("calling:{quoted}")).unwrap()];
        config.backend =
            kinds().connect(&format!("canned:path={}", file.path().display())).unwrap();
        let proxy = control.add(config).unwrap();

        let (mut client, _) = called.accept().await.unwrap();
        client.write_all(b"anybody there?").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "hello\n");
        drop((client, called));
        assert_eq!(proxy.stats().value(Counter::Accepted), 1);
        control.stop(Duration::from_secs(1)).await.unwrap();
    }
}
