//! Accepting: from a listener's next connection to a task of its own.
//!
//! It never looks at bytes.

use super::Shared;
use super::books::Guard;
use super::doors::Open;
use crate::ending::Ending;
use crate::endpoint::{Arrival, Greeting, Peer, Stream, plain, unmapped};
use crate::pump::{Pump, Remote, turn_away};
use crate::session::{Culprit, Session, Settings, caught, named};
use crate::stats::Counter;
use chenapan_core::{Connection, Direction, Each};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Accepts connections until the listener is to be closed.
pub(super) async fn accept(
    shared: Arc<Shared>,
    Open { listener, closing, _open: open, .. }: Open,
    tracked: TaskTrackerToken,
) {
    let services = &shared.services;
    let local = listener.local().tcp().map(unmapped);
    let local = local.filter(|address| !address.ip().is_unspecified());
    let warn = |error: &io::Error| {
        tracing::warn!(
            proxy = services.told_name(),
            error = plain(error),
            connections = services.stats.active(),
            "cannot accept; waiting until a connection ends"
        );
    };
    loop {
        let place = async {
            let permit = match &shared.room.most {
                Some(most) => Arc::clone(most).acquire_owned().await.ok(),
                None => None,
            };
            shared.room.places.wait(|| shared.seek_places()).await;
            (permit, listener.next(shared.room.places.left(), warn).await)
        };
        let (permit, arrival) = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            place = place => place,
        };
        begin(&shared, arrival, local, permit);
    }
    // The port is free before anybody is told.
    drop(listener);
    drop((open, tracked));
}

/// An address for the log, where it is known.
fn known(address: Option<SocketAddr>) -> Option<String> {
    address.map(|address| address.to_string())
}

/// Starts the task of one connection.
fn begin(
    shared: &Arc<Shared>,
    arrival: Arrival,
    local: Option<SocketAddr>,
    permit: Option<OwnedSemaphorePermit>,
) {
    let peer = &arrival.peer;
    let since = shared.services.clock.now();
    // Where the listener has an address of its own, that is the one.
    let local = local.or_else(|| peer.stream.local());
    let remote = Arc::new(Remote::default());
    let connection = shared.table.enter(since, &remote, |connection| {
        connection.source = peer.address;
        connection.local = local;
        connection.paths.clone_from(&peer.paths);
    });
    shared.services.stats.add(Counter::Accepted, 1);
    let number = connection.number;
    let source = known(connection.source);
    tracing::debug!(proxy = shared.services.told_name(), connection = number, source, "accepted");
    let place = (shared.room.places.take(), permit);
    let guard = Guard { shared: Arc::clone(shared), number, left: false, _place: place };
    let entered = Entered { shared: Arc::clone(shared), connection, guard, remote, since };
    match arrival {
        Arrival { peer, greeting: None, written: None } => {
            let Entered { connection, mut guard, remote, .. } = entered;
            match caught(|| shared.pump(connection, peer.stream, remote, since)) {
                Ok(pump) => drop(shared.table.tasks.spawn(converse(pump, guard, Duration::ZERO))),
                Err(panic) => guard.fail(panic),
            }
        }
        arrival => drop(shared.table.tasks.spawn(welcome(entered, arrival))),
    }
}

/// A connection that is on the books, and not at work yet.
struct Entered {
    shared: Arc<Shared>,
    connection: Connection,
    guard: Guard,
    remote: Arc<Remote>,
    since: Instant,
}

