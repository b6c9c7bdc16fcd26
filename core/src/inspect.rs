//! Inspection: what bytes say in the eyes of a protocol, told to people and to programs.
//!
//! An inspection has no socket, no file and no clock: whoever has the bytes shows them, oldest first.

use crate::options::{OptionError, OptionSpec, Values};
use crate::plugin::Plugin;
use crate::text::paragraphs;
use std::fmt;
use std::time::Duration;

/// Reader of one stream that writes what it finds: `decode` prints it, and `echo` answers with it.
///
/// It writes one object of JSON for each finding, in one line and without a line end.
pub trait Inspect: Send + Sync {
    /// Takes over the options of a protocol as live traffic has them, by name and value. Options of
    /// the inspection's own that were given count more.
    ///
    /// # Errors
    ///
    /// The reason for which these options, or this protocol, mean nothing here.
    fn adopt(&mut self, protocol: &str, options: &[(String, String)]) -> Result<(), String>;

    /// Looks at the front of the bytes that have come, and writes what they say; nothing with
    /// [`Found::Incomplete`].
    ///
    /// # Errors
    ///
    /// As `out` has them.
    fn look(&mut self, input: &[u8], out: &mut dyn fmt::Write) -> Result<Found, fmt::Error>;

    /// Looks at bytes behind which nothing will come. It is asked again until it says
    /// [`Found::Over`], or takes no bytes off and is about the front alone.
    ///
    /// # Errors
    ///
    /// As `out` has them.
    fn end(&mut self, input: &[u8], out: &mut dyn fmt::Write) -> Result<Found, fmt::Error>;

    /// Returns the bytes and their meaning as text for people, with escape sequences for colours;
    /// none where there is no such text.
    fn text(&self, input: &[u8]) -> Option<String> {
        let _ = input;
        None
    }

    /// Number of bytes that [`Inspect::text`] looks at, at most.
    fn shown(&self) -> usize {
        64 << 10
    }

    /// Time that a sender has for what stands at the front.
    fn deadline(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// Returns a copy in the same state.
    fn boxed_clone(&self) -> Box<dyn Inspect>;
}

/// Result of a look at the front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing can be said before so many bytes more are there, at least.
    Incomplete(usize),
    /// The first bytes, as many as it says, are dealt with.
    Taken(usize, Remark),
    /// Nothing that follows is read.
    Over,
}

/// Judgement of bytes that an inspection has dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Nothing was written: there is nothing to say.
    None,
    /// They are sound, and their meaning was written.
    Sound,
    /// Something is wrong with them, or they are not all there; that was written.
    Wrong,
}

/// Part of a stream that an inspection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The bytes at its front: the rest is not looked at.
    Front,
    /// All of it.
    Stream,
}

/// Inspection in a registry: beside the protocol that it reads.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Inspection {
    /// Part of a stream that it is about.
    pub extent: Extent,
    /// Its documentation, as written.
    pub doc: &'static str,
    /// Notes on what it writes, for its help page.
    pub notes: &'static str,
    /// Its options, beside those of the protocol.
    pub options: &'static [OptionSpec],
    configure: fn(&Values) -> Result<Box<dyn Inspect>, OptionError>,
}

impl Inspection {
    /// The inspection of what stands at the front of a stream.
    pub const fn front<I: Plugin + Inspect + 'static>(notes: &'static str) -> Self {
        Self::of::<I>(Extent::Front, notes)
    }

    /// The inspection of whole streams.
    pub const fn stream<I: Plugin + Inspect + 'static>(notes: &'static str) -> Self {
        Self::of::<I>(Extent::Stream, notes)
    }

    const fn of<I: Plugin + Inspect + 'static>(extent: Extent, notes: &'static str) -> Self {
        Self {
            extent,
            doc: I::ABOUT,
            notes,
            options: I::OPTIONS,
            configure: |values| {
                let configured = I::configure(values);
                configured.check()?;
                Ok(Box::new(configured))
            },
        }
    }

    /// Checks options and builds the inspection of one stream.
    ///
    /// # Errors
    ///
    /// The first option that cannot be used.
    pub fn configure<'a>(
        &self,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Box<dyn Inspect>, OptionError> {
        (self.configure)(&Values::parse(self.options, given)?)
    }

    /// Its documentation, a line a paragraph.
    pub fn paragraphs(&self) -> Vec<String> {
        paragraphs(self.doc)
    }
}

impl fmt::Debug for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inspection({:?}: {:?})", self.extent, self.paragraphs().first())
    }
}
