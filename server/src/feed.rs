//! Events: what proxies do to their connections, and what is done to proxies; numbered, so that a
//! client that was away can go on where it was.

use crate::reloads::Reload;
use chenapan_engine::control::Control;
use chenapan_engine::journal::{Line, News, What};
use chenapan_engine::proxy::Proxy;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Number of events that are kept for those who come back.
const KEPT: usize = 4_096;

/// An event, as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Number of the event, from 1; 0 where it was not said yet.
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    /// The proxy that it concerns, where it is one.
    pub(crate) proxy: Option<Arc<str>>,
    /// An object, as JSON.
    pub(crate) data: Arc<str>,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A rule has done something to a connection.
    Made,
    /// A rule has ended, and nobody took it away by its name.
    Ended,
    /// Faults that were made have landed.
    Landed,
    /// Number of faults of which nothing more is known.
    Missed,
    /// A proxy was created, changed or removed.
    Proxy,
    /// The rules of a proxy have changed.
    Rules,
    /// A connection was closed, reset, frozen, thawed or slowed from outside.
    Connection,
    /// All rules were taken away, because the system under test is not well.
    Aborted,
    /// A file was read again, and its proxies are as it declares them.
    Reloaded,
    /// A file was read again, and all is as before.
    ReloadFailed,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Made => "made",
            Kind::Landed => "landed",
            Kind::Ended => "ended",
            Kind::Missed => "missed",
            Kind::Proxy => "proxy",
            Kind::Rules => "rules",
            Kind::Connection => "connection",
            Kind::Aborted => "aborted",
            Kind::Reloaded => "reloaded",
            Kind::ReloadFailed => "reload-failed",
        }
    }
}

impl Event {
    fn new(kind: Kind, proxy: Option<Arc<str>>, data: &Value) -> Self {
        Self { id: 0, kind, proxy, data: data.to_string().into() }
    }

    /// A proxy was created, changed or removed.
    pub(crate) fn proxy(what: &'static str, proxy: &Proxy) -> Self {
        let name = Arc::from(proxy.name());
        Self::new(Kind::Proxy, Some(name), &json!({"proxy": proxy.name(), "what": what}))
    }

    /// A proxy has other rules.
    pub(crate) fn rules(proxy: &Proxy) -> Self {
        let rules: Vec<_> = proxy.rules().iter().map(ToString::to_string).collect();
        let name = Arc::from(proxy.name());
        Self::new(Kind::Rules, Some(name), &json!({"proxy": proxy.name(), "rules": rules}))
    }

    /// A connection was told something.
    pub(crate) fn connection(proxy: &Proxy, number: u64, what: &'static str) -> Self {
        let data = json!({"proxy": proxy.name(), "connection": number, "what": what});
        Self::new(Kind::Connection, Some(Arc::from(proxy.name())), &data)
    }

    /// All connections of a proxy were told something.
    pub(crate) fn connections(proxy: &Proxy, what: &'static str) -> Self {
        let data = json!({"proxy": proxy.name(), "connection": null, "what": what});
        Self::new(Kind::Connection, Some(Arc::from(proxy.name())), &data)
    }

    /// All rules were taken away.
    pub(crate) fn aborted(told: &Value) -> Self {
        Self::new(Kind::Aborted, None, told)
    }

    /// A file was read again.
    pub(crate) fn reload(reload: &Reload) -> Self {
        let kind = if reload.outcome.is_ok() { Kind::Reloaded } else { Kind::ReloadFailed };
        Self::new(kind, None, &reload.json())
    }

    fn fault(line: &Line) -> Self {
        let mut text = Vec::new();
        // A vector takes all.
        let _ = line.write(&mut text);
        let text = String::from_utf8_lossy(&text);
        let proxy = line.proxy.clone().unwrap_or_default();
        let kind = match line.entry.what {
            What::Landed => Kind::Landed,
            What::Ended(_) => Kind::Ended,
            _ => Kind::Made,
        };
        Self { id: 0, kind, proxy: Some(proxy), data: text.trim_end().into() }
    }

    fn missed(number: u64) -> Self {
        Self::new(Kind::Missed, None, &json!({ "faults": number }))
    }
}

/// Returns `true` if a line tells of the end of a rule.
fn ended(line: &Line) -> bool {
    matches!(line.entry.what, What::Ended(_))
}

/// All events from the first time that somebody asks for them.
#[derive(Debug)]
pub(crate) struct Feed {
    state: Mutex<State>,
    new: broadcast::Sender<Event>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    kept: VecDeque<Event>,
    /// Set when faults are watched.
    watching: bool,
}

/// Events for one client.
#[derive(Debug)]
pub(crate) struct Events {
    /// Events that it has not seen, and that are kept.
    before: VecDeque<Event>,
    new: broadcast::Receiver<Event>,
}

impl Events {
    /// Returns the next event; one that tells of others that were missed where the client was slow.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.before.pop_front() {
            return Some(event);
        }
        match self.new.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Event::missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self { state: Mutex::default(), new: broadcast::Sender::new(1_024) }
    }
}

impl Feed {
    /// Says an event to all clients.
    pub(crate) fn say(&self, mut event: Event) {
        let mut state = self.state();
        state.last += 1;
        event.id = state.last;
        if state.kept.len() == KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back(event.clone());
        // In order: nobody else has the lock. There may be no client.
        let _ = self.new.send(event);
    }

    /// Says a line of the journal, and which rules there are where one has ended.
    fn tell(&self, line: &Line, proxies: &Control) {
        self.say(Event::fault(line));
        let proxy = line.proxy.as_deref().unwrap_or_default();
        if let Some(proxy) = proxies.get(proxy).filter(|_| ended(line)) {
            self.say(Event::rules(&proxy));
        }
    }

    /// Returns the events behind the one of a number, or those from now on. Faults are watched from
    /// the first call on.
    pub(crate) fn events(self: &Arc<Self>, behind: Option<u64>, control: &Control) -> Events {
        let mut state = self.state();
        if !std::mem::replace(&mut state.watching, true) {
            let (feed, mut faults) = (Arc::downgrade(self), control.watch().with_landed());
            let proxies = control.clone();
            tokio::spawn(async move {
                loop {
                    let news = faults.next().await;
                    let Some(feed) = feed.upgrade() else { return };
                    match news {
                        News::Line(line) | News::Landed(line) => feed.tell(&line, &proxies),
                        News::Missed(number) => feed.say(Event::missed(number)),
                        _ => {}
                    }
                }
            });
        }
        let unseen = |event: &&Event| behind.is_some_and(|last| event.id > last);
        let before: VecDeque<_> = state.kept.iter().filter(unseen).cloned().collect();
        Events { before, new: self.new.subscribe() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