/// The task of a connection whose source has to say something first, or is written by a thread.
fn welcome(entered: Entered, arrival: Arrival) -> impl Future<Output = ()> + Send {
    // Taken apart here, so that each part is held once.
    let Entered { shared, mut connection, mut guard, remote, since } = entered;
    let Arrival { peer, greeting, written } = arrival;
    async move {
        // What is left of the stream when it was turned away.
        let bottom = peer.stream.socket();
        let heard = match greeting {
            Some(greeting) => {
                hear(&greeting, peer, &remote, shared.services.limits.greet_timeout).await
            }
            None => Ok(peer),
        };
        match heard {
            Ok(peer) => {
                drop(bottom);
                connection.source = peer.address;
                let real = connection.local.filter(|_| peer.paths.is_none());
                connection.local = peer.local.or(real);
                (connection.paths, connection.tlvs) = (peer.paths, peer.tlvs);
                shared.table.update(&connection);
                match caught(|| shared.pump(connection, peer.stream, remote, since)) {
                    Ok(pump) => {
                        let age = shared.services.clock.now().saturating_duration_since(since);
                        converse(pump, guard, age).await;
                    }
                    Err(panic) => guard.fail(panic),
                }
            }
            Err(ending) => {
                guard.leave(&ending, Each::default());
                if let Some(bottom) = bottom {
                    turn_away(bottom, &ending, &shared.services.now).await;
                }
                drop(guard);
            }
        }
        if let Some(written) = written {
            // Its sender is gone when its thread is.
            let _ = written.await;
            shared.finished.cancel();
        }
    }
}

/// The task of one connection. Everything is built before, so that it is held once: the arguments
/// of an `async fn` would be held twice.
#[allow(clippy::manual_async_fn)]
fn converse(mut pump: Pump, mut guard: Guard, age: Duration) -> impl Future<Output = ()> + Send {
    async move {
        let ending = match caught(|| pump.begin(age)) {
            Ok(()) => {
                let polled = |cx: &mut Context<'_>| match caught(|| pump.poll(cx)) {
                    Ok(poll) => poll,
                    Err(panic) => Poll::Ready(Ending::Panicked(panic)),
                };
                std::future::poll_fn(polled).await
            }
            Err(panic) => Ending::Panicked(panic),
        };
        let ending = pump.settle(ending).await;
        // Counted before anybody can see the end.
        guard.leave(&ending, pump.sent());
        let late = pump.finish(&ending).await;
        if let Some(late) = late {
            // The source has its end already.
            drop(pump);
            Box::pin(late.end(&guard.shared.services, guard.number)).await;
        }
    }
}

/// Waits for what a source has to say first, for a time, and heeds orders meanwhile.
async fn hear(
    greeting: &Greeting,
    peer: Peer,
    remote: &Remote,
    within: Duration,
) -> Result<Peer, Ending> {
    let ordered = std::future::poll_fn(|cx| {
        remote.register(cx);
        remote.orders().ending().map_or(Poll::Pending, Poll::Ready)
    });
    let spoken = async {
        match peer.stream.first().await {
            // Who comes and goes without a word has only looked whether there is anybody.
            Ok(0) => Err(Ending::Done(Some(Direction::Upstream))),
            Err(_) => Err(Ending::Lost(Direction::Upstream)),
            Ok(_) => greeting.hear(peer).await.map_err(Ending::Ungreeted),
        }
    };
    tokio::select! {
        biased;
        ending = ordered => Err(ending),
        heard = tokio::time::timeout(within, spoken) => {
            let late = || {
                let text = format!("not whole within {within:?} (--greet-timeout)");
                Ending::Ungreeted(io::Error::new(io::ErrorKind::TimedOut, text))
            };
            heard.map_err(|_| late()).flatten()
        }
    }
}

impl Shared {
    /// A connection at work, with the rules of now.
    fn pump(
        self: &Arc<Self>,
        connection: Connection,
        source: Stream,
        remote: Arc<Remote>,
        since: Instant,
    ) -> Pump {
        let services = &self.services;
        let mut rules = self.rules.subscribe();
        let snapshot = Arc::clone(&rules.borrow_and_update());
        let protocol = named(|| Culprit::protocol("clone"), || self.protocol.instance());
        let settings = Settings { journal: services.journal.is_read(), ..self.settings };
        let session = Session::within(&services.memory, connection, protocol, snapshot, settings);
        Pump::new(session, source, rules, Arc::clone(services), remote, since)
    }
}
