//! Listeners of a proxy, which come and go while it runs.
//!
//! It accepts nothing; each listener has a task of its own that does.

use super::gate::Gate;
use crate::endpoint::{Listen, Listener, Local};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The listeners of a proxy.
pub(super) struct Doors {
    /// Held while listeners change: a change waits until the sockets that it closes are free.
    pub(super) changing: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    /// Cancelled when the proxy stops for good.
    stopped: CancellationToken,
}

struct State {
    enabled: bool,
    doors: Vec<Door>,
    /// Number of listeners that room was made for.
    counted: usize,
}

/// One address to listen at, with its listeners if the proxy is enabled.
#[derive(Clone)]
pub(super) struct Door {
    /// The address as it was configured.
    address: Listen,
    /// Addresses at which it listens, or did so last.
    locals: Vec<Local>,
    closing: CancellationToken,
    gates: Vec<Gate>,
    tasks: TaskTracker,
}

/// A listener that is open, and what its task has to know.
pub(super) struct Open {
    pub(super) listener: Listener,
    pub(super) closing: CancellationToken,
    /// Gate of its task.
    pub(super) gate: Gate,
    /// Held until the listener is closed.
    pub(super) _open: TaskTrackerToken,
}

impl Doors {
    /// Doors that are closed, at no address.
    pub(super) fn new() -> Self {
        let state = State { enabled: true, doors: Vec::new(), counted: 0 };
        let stopped = CancellationToken::new();
        Self { changing: tokio::sync::Mutex::default(), state: Mutex::new(state), stopped }
    }

    /// Opens a door at an address: binds its listeners, which have to be given tasks.
    ///
    /// # Errors
    ///
    /// A listener cannot be bound, or the proxy has stopped.
    pub(super) fn bind(&self, address: &Listen, at: &Listen) -> io::Result<(Door, Vec<Open>)> {
        if self.stopped.is_cancelled() {
            return Err(io::Error::other("the proxy has stopped; add another one"));
        }
        let listeners = Listener::bind(at)?;
        let locals = listeners.iter().map(Listener::local).cloned().collect();
        let (closing, tasks) = (self.stopped.child_token(), TaskTracker::new());
        let open = |listener| {
            let (closing, gate) = (closing.clone(), Gate::default());
            Open { listener, closing, gate, _open: tasks.token() }
        };
        let open: Vec<_> = listeners.into_iter().map(open).collect();
        let gates = open.iter().map(|open| open.gate.clone()).collect();
        tasks.close();
        Ok((Door { address: address.clone(), locals, closing, gates, tasks }, open))
    }

    /// Puts other doors in place of those that are there, which are returned.
    pub(super) fn replace(&self, doors: Vec<Door>, enabled: bool) -> Vec<Door> {
        let mut state = self.state();
        state.enabled = enabled;
        std::mem::replace(&mut state.doors, doors)
    }

    /// Returns how many of `open` listeners are more than there ever were, for whom room has to be
    /// made.
    pub(super) fn count(&self, open: usize) -> usize {
        let mut state = self.state();
        let more = open.saturating_sub(state.counted);
        state.counted += more;
        more
    }

    /// Returns the doors, open or not.
    pub(super) fn doors(&self) -> Vec<Door> {
        self.state().doors.clone()
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.state().enabled && !self.stopped.is_cancelled()
    }

    /// Returns the addresses as they were configured.
    pub(super) fn addresses(&self) -> Vec<Listen> {
        self.state().doors.iter().map(|door| door.address.clone()).collect()
    }

    /// Returns the addresses at which the proxy listens, or did so last.
    pub(super) fn locals(&self) -> Arc<[Local]> {
        self.state().doors.iter().flat_map(|door| door.locals.iter().cloned()).collect()
    }

    /// Closes all doors for good; their ports are free when this returns, unless it is called from
    /// where a connection is being accepted.
    pub(super) fn stop(&self) {
        self.stopped.cancel();
        self.doors().iter().for_each(Door::shut);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Door {
    /// A door at an address that was never opened.
    pub(super) fn closed(address: Listen) -> Self {
        let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.close();
        Self { address, locals: Vec::new(), closing, gates: Vec::new(), tasks }
    }

    pub(super) fn address(&self) -> &Listen {
        &self.address
    }

    pub(super) fn locals(&self) -> &[Local] {
        &self.locals
    }

    /// Returns the address at which the door opens again: the port that the system has chosen stays.
    pub(super) fn again(&self) -> Listen {
        let mut again = self.address.clone();
        if let (Some((_, 0)), Some(local)) =
            (again.place.tcp(), self.locals.iter().find_map(Local::tcp))
            && let Some(place) = again.place.at_port(local.port())
        {
            again.place = place;
        }
        again
    }

    /// Closes the listeners; their ports are free when this returns.
    pub(super) async fn close(&self) {
        self.shut();
        self.tasks.wait().await;
    }

    fn shut(&self) {
        self.closing.cancel();
        self.gates.iter().for_each(Gate::shut);
    }
}
