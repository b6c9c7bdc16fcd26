//! Standard input and output as a stream: two threads between them and a socket.
//!
//! They may be pipes, files or terminals, and other processes may share them: so nothing about
//! them is changed, and waiting for them is left to threads.

use super::kind::{Arrivals, Connected, Promise};
use super::{Listen, Stream, in_words};
use crate::address::built_in::stdio::StandardStreams;
use crate::address::{Local, Opens};
use rustix::stdio::{dup2_stdout, stdin, stdout};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use tokio::sync::oneshot;

/// Bytes that are copied at once.
const PIECE: usize = 64 * 1024;

/// There is one of each.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The one connection, until it is taken.
struct OneArrival(Mutex<Option<Connected>>);

impl Opens for StandardStreams {
    fn open(&self, _: &Listen) -> io::Result<Vec<Box<dyn Arrivals>>> {
        let (stream, written) = open()?;
        stream.set_nonblocking(true)?;
        let mut only = Connected::new(Stream::unix(tokio::net::UnixStream::from_std(stream)?));
        only.written = Some(written);
        Ok(vec![Box::new(OneArrival(Mutex::new(Some(only))))])
    }
}

impl Arrivals for OneArrival {
    fn accept(&self) -> Promise<'_, Connected> {
        let only = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async {
            match only {
                Some(only) => Ok(only),
                None => std::future::pending().await,
            }
        })
    }

    fn local(&self) -> Option<Local> {
        Some(Local::Stdio)
    }
}

/// Standard input and output as one stream, and what tells when all was written.
///
/// # Errors
///
/// They are taken or closed, or the system has no threads or descriptors to give.
fn open() -> io::Result<(UnixStream, oneshot::Receiver<()>)> {
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(io::Error::other("standard input and output are taken already"));
    }
    let (ours, theirs) = UnixStream::pair()?;
    let closed = |error: rustix::io::Errno| in_words("standard input or output", &error.into());
    let input = File::from(rustix::io::dup(stdin()).map_err(closed)?);
    let output = File::from(rustix::io::dup(stdout()).map_err(closed)?);
    let (to, from) = (theirs.try_clone()?, theirs);
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // An input that fails has ended; a stream that takes no more needs none.
        let _ = copy(&input, &to);
        let _ = to.shutdown(Shutdown::Write);
    })?;
    let (tell, written) = oneshot::channel();
    thread::Builder::new().name("stdout".to_owned()).spawn(move || {
        let _ = copy(&from, &output);
        // Nobody reads any more, or nothing more will come: either is to be known at the other end.
        let _ = from.shutdown(Shutdown::Read);
        drop(output);
        let _ = File::options().write(true).open("/dev/null").map(dup2_stdout);
        let _ = tell.send(());
    })?;
    Ok((ours, written))
}

/// Copies to the end. `std::io::copy` has the kernel do it, which keeps what came until more of it
/// does.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => to.write_all(&buffer[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
