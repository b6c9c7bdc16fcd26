//! A program as a backend: started for one connection, spoken to through its standard input and
//! output. What it writes to standard error is not ours.
//!
//! Whatever happens here, a started program does not outlive its connection.

use super::in_words;
use super::shortage::shortage;
use crate::child_processes;
use rustix::process::{Pid, Signal};
use std::io;
use std::pin::{Pin, pin};
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{self, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

/// Longest time that a program may take to end after its input has ended, and again after SIGTERM.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// The most that is read of an ended program's output at once.
const PIECE: usize = 8 * 1024;

/// A handle on a running program; its end is a task of its own.
pub(super) struct Child {
    order: watch::Sender<Order>,
    state: watch::Receiver<State>,
    /// When its input has ended.
    told: Arc<OnceLock<Instant>>,
}

/// Order to a program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// As it likes.
    None,
    /// Within its grace, which began with the end of its input.
    End(Instant),
    /// Now.
    Kill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Exited,
}

/// Starts a program.
///
/// # Errors
///
/// It cannot be started, with its name.
pub(super) fn start(words: &[String]) -> io::Result<(Box<Pipes>, Child)> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child =
        child_processes::tie(&mut command).spawn().map_err(|error| match error.kind() {
            // There are as many processes as there may be.
            io::ErrorKind::WouldBlock => {
                shortage(error.kind(), format!("cannot start {program:?}: too many processes"))
            }
            _ => in_words(format_args!("cannot start {program:?}"), &error),
        })?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let output = output.ok_or(io::ErrorKind::BrokenPipe)?;
    let (order, orders) = watch::channel(Order::None);
    let (tell, state) = watch::channel(State::Running);
    let name = program.clone();
    tokio::spawn(async move {
        supervise(child, orders, &name).await;
        tell.send_replace(State::Exited);
    });
    let told = Arc::new(OnceLock::new());
    let exit = Box::pin(exited(state.clone()));
    let pipes = Pipes { input, output, exit, ended: false, told: Arc::clone(&told) };
    Ok((Box::new(pipes), Child { order, state, told }))
}

/// Waits for the end of a program, and brings it about when that is ordered or nobody is left to
/// order it.
async fn supervise(mut child: process::Child, mut orders: watch::Receiver<Order>, name: &str) {
    // What it has started ends with it, also when the runtime ends before.
    let group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let order = tokio::select! {
        status = child.wait() => {
            return told(name, status);
        }
        order = orders.wait_for(|order| *order != Order::None) => {
            order.map_or(Order::Kill, |order| *order)
        }
    };
    if let Order::End(since) = order {
        let now = Instant::now();
        for (last, until) in
            [(None, since + GRACE), (Some(Signal::TERM), now.max(since + GRACE) + GRACE)]
        {
            if let Some(last) = last {
                group.signal(last);
            }
            tokio::select! {
                status = child.wait() => {
                    told(name, status);
                    break;
                }
                _ = orders.wait_for(|order| *order == Order::Kill) => break,
                () = tokio::time::sleep_until(until.into()) => {}
            }
        }
    }
    group.signal(Signal::KILL);
    let _ = child.wait().await;
}

/// The processes of a program: they are killed when this goes.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It may have ended by itself.
            child_processes::signal(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

fn told(name: &str, status: io::Result<std::process::ExitStatus>) {
    match status {
        Ok(status) if status.success() => tracing::debug!(program = name, "the program has ended"),
        Ok(status) => tracing::warn!(program = name, "the program has ended: {status}"),
        Err(error) => tracing::warn!(program = name, %error, "the program's end is not known"),
    }
}

async fn exited(mut state: watch::Receiver<State>) {
    // Its sender is gone at the latest with the task.
    let _ = state.wait_for(|state| *state == State::Exited).await;
}

impl Child {
    /// Completes when it has ended.
    pub(super) fn exited(&self) -> impl Future<Output = ()> + Send + 'static {
        exited(self.state.clone())
    }

    /// Returns `true` if it has ended.
    pub(super) fn has_exited(&self) -> bool {
        *self.state.borrow() == State::Exited || self.state.has_changed().is_err()
    }

    /// Ends it now.
    pub(super) fn kill(&self) {
        self.order.send_replace(Order::Kill);
    }

    /// Ends it within its grace; its input must have been closed.
    pub(super) async fn end(self) {
        let told = *self.told.get_or_init(Instant::now);
        self.order.send_if_modified(|order| {
            let idle = *order == Order::None;
            if idle {
                *order = Order::End(told);
            }
            idle
        });
        self.exited().await;
    }
}

/// The pipes to and from a program.
pub(super) struct Pipes {
    input: Option<ChildStdin>,
    output: ChildStdout,
    exit: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The program has ended: what is in the pipe is all there will be, whoever else has it open.
    ended: bool,
    /// Says when its input has ended.
    told: Arc<OnceLock<Instant>>,
}

impl AsyncRead for Pipes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ended {
            if let Poll::Ready(result) = Pin::new(&mut self.output).poll_read(cx, buffer) {
                return Poll::Ready(result);
            }
            ready!(self.exit.as_mut().poll(cx));
            self.ended = true;
        }
        // The readiness that tokio knows of may be older than the end.
        let mut piece = [0; PIECE];
        let room = buffer.remaining().min(PIECE);
        match rustix::io::read(&self.output, &mut piece[..room]) {
            Ok(count) => buffer.put_slice(&piece[..count]),
            Err(error) if error == rustix::io::Errno::AGAIN => {}
            Err(error) => return Poll::Ready(Err(error.into())),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipes {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.input {
            Some(input) => pin!(input).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Some(input) => pin!(input).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The end of a pipe is that nobody has it open for writing.
        self.input = None;
        self.told.get_or_init(Instant::now);
        Poll::Ready(Ok(()))
    }
}
