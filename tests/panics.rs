//! Panics of plug-ins, hook by hook: each ends its connection and nothing else, and is told with its
//! name.

use bytes::BytesMut;
use chenapan::control::Control;
use chenapan::journal::News;
use chenapan::proxy::Config;
use chenapan::rule::{Rule, Rules};
use chenapan::stats::Counter;
use chenapan_core::{
    Admission, Audit, Behavior, Connection, Context, Counted, Description, Direction, End, Handled,
    Holding, Interest, Kind, Malformed, Member, Messages, Protocol, Remedy, Scope, Unit, Verdict,
    Want,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// Panics once, in one hook, once it is lit.
#[derive(Clone)]
struct Fuse {
    hook: &'static str,
    lit: Arc<AtomicBool>,
}

impl Fuse {
    fn new(hook: &'static str) -> Self {
        Self { hook, lit: Arc::default() }
    }

    fn at(&self, hook: &str) {
        assert!(self.hook != hook || !self.lit.swap(false, Ordering::Relaxed), "boom");
    }
}

/// A behavior that does nothing but panic.
struct Bomb(Fuse);

impl Clone for Bomb {
    fn clone(&self) -> Self {
        self.0.at("clone");
        Self(self.0.clone())
    }
}

impl Behavior for Bomb {
    fn on_connect(&mut self, _: &mut Context<'_>) -> Verdict {
        self.0.at("on_connect");
        Verdict::Forward
    }

    fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
        self.0.at("on_unit");
        Verdict::Forward
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        self.0.at("on_eof");
        Verdict::Forward
    }

    fn wake(&self) -> Option<Duration> {
        self.0.at("wake");
        let lit = self.0.hook == "on_wake" && self.0.lit.load(Ordering::Relaxed);
        lit.then_some(Duration::from_millis(1))
    }

    fn on_wake(&mut self, _: &mut Context<'_>) -> Verdict {
        self.0.at("on_wake");
        Verdict::Forward
    }

    fn on_end(&mut self, _: End, _: &mut Context<'_>) {
        self.0.at("on_end");
    }

    fn scope(&self) -> Scope<'_> {
        self.0.at("scope");
        Scope::default()
    }

    fn interest(&self) -> Interest {
        self.0.at("interest");
        Interest::Everything
    }

    fn holding(&mut self) -> Option<&mut dyn Holding> {
        self.0.at("holding");
        None
    }
}

/// A protocol of lines that does nothing else but panic.
struct Fragile(Fuse);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        self.0.at("clone");
        Self(self.0.clone())
    }
}

impl Protocol for Fragile {
    fn open(&mut self, _: &Connection) -> Option<Unit> {
        self.0.at("open");
        None
    }

    fn handle(&mut self, _: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        // Which is asked without bytes, too, before there are any.
        if !input.is_empty() {
            self.0.at("handle");
        }
        Ok(match input.iter().position(|byte| *byte == b'\n') {
            Some(end) => Handled::Unit(Unit::new(Kind::Batch, input.split_to(end + 1))),
            None => Handled::Incomplete(Want::Bytes(1)),
        })
    }

    fn end(&mut self, _: Direction, _: &mut BytesMut) -> Result<Handled, Malformed> {
        self.0.at("end");
        Ok(Handled::Incomplete(Want::Bytes(1)))
    }

    fn describe(&self) -> Description {
        self.0.at("describe");
        Description::new().kinds(&[Kind::Batch], &[Kind::Batch])
    }

    fn admission(&mut self) -> Option<&mut dyn Admission> {
        Some(self)
    }

    fn audit(&mut self) -> Option<&mut dyn Audit> {
        Some(self)
    }

    fn messages(&self) -> Option<&dyn Messages> {
        Some(self)
    }
}

impl Admission for Fragile {
    fn owes(&self, _: Direction) -> bool {
        self.0.at("owes");
        false
    }

    fn deadline(&self, _: Direction) -> Option<Duration> {
        self.0.at("deadline");
        None
    }

    fn prompt(&mut self, _: Direction) -> Option<BytesMut> {
        self.0.at("prompt");
        None
    }

    fn give_up(&mut self, _: Direction) -> Remedy {
        self.0.at("give_up");
        Remedy::Pass
    }
}

impl Audit for Fragile {
    fn at(&mut self, _: Duration) {
        self.0.at("at");
    }

    fn watched(&mut self, _: Direction, _: bool) {
        self.0.at("watched");
    }

    fn noted(&mut self) -> Option<&'static str> {
        self.0.at("noted");
        None
    }

    fn passed(&mut self, _: Direction, _: &Unit, _: Duration) {
        self.0.at("passed");
    }

    fn delivered(&mut self, _: Direction, _: &Unit, _: Duration) {
        self.0.at("delivered");
    }

    fn ended(&mut self) {
        self.0.at("ended");
    }

    fn counted(&mut self) -> Vec<Counted> {
        self.0.at("counted");
        Vec::new()
    }
}

