//! A writer of text over a writer of bytes, which keeps the reason where that fails.
//!
//! It holds nothing back.

use std::{fmt, io};

struct Sink<'a> {
    out: &'a mut dyn io::Write,
    failed: Option<io::Error>,
}

impl fmt::Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.write_all(text.as_bytes()).map_err(|error| {
            self.failed = Some(error);
            fmt::Error
        })
    }
}

/// Has text written to a writer of bytes.
pub(in crate::cli) fn written<T>(
    out: &mut dyn io::Write,
    write: impl FnOnce(&mut dyn fmt::Write) -> Result<T, fmt::Error>,
) -> io::Result<T> {
    let mut sink = Sink { out, failed: None };
    let result = write(&mut sink);
    let failed = sink.failed;
    result.map_err(|fmt::Error| failed.unwrap_or_else(|| io::Error::other("cannot write it")))
}
