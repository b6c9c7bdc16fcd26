//! epoll, level-triggered, with a tick so that no loop waits for ever.

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData};
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

pub(crate) use rustix::event::epoll::EventFlags as Interest;

/// A set of sockets to wait for, each with a token.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    /// An empty set.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)? })
    }

    /// Adds a socket. Closing the socket takes it out again.
    pub(crate) fn add(&self, socket: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), interest)?)
    }

    /// Changes what is waited for.
    pub(crate) fn modify(
        &self,
        socket: impl AsFd,
        token: u64,
        interest: Interest,
    ) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(token), interest)?)
    }

    /// Waits until something is ready or the tick has passed.
    pub(crate) fn wait(&self, ready: &mut Ready) -> io::Result<()> {
        ready.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut ready.events), Some(&TICK)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Descriptors that a poller found ready.
pub(crate) struct Ready {
    events: Vec<Event>,
}

impl Ready {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { events: Vec::with_capacity(256) }
    }

    /// The tokens of the sockets that are ready.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = u64> {
        self.events.iter().map(|event| event.data.u64())
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tokens()).finish()
    }
}

const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