impl Messages for Fragile {
    fn members(&self, _: &Unit, _: &mut dyn FnMut(Member<'_>) -> bool) {
        self.0.at("messages");
    }
}

/// A backend that says what it is told.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                let _ = copy(&mut reader, &mut writer).await;
                let _ = writer.shutdown().await;
            });
        }
    });
    address
}

/// Lights the fuse before the first connection, which meets the hook, and looks at what is told of it
/// and at the next connection. `ends` says that the hook comes with the end of a connection.
async fn explodes(fuse: &Fuse, ends: bool, config: Config, plug_in: &str) {
    let hook = fuse.hook;
    let control = Control::seeded(1).unwrap();
    let mut journal = control.watch();
    let proxy = control.add(config).unwrap();
    fuse.lit.store(true, Ordering::Relaxed);
    let mut client = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    // A whole line keeps the protocol in play up to the end of the stream.
    let part = if hook == "owes" { "" } else { "part" };
    let _ = client.write_all(format!("hello\n{part}").as_bytes()).await;
    if ends {
        let _ = client.shutdown().await;
    }
    // To the end, or to a reset.
    let _ = timeout(PATIENCE, client.read_to_end(&mut Vec::new())).await.expect(hook);
    timeout(PATIENCE, proxy.ended(1)).await.expect(hook);
    let stats = proxy.stats();
    assert_eq!(stats.value(Counter::Panicked), 1, "{hook}");
    let told = format!("{plug_in} panicked in {hook}: boom");
    assert_eq!(stats.panics().into_iter().collect::<Vec<_>>(), [(told.clone(), 1)], "{hook}");

    let mut next = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    next.write_all(b"hello\n").await.unwrap();
    let mut got = [0; 6];
    timeout(PATIENCE, next.read_exact(&mut got)).await.expect(hook).unwrap();
    assert_eq!(&got, b"hello\n", "{hook}");
    drop(next);
    timeout(PATIENCE, proxy.ended(2)).await.expect(hook);
    assert_eq!(stats.value(Counter::Panicked), 1, "{hook}: the next one is fine");

    let mut lines = Vec::new();
    while let Some(news) = journal.try_next() {
        let News::Line(line) = news else { panic!("{hook}: {news:?}") };
        let what = line.entry.what.to_string();
        if what.starts_with("panicked") {
            lines.push((line.entry.connection, line.entry.rule.to_string(), what));
        }
    }
    let what = format!("panicked in {hook}: boom");
    assert_eq!(lines, [(1, plug_in.to_owned(), what)], "{hook}");
    control.stop(Duration::ZERO).await.unwrap();
}

async fn config(rules: impl Into<Rules>) -> Config {
    let mut config = Config::new("127.0.0.1:0", &echo().await).unwrap();
    config.rules = rules.into();
    config
}

#[tokio::test]
async fn every_hook_of_a_behavior_may_panic() {
    for (hook, ends) in [
        ("clone", false),
        ("scope", false),
        ("interest", false),
        ("on_connect", false),
        ("on_unit", false),
        ("holding", false),
        ("wake", false),
        ("on_wake", false),
        ("on_eof", true),
        ("on_end", true),
    ] {
        let fuse = Fuse::new(hook);
        let rule = Rule::value("bomb", Bomb(fuse.clone())).named("the-bomb");
        explodes(&fuse, ends, config(rule).await, "the-bomb").await;
    }
}

#[tokio::test]
async fn every_hook_of_a_protocol_may_panic() {
    for (hook, ends) in [
        ("clone", false),
        ("describe", false),
        ("open", false),
        ("handle", false),
        ("at", false),
        ("watched", false),
        ("noted", false),
        ("messages", false),
        ("passed", false),
        ("deadline", false),
        ("prompt", false),
        ("end", true),
        ("owes", true),
        ("give_up", true),
        ("ended", true),
        ("counted", true),
    ] {
        let fuse = Fuse::new(hook);
        // Which asks for members of batches, and finds none.
        let rules = Rules::parse(&["drop:label=x"]).unwrap();
        let mut config = config(rules).await;
        config.protocol = Fragile(fuse.clone()).into();
        explodes(&fuse, ends, config, "protocol").await;
    }
    let fuse = Fuse::new("delivered");
    let tap = Rule::with("tap", |_: &mut Unit, _: &mut Context<'_>| Verdict::Forward);
    let mut config = config(tap).await;
    config.protocol = Fragile(fuse.clone()).into();
    explodes(&fuse, false, config, "protocol").await;
}
