//! Endpoints in memory: where a proxy without sockets listens, and what it connects to.
//!
//! No text stands for one: who makes the proxy has the other ends.

use super::custom::CustomKind;
use super::kind::{Accepts, Arrivals, Connected, Dials, Promise};
use super::wire::{Spare, Wire};
use super::{Connect, Listen, ListenPlace, Target};
use chenapan_core::Connection;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::Notify;

/// Word for such an endpoint where an address is shown.
const NAME: &str = "memory";

/// A place in memory where connections come in.
#[derive(Debug, Default)]
pub(crate) struct Entrance {
    /// Gone while nobody listens.
    open: Mutex<Weak<Queue>>,
}

/// A backend in memory.
#[derive(Debug)]
pub(crate) enum Exit {
    /// One that accepts each connection.
    Each(Queue),
    /// One that waits for a single connection.
    Only(Arc<Spare>),
}

/// Ends of wires that wait to be accepted.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    wires: Mutex<VecDeque<Wire>>,
    came: Notify,
}

impl Entrance {
    /// Returns the address of this place.
    pub(crate) fn address(self: &Arc<Self>) -> Listen {
        let place = Arc::<Self>::clone(self);
        Listen::new(ListenPlace::new(CustomKind::<dyn Accepts>::unwritten(NAME, place)))
    }

    /// Connects to it.
    ///
    /// # Errors
    ///
    /// Nobody listens now.
    pub(crate) fn connect(&self, wire: Wire) -> io::Result<()> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let queue = open.ok_or_else(|| {
            let words = "the proxy in memory is disabled or has stopped";
            io::Error::new(io::ErrorKind::ConnectionRefused, words)
        })?;
        queue.put(wire);
        Ok(())
    }
}

impl Accepts for Entrance {
    fn listen(&self) -> io::Result<Box<dyn Arrivals>> {
        let queue = Arc::new(Queue::default());
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&queue);
        Ok(Box::new(Coming(queue)))
    }
}

/// Connections that come in at an entrance.
struct Coming(Arc<Queue>);

impl Arrivals for Coming {
    fn accept(&self) -> Promise<'_, Connected> {
        Box::pin(async {
            let wire = self.0.next().await;
            let address = wire.stated().map(|stated| stated.source);
            Ok(Connected { address, ..Connected::new(wire) })
        })
    }
}

impl Exit {
    /// Returns the address of this backend.
    pub(crate) fn address(self: &Arc<Self>) -> Connect {
        let target = Arc::<Self>::clone(self);
        Connect::new(Target::new(CustomKind::<dyn Dials>::unwritten(NAME, target)))
    }

    fn reach(&self) -> io::Result<Wire> {
        match self {
            Exit::Each(queue) => {
                let [ours, theirs] = Wire::pair();
                queue.put(theirs);
                Ok(ours)
            }
            Exit::Only(spare) => spare.take().ok_or(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

impl Dials for Exit {
    fn dial<'a>(&'a self, _: &'a Connection) -> Promise<'a, Connected> {
        Box::pin(async { Ok(Connected::new(self.reach()?)) })
    }
}

impl Queue {
    fn put(&self, wire: Wire) {
        self.wires.lock().unwrap_or_else(PoisonError::into_inner).push_back(wire);
        self.came.notify_waiters();
    }

    /// Waits for the next one.
    pub(crate) async fn next(&self) -> Wire {
        loop {
            let mut came = std::pin::pin!(self.came.notified());
            came.as_mut().enable();
            let next = self.wires.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(wire) => return wire,
                None => came.await,
            }
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // Those who were not accepted are reset, as a system does when a listener is closed.
        let wires = self.wires.get_mut().unwrap_or_else(PoisonError::into_inner);
        wires.drain(..).for_each(Wire::reset);
    }
}
