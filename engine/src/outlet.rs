//! Ways out of the program that others can block: a pipe that nobody reads, a stopped terminal.
//!
//! Nothing here waits for them without a bound, so that neither traffic nor the end of the program
//! depends on who reads.

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Time for which a reader may take nothing before the rest is given up.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Opens a file for writing and empties it; `-` is standard output. A named pipe must have a reader already: waiting for
/// one could last for ever.
///
/// # Errors
///
/// The file cannot be opened for writing.
pub fn create(path: &Path) -> io::Result<File> {
    if path == Path::new("-") {
        return Ok(rustix::io::dup(rustix::stdio::stdout())?.into());
    }
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).custom_flags(nonblocking);
    let file = options.open(path).map_err(|error| match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::NXIO.raw_os_error() => {
            io::Error::new(error.kind(), "it is a pipe or a socket, and nobody reads from it")
        }
        _ => error,
    })?;
    // Only opening must not wait; writing may, on a thread that nothing depends on.
    let flags = fcntl_getfl(&file)?;
    fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Writes all of it on a thread of its own, as long as somebody takes some of it now and then.
///
/// # Errors
///
/// The writer failed, or nobody took anything for [`PATIENCE`].
pub fn deliver(out: impl Write + Send + 'static, bytes: Vec<u8>) -> io::Result<()> {
    let (tell, told) = channel();
    let written = Arc::new(AtomicU64::new(0));
    let mut out = Counting { out, written: Arc::clone(&written) };
    thread::Builder::new().name("output".to_owned()).spawn(move || {
        // Pieces, so that a slow reader is told from none.
        let pieces = bytes.chunks(4 * 1024).try_for_each(|piece| out.write_all(piece));
        // Nobody listens any more where it took too long.
        let _ = tell.send(pieces.and_then(|()| out.flush()));
    })?;
    let mut before = 0;
    loop {
        match told.recv_timeout(PATIENCE) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("its writer has died"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = written.load(Ordering::Relaxed);
        if now == before {
            return Err(not_taken());
        }
        before = now;
    }
}

/// Returns `true` if a terminal would obey a character instead of showing it, or reverse its
/// neighbours.
pub fn is_obeyed(character: char) -> bool {
    let turns = matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    );
    turns || character.is_control()
}

/// Returns the error for a reader that takes nothing.
pub(crate) fn not_taken() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "nobody reads what is written")
}

/// A writer that counts what was taken from it.
pub(crate) struct Counting<W> {
    pub(crate) out: W,
    pub(crate) written: Arc<AtomicU64>,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.written.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_nobody_reads_is_given_up_and_what_is_read_slowly_arrives() {
        let (stuck, writer) = io::pipe().unwrap();
        let error = deliver(writer, vec![0; 1 << 20]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(stuck);
        let (mut reader, writer) = io::pipe().unwrap();
        let read = thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all.len()
        });
        deliver(writer, vec![0; 1 << 20]).unwrap();
        assert_eq!(read.join().unwrap(), 1 << 20);
    }

    #[test]
    fn a_named_pipe_without_a_reader_is_an_error_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let error = create(&path).unwrap_err();
        assert!(error.to_string().contains("nobody reads from it"), "{error}");
        let plain = folder.path().join("file");
        std::fs::write(&plain, "old").unwrap();
        create(&plain).unwrap().write_all(b"n").unwrap();
        assert_eq!(std::fs::read(&plain).unwrap(), b"n");
    }
}
