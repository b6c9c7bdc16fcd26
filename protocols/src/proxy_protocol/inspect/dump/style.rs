//! Colours of a dump: escape sequences of terminals.

use std::fmt;

/// Sequence that begins a style; `{:#}` writes what ends it.
#[derive(Clone, Copy)]
pub(super) struct Style(&'static str);

pub(super) const PLAIN: Style = Style("");
pub(super) const FAINT: Style = Style("\x1b[2m");
pub(super) const BOLD: Style = Style("\x1b[1m");
pub(super) const CYAN: Style = Style("\x1b[36m");
pub(super) const GREEN: Style = Style("\x1b[1m\x1b[32m");
pub(super) const RED: Style = Style("\x1b[1m\x1b[31m");
pub(super) const YELLOW: Style = Style("\x1b[1m\x1b[33m");

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (f.alternate(), self.0) {
            (true, "") => Ok(()),
            (true, _) => f.write_str("\x1b[0m"),
            (false, start) => f.write_str(start),
        }
    }
}
