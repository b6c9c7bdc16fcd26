//! The ends of connections.

use super::backend::Backend;
use super::remote::Remote;
use super::{Pump, Services, Task, outflow};
use crate::ending::Ending;
use crate::endpoint::{Peer, Stream, plain};
use crate::session::caught;
use chenapan_core::Direction;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Time that the end of a connection waits for bytes that the receiver does not take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

impl Pump {
    /// Tells plug-ins the end, and hands the last entries to the journal and what the protocol has
    /// counted to the counters: before the ends of the streams tell others that there is something
    /// to look at. Returns the ending, which is another one where a plug-in has panicked.
    pub(crate) async fn settle(&mut self, mut ending: Ending) -> Ending {
        let now = self.now();
        if let Ending::Panicked(panic) = &ending {
            self.session.panicked(panic, now);
        }
        self.flush_journal();
        let closed = self.session.closed(ending.told(), now);
        let counted = caught(|| self.count()).err();
        if let Some(panic) = &counted {
            self.session.panicked(panic, now);
        }
        if let Some(panic) = closed.or(counted)
            && !matches!(ending, Ending::Panicked(_))
        {
            ending = Ending::Panicked(panic);
        }
        self.flush_journal();
        while let Some(waiting) = self.waits.journal.take() {
            waiting.await;
            self.flush_journal();
        }
        ending
    }

    /// Ends both sockets accordingly; what is left where the backend is still being dialled.
    pub(crate) async fn finish(&mut self, ending: &Ending) -> Option<Late> {
        let number = self.session.connection().number;
        let (dial, mut backend) = match std::mem::take(&mut self.backend) {
            Backend::Absent => (None, None),
            Backend::Dialling(dial) => (Some(dial), None),
            Backend::Connected(stream) => (None, Some(stream)),
        };
        if matches!(ending, Ending::HalfClosed(_))
            && let Some(program) = backend.take_if(|backend| backend.is_child())
        {
            // It had its time to say something.
            program.close().await;
        }
        let takes = |sender| match ending {
            // It is gone already, and would never take anything.
            Ending::Lost(gone) if *gone == sender => Takes::Nothing,
            _ => Takes::More,
        };
        let sender = |stream, direction| Sender { stream, takes: takes(direction) };
        let source = sender(&mut self.source, Direction::Upstream);
        let others = backend.as_mut().map(|stream| sender(stream, Direction::Downstream));
        let mut senders: Vec<_> = others.into_iter().chain([source]).collect();
        let how = How::of(ending, self.services.limits.reset_refused);
        let mut late = dial.zip(how).map(|(dial, how)| Late::new(dial, how, &self.remote));
        if let Some(how) = how {
            // An end in order takes a while, and the backend need not wait for that of the source. A
            // reset comes when the source's socket is dropped.
            let beside = async {
                if let Some(late) = late.take_if(|_| how == How::InOrder) {
                    Box::pin(late.end(&self.services, number)).await;
                }
            };
            tokio::join!(end(&mut senders, how, &self.services.now), beside);
        }
        if let Some(backend) = backend {
            backend.close().await;
        }
        late
    }
}

/// Outflow to end a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// With FIN.
    InOrder,
    /// With RST.
    Broken,
}

impl How {
    /// Returns the way to end the streams after an ending; `None` if both have ended themselves.
    /// `refused` says whether a backend that cannot be reached is a reset.
    pub(super) fn of(ending: &Ending, refused: bool) -> Option<Self> {
        match ending {
            Ending::Done(_) => None,
            Ending::Lost(_) | Ending::Reset | Ending::Panicked(_) => Some(How::Broken),
            Ending::Unreachable(_) | Ending::Short(_) if refused => Some(How::Broken),
            Ending::Close
            | Ending::Stopped
            | Ending::HalfClosed(_)
            | Ending::Idle
            | Ending::Unreachable(_)
            | Ending::Short(_)
            | Ending::Ungreeted(_)
            | Ending::Refused(_) => Some(How::InOrder),
        }
    }
}

