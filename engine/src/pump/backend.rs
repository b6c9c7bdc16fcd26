//! The backend's side of a pump, from before the dial on.

use super::Task;
use crate::endpoint::{Peer, Stream};
use std::io;

/// The backend of a connection.
#[derive(Default)]
pub(super) enum Backend {
    /// It is not dialled yet, or was not reached, or is closed.
    #[default]
    Absent,
    Dialling(Task<io::Result<Peer>>),
    Connected(Stream),
}

impl Backend {
    /// Returns its stream once it is connected.
    pub(super) fn stream(&self) -> Option<&Stream> {
        match self {
            Backend::Connected(stream) => Some(stream),
            Backend::Absent | Backend::Dialling(_) => None,
        }
    }

    /// Returns its stream, to read from or to write to, once it is connected.
    pub(super) fn stream_mut(&mut self) -> Option<&mut Stream> {
        match self {
            Backend::Connected(stream) => Some(stream),
            Backend::Absent | Backend::Dialling(_) => None,
        }
    }

    /// Returns `true` if it is a program that was started for this connection.
    pub(super) fn is_child(&self) -> bool {
        self.stream().is_some_and(Stream::is_child)
    }
}
