//! Output of the program: text on standard output, and what is said on standard error.

use super::failure::Failure;
use chenapan_engine::endpoint::without_password;
use chenapan_engine::outlet;
use std::io::{self, Write};

pub(super) fn print(text: &str) -> Result<(), Failure> {
    write(text.as_bytes())
}

/// Writes text to stdout, with its colors only where they are shown.
pub(super) fn write(text: &[u8]) -> Result<(), Failure> {
    flushed(anstream::stdout().lock(), text)
}

/// Writes to stdout as it is; a reader that has gone away is no failure.
pub(super) fn flushed(mut out: impl Write, bytes: &[u8]) -> Result<(), Failure> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::run(format!(
            "standard output: {}",
            chenapan_engine::endpoint::plain(&error)
        ))),
        _ => Ok(()),
    }
}

/// Writes text to stdout, but not for longer than somebody reads there.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    match outlet::deliver(anstream::stdout(), text.as_bytes().to_vec()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::run(format!(
            "standard output: {}",
            chenapan_engine::endpoint::plain(&error)
        ))),
        _ => Ok(()),
    }
}

/// Says it on stderr, if anybody reads there.
pub(super) fn mention(text: &str) {
    let _ = outlet::deliver(anstream::stderr(), text.as_bytes().to_vec());
}

/// Says what may not be meant so, and goes on.
pub(super) fn warning(message: &str) {
    let style = anstyle::AnsiColor::Yellow.on_default().bold();
    mention(&format!("{style}warning:{style:#} {message}\n"));
}

/// Says on stderr that something is wrong.
pub(super) fn tell(message: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let message = without_password(message);
    mention(&format!("{style}error:{style:#} {message}\n"));
}
