//! Evidence comes before effect: who sees what a rule did, or is woken for it, finds the journal's line.
//! Both look at the very moment, so that no race hides an order that is wrong.

use chenapan::chenapan_core::{Connection, plugin};
use chenapan::endpoint::Kinds;
use chenapan::endpoint::kind::{Connected, Dials, Promise};
use chenapan::journal::{News, Subscription};
use chenapan::{Config, Control, Proxy, Rules};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that were written to a backend, and the lines that the journal had got by then.
type Seen = (Vec<u8>, Vec<String>);

/// Those who look when a backend is written to.
static WITNESS: Mutex<Option<(Subscription, mpsc::UnboundedSender<Seen>)>> = Mutex::new(None);

fn new_lines(journal: &mut Subscription) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(news) = journal.try_next() {
        let News::Line(line) = news else { panic!("it lags") };
        lines.push(format!("{} at {}", line.entry.rule, line.entry.offset));
    }
    lines
}

plugin! {
    /// A backend that looks into the journal when it gets bytes, and says nothing.
    pub struct Looking = "looking" {}
}

impl Dials for Looking {
    fn dial<'a>(&'a self, _: &'a Connection) -> Promise<'a, Connected> {
        Box::pin(async { Ok(Connected::new(Looks)) })
    }
}

struct Looks;

impl AsyncRead for Looks {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Looks {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut witness = WITNESS.lock().unwrap();
        let (journal, seen) = witness.as_mut().unwrap();
        seen.send((bytes.to_vec(), new_lines(journal))).unwrap();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn start(control: &Control, rule: &str) -> Proxy {
    let mut config = Config::new("127.0.0.1:0", "127.0.0.1:9").unwrap();
    config.backend = Kinds::new().backend::<Looking>().connect("looking").unwrap();
    config.rules = Rules::parse(&[rule]).unwrap();
    control.add(config).unwrap()
}

/// A waker that looks into the journal when it is called.
struct Woken {
    journal: Mutex<Subscription>,
    found: mpsc::UnboundedSender<Vec<String>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.found.send(new_lines(&mut self.journal.lock().unwrap()));
    }
}

#[tokio::test]
async fn bytes_are_written_and_waits_are_over_when_the_journal_has_the_fault() {
    let control = Control::seeded(1).unwrap();
    let (tell, mut seen) = mpsc::unbounded_channel();
    *WITNESS.lock().unwrap() = Some((control.watch(), tell));
    let proxy = start(&control, "replace:match=a:with=b:direction=upstream");
    let (found, mut woken) = mpsc::unbounded_channel();
    let waker = Waker::from(Arc::new(Woken { journal: Mutex::new(control.watch()), found }));
    let mut happened = proxy.rule("replace").unwrap().happened(1).into_future();
    let cx = &mut Context::from_waker(&waker);
    assert!(happened.as_mut().poll(cx).is_pending());

    let mut client = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    client.write_all(b"xa").await.unwrap();
    let lines = timeout(PATIENCE, woken.recv()).await.expect("in time").unwrap();
    assert_eq!(lines, ["replace at 1"]);
    assert!(happened.as_mut().poll(cx).is_ready());
    let (bytes, lines) = timeout(PATIENCE, seen.recv()).await.expect("in time").unwrap();
    assert_eq!((&*bytes, lines), (&b"xb"[..], vec!["replace at 1".to_owned()]));

    // What no rule has touched is no news.
    client.write_all(b"x").await.unwrap();
    let (bytes, lines) = timeout(PATIENCE, seen.recv()).await.expect("in time").unwrap();
    assert_eq!((&*bytes, lines.len()), (&b"x"[..], 0));

    // What is let go because its time has come is written in the same turn.
    let proxy = start(&control, "coalesce:within=1ms:direction=upstream");
    let mut client = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    client.write_all(b"ab").await.unwrap();
    let (bytes, lines) = timeout(PATIENCE, seen.recv()).await.expect("in time").unwrap();
    assert_eq!((&*bytes, lines.len()), (&b"ab"[..], 2), "held, and let go: {lines:?}");
    control.stop_now().await.unwrap();
    *WITNESS.lock().unwrap() = None;
}