/// Ends streams.
pub(super) async fn end(senders: &mut [Sender<'_>], how: How, now: &CancellationToken) {
    match how {
        How::Broken => abort(senders, now).await,
        How::InOrder => linger(senders, now).await,
    }
}

/// Ends a stream for which there never was a connection.
pub(crate) async fn turn_away(mut stream: Stream, ending: &Ending, now: &CancellationToken) {
    let how = How::of(ending, false).unwrap_or(How::InOrder);
    end(&mut [Sender { stream: &mut stream, takes: Takes::More }], how, now).await;
}

/// A backend that was still being dialled when its connection ended. It sees that end, too: a socket
/// that is only dropped would end in order after a reset, and break where it holds unread bytes.
pub(crate) struct Late {
    dial: Task<io::Result<Peer>>,
    how: How,
    remote: Arc<Remote>,
}

impl Late {
    pub(super) fn new(dial: Task<io::Result<Peer>>, how: How, remote: &Arc<Remote>) -> Self {
        Self { dial, how, remote: Arc::clone(remote) }
    }

    /// Waits for the backend and ends its stream; says so where it is not reached.
    ///
    /// The dial bounds itself. An order to end the connection, the program's stop among them, leaves it
    /// a moment only.
    pub(crate) async fn end(self, services: &Services, connection: u64) {
        let Self { mut dial, how, remote } = self;
        let ordered = std::future::poll_fn(|cx| {
            remote.register(cx);
            remote.orders().ending().map_or(Poll::Pending, |_| Poll::Ready(()))
        });
        let dialled = tokio::select! {
            biased;
            dialled = &mut dial => dialled,
            () = ordered => tokio::select! {
                biased;
                dialled = &mut dial => dialled,
                () = tokio::time::sleep(PATIENCE) => return,
                () = services.now.cancelled() => return,
            },
        };
        match dialled {
            Ok(Peer { mut stream, .. }) => {
                end(&mut [Sender { stream: &mut stream, takes: Takes::More }], how, &services.now)
                    .await;
                stream.close().await;
            }
            Err(error) => {
                services.stats.blame(&plain(&error));
                services.warn_unreachable(connection, &error);
            }
        }
    }
}

/// Resets streams once what was written has reached those of them that take it, or `now` is cancelled.
async fn abort(senders: &mut [Sender<'_>], now: &CancellationToken) {
    let unsent = |senders: &[Sender<'_>]| {
        senders.iter().any(|sender| sender.takes == Takes::More && sender.stream.unsent() > 0)
    };
    let end = Instant::now() + PATIENCE;
    // The kernel throws away what it has not sent when a socket is reset, and tells nobody when
    // it has sent all: it must be asked.
    while unsent(senders) && Instant::now() < end && !now.is_cancelled() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    senders.iter_mut().for_each(|sender| sender.stream.abort());
}

/// Stream that is to be ended.
pub(super) struct Sender<'a> {
    stream: &'a mut Stream,
    takes: Takes,
}

/// Readiness of the other end of a stream to take more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    More,
    Nothing,
}

/// Ends both sides in order: a socket that is closed with unread bytes in it would be reset. Once
/// `now` is cancelled it is left at what was there to read.
async fn linger(senders: &mut [Sender<'_>], now: &CancellationToken) {
    let mut open: Vec<_> = senders.iter_mut().map(|sender| (&mut *sender.stream, false)).collect();
    let drained = std::future::poll_fn(|cx| {
        open.retain_mut(|(stream, told)| {
            *told = *told || stream.poll_end(cx).is_ready();
            outflow::poll_drain(stream, cx).is_pending() || !*told
        });
        if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    });
    tokio::select! {
        // The ends are told first, whatever else is the case.
        biased;
        () = drained => {}
        () = now.cancelled() => {}
        // One that goes on sending is closed on nonetheless.
        () = tokio::time::sleep(PATIENCE) => {}
    }
}
