//! Draws of a rule in one lane: their keys, and how often an offset came by.

use crate::rule::Rule;
use chenapan_core::{Connection, Direction, Key};

/// Keys of a rule's draws, and the place of the next ones.
pub(super) struct Draws {
    /// The key of what its behavior draws.
    behavior: Key,
    /// The key of what its selectors draw.
    selectors: Key,
    /// Set when chance lets it see events that are no units; drawn once.
    pub(super) events: bool,
    /// The last unit that came by.
    last: Option<Place>,
}

/// Place of a unit in its direction.
#[derive(Clone, Copy)]
pub(super) struct Place {
    offset: u64,
    /// Number of times that a unit of this offset came by before.
    repeat: u64,
}

impl Draws {
    /// Returns the draws of a rule in one direction of a connection.
    pub(super) fn new(
        rule: &Rule,
        run: Key,
        connection: &Connection,
        direction: Direction,
    ) -> Self {
        let [behavior, selectors] = rule.keys(run, connection, direction);
        let event = selectors.with_text("connection").dice().unit();
        let events = rule.selectors().chance.contains(&event);
        Self { behavior, selectors, events, last: None }
    }

    /// Notes that a unit comes by, and returns its place.
    pub(super) fn comes_by(&mut self, offset: u64) -> Place {
        let repeat = match self.last {
            Some(last) if last.offset == offset => last.repeat + 1,
            _ => 0,
        };
        *self.last.insert(Place { offset, repeat })
    }

    /// Draws a number in 0.0..1.0 for the unit at a place.
    pub(super) fn unit(&self, place: Place) -> f64 {
        self.selectors.with_text("unit").with(place.offset).with(place.repeat).dice().unit()
    }

    /// Returns the key of the draws about an offset, however often it has come by.
    pub(super) fn key_at(&self, offset: u64) -> Key {
        match self.last {
            Some(last) if last.offset == offset && last.repeat > 0 => {
                self.behavior.with(last.repeat)
            }
            _ => self.behavior,
        }
    }
}
