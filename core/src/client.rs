//! Clients: the requests that a protocol's client sends, and the replies that it takes for right.
//!
//! A client has no socket and no clock: whoever has the connection writes and reads for it.

use crate::options::{OptionError, OptionSpec, Values};
use crate::plugin::Plugin;
use crate::text::one_line;
use bytes::BytesMut;
use std::borrow::Cow;
use std::fmt;

/// One client of one connection, as a scenario's `load` needs it: it sends a request, waits for its
/// reply, and goes on with the next one.
pub trait Client: Send + Sync {
    /// Appends the request of this number, from 1.
    fn request(&mut self, number: u64, out: &mut Vec<u8>);

    /// Takes bytes off the front of the input up to the end of the reply to this request; none while
    /// that has not come. What the server sends by itself is taken off, too.
    ///
    /// # Errors
    ///
    /// The reason for which no reply can come any more.
    fn reply(&mut self, number: u64, input: &mut BytesMut) -> Result<Option<Answer>, String>;

    /// Returns a copy in the same state.
    fn boxed_clone(&self) -> Box<dyn Client>;
}

/// Judgement of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is what was asked for.
    Right,
    /// It is something else, in words such as `a reply with another id`.
    Wrong(Cow<'static, str>),
}

/// Client in a registry: beside the protocol that it speaks.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ClientEntry {
    /// Its documentation, as written.
    pub doc: &'static str,
    /// Its options: the keys of a load. Where a load has a text in the place of keys, that is the
    /// first option.
    pub options: &'static [OptionSpec],
    configure: fn(&Values) -> Result<Box<dyn Client>, OptionError>,
}

impl ClientEntry {
    /// The entry of a client type.
    pub const fn of<C: Plugin + Client + 'static>() -> Self {
        Self {
            doc: C::ABOUT,
            options: C::OPTIONS,
            configure: |values| {
                let configured = C::configure(values);
                configured.check()?;
                Ok(Box::new(configured))
            },
        }
    }

    /// Checks options and builds the client from which those of connections are cloned.
    ///
    /// # Errors
    ///
    /// The first option that cannot be used.
    pub fn configure<'a>(
        &self,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Box<dyn Client>, OptionError> {
        (self.configure)(&Values::parse(self.options, given)?)
    }

    /// Its documentation in one line.
    pub fn summary(&self) -> String {
        one_line(self.doc)
    }
}

impl fmt::Debug for ClientEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientEntry({})", one_line(self.doc))
    }
}
