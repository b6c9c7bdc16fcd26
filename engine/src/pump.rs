//! Two streams and a loop: reads, asks the session, writes.
//!
//! Only this file and `splice.rs` read and write proxied streams. It decides nothing about bytes.

mod age;
mod backend;
mod bounds;
mod brake;
mod ending;
mod loss;
mod outflow;
mod remote;
mod services;

use crate::budget::Ticket;
use crate::ending::Ending;
use crate::endpoint::{Peer, Stream};
use crate::journal::Entry;
use crate::rule::Rules;
use crate::session::{Events, Output, Session};
use crate::stats::Counter;
use bytes::{BufMut, BytesMut};
use chenapan_core::{Direction, Each};
use outflow::Outflow;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};
use tokio::sync::watch;

use age::Age;
use backend::Backend;
use bounds::Bounds;
use brake::Brake;
pub(crate) use ending::{PATIENCE, turn_away};
pub(crate) use remote::{Order, Remote};
pub(crate) use services::{Services, Warned};

/// Room in a read buffer below which a new one is worth its while, and the size of that one.
const READ_LOW: usize = 2 * 1024;
const READ_SIZE: usize = 32 * 1024;

/// Number of rounds of a connection before others on its thread get their turn.
const ROUNDS: usize = 32;

/// Number of reads of bytes that nobody looks at which may follow each other in a round.
const MOVES: usize = 8;

type Task<T = ()> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One proxied connection at work: a future that ends with the connection.
pub(crate) struct Pump {
    session: Session,
    source: Stream,
    backend: Backend,
    outflows: Each<Outflow>,
    services: Arc<Services>,
    remote: Arc<Remote>,
    rules: watch::Receiver<Arc<Rules>>,
    waker: Option<Waker>,
    age: Age,
    bounds: Bounds,
    ends: Ends,
    waits: Waits,
}

/// Ends of streams and of the connection that were noticed.
#[derive(Default)]
struct Ends {
    /// End of the connection that waits for the last bytes to be written.
    pending: Option<Pending>,
    /// The direction whose sender has ended its stream first.
    first: Option<Direction>,
    /// The direction whose sender went away without an end of its stream.
    lost: Option<Direction>,
}

/// End of the connection that waits for the last bytes, and the age at which it was decided.
struct Pending {
    ending: Ending,
    since: Duration,
}

/// Things that a connection waits for beside its peers and its rules.
#[derive(Default)]
struct Waits {
    /// Entries that the journal has no room for yet: the connection stands still.
    journal: Option<Task>,
    /// Entries behind those.
    unsent: Vec<Entry>,
    /// Entries about faults that have landed, which are told behind those.
    landed: Vec<Entry>,
    /// Its place among those that wait for memory.
    memory: Option<Ticket>,
    /// Orders to move no bytes, or few.
    brake: Brake,
}

impl Pump {
    /// A pump for a session of a connection that was accepted at `started`, and whose rules came
    /// from `rules`.
    pub(crate) fn new(
        session: Session,
        source: Stream,
        rules: watch::Receiver<Arc<Rules>>,
        services: Arc<Services>,
        remote: Arc<Remote>,
        started: Instant,
    ) -> Self {
        Self {
            session,
            source,
            backend: Backend::Absent,
            outflows: Each::default(),
            rules,
            age: Age::since(started, services.clock.timer()),
            services,
            remote,
            waker: None,
            bounds: Bounds::default(),
            ends: Ends::default(),
            waits: Waits::default(),
        }
    }

    /// Asks the rules about the connection, of this age; to be called once, before the first poll.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.session.accepted(now);
    }

    /// Runs the connection; ready once it has to end.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        self.register(cx);
        for _ in 0..ROUNDS {
            self.age.start_round();
            if let Some(ending) = self.apply_orders() {
                return Poll::Ready(ending);
            }
            // Also while both directions are blocked: a time that has come does not wait for bytes.
            self.session.wake(self.age.round);
            let mut progress = false;
            for direction in Direction::BOTH {
                progress |= self.write(direction, cx);
                progress |= self.read(direction, cx);
            }
            progress |= self.connect(cx);
            self.flush_journal();
            if let Some(waiting) = &mut self.waits.journal {
                ready!(waiting.as_mut().poll(cx));
                self.waits.journal = None;
                progress = true;
            }
            if let Some(ending) = self.ended().or_else(|| self.expired()) {
                return Poll::Ready(ending);
            }
            if !progress {
                return self.park(cx);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Bytes handed to the receiver of each direction.
    pub(crate) fn sent(&self) -> Each<u64> {
        self.remote.sent()
    }

    /// Lets others wake this task.
    fn register(&mut self, cx: &Context<'_>) {
        if self.waker.as_ref().is_none_or(|known| !known.will_wake(cx.waker())) {
            self.remote.register(cx);
            self.waker = Some(cx.waker().clone());
        }
    }

    /// Applies changed rules and orders from outside.
    fn apply_orders(&mut self) -> Option<Ending> {
        self.session.set_journal(self.services.journal.is_read());
        if self.rules.has_changed().unwrap_or(false) {
            let rules = Arc::clone(&self.rules.borrow_and_update());
            self.session.update(rules, self.age.round);
        }
        let orders = self.remote.orders();
        self.waits.brake.follow(orders, self.age.round);
        orders.ending()
    }

    /// Dials once the session says so.
    fn connect(&mut self, cx: &mut Context<'_>) -> bool {
        let Backend::Dialling(dial) = &mut self.backend else {
            return false;
        };
        let Poll::Ready(result) = dial.as_mut().poll(cx) else {
            return false;
        };
        self.backend = Backend::Absent;
        match result {
            Ok(Peer { stream, address, .. }) => {
                self.session.open(address, self.now());
                self.backend = Backend::Connected(stream);
            }
            Err(error) => self.end(Ending::undialled(error)),
        }
        true
    }

    /// Writes what is due in a direction; whether anything happened.
    fn write(&mut self, direction: Direction, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        if self.is_frozen() {
            self.outflows[direction].next = None;
            return false;
        }
        loop {
            // While bytes wait to be written no time is of use but a rule's, and `park` asks for
            // those itself.
            self.outflows[direction].next = None;
            if self.session.has_struck() {
                // Who sees what was done finds it in the journal.
                self.flush_journal();
            }
            match self.flush(direction, cx) {
                Poll::Pending => return progress,
                Poll::Ready(some) => progress |= some,
            }
            if self.ends.pending.is_some() {
                return progress;
            }
            match self.session.poll(direction, self.age.round) {
                Output::Write(bytes) => self.outflows[direction].give(bytes),
                Output::Finish if self.ends_all(direction) => {}
                Output::Finish => self.outflows[direction].end(),
                Output::Dial => {
                    let (to, within) =
                        (self.services.dialer(), self.services.limits.connect_timeout);
                    let connection = self.session.connection().clone();
                    let dial = Box::pin(async move { to.dial(&connection, within).await });
                    self.backend = Backend::Dialling(dial);
                }
                Output::Close => {
                    let refused = self.session.refusal().map(Ending::Refused);
                    self.end(refused.unwrap_or(Ending::Close));
                }
                Output::Reset => self.end(Ending::Reset),
                Output::Wait(at) => {
                    self.outflows[direction].next = Some(at);
                    return progress;
                }
                Output::Idle => return progress,
            }
            progress = true;
        }
    }

    /// Returns `true` if the end of a direction is the last event of the connection: the receiver's
    /// socket is then closed as a whole.
    fn ends_all(&self, direction: Direction) -> bool {
        let receiver = match direction {
            Direction::Upstream => self.backend.stream(),
            Direction::Downstream => Some(&self.source),
        };
        let other = &self.outflows[direction.opposite()];
        let read = self.ends.lost.is_none() && other.ended && other.is_idle();
        read && receiver.is_some_and(Stream::is_socket) && self.session.done()
    }

    /// Writes all that waits in a direction; whether there was anything.
    fn flush(&mut self, direction: Direction, cx: &mut Context<'_>) -> Poll<bool> {
        let receiver = match direction {
            Direction::Upstream => self.backend.stream_mut(),
            Direction::Downstream => Some(&mut self.source),
        };
        let outflow = &mut self.outflows[direction];
        let some = !outflow.is_idle();
        let Some(receiver) = receiver else {
            return if some { Poll::Pending } else { Poll::Ready(false) };
        };
        let brake = &mut self.waits.brake;
        while !outflow.is_idle() {
            let most = brake.room(direction, self.age.round);
            if most == 0 {
                return Poll::Pending;
            }
            match ready!(outflow.poll_write(receiver, most, cx)) {
                Ok(written) => {
                    brake.passed(direction, written, self.age.round);
                    count_sent(&self.services, &self.remote, direction, written);
                    self.bounds.written(direction, self.age.round, &self.services.stats);
                }
                Err(error) => {
                    self.lose_receiver(direction, &error);
                    break;
                }
            }
        }
        Poll::Ready(some)
    }

    /// Reads in a direction as far as there is room; whether anything happened.
    fn read(&mut self, direction: Direction, cx: &mut Context<'_>) -> bool {
        if self.ends.pending.is_some() {
            return false;
        }
        if self.outflows[direction].ended || self.is_frozen() {
            // It may still be reset.
            return self.ends.lost.is_none() && self.watch(direction, cx);
        }
        if self.backend.stream().is_none() {
            // One that is gone has no use for the backend any more.
            return self.ends.lost.is_none() && self.watch(direction, cx);
        }
        let read = if self.session.transparent(direction, self.age.round) {
            let most = self.waits.brake.room(direction, self.age.round);
            if most == 0 || !self.outflows[direction].is_idle() {
                return self.watch(direction, cx);
            }
            self.read_past(direction, most, cx)
        } else {
            match self.session.wants(direction) {
                0 => return self.watch(direction, cx),
                room => self.read_into(direction, room, cx),
            }
        };
        match read {
            Poll::Pending => {
                // Reading tells of a failure now.
                self.outflows[direction].failure.take();
                false
            }
            Poll::Ready(Ok(0)) => {
                self.outflows[direction].ended = true;
                self.ends.first.get_or_insert(direction);
                self.note_end(direction);
                if self.ends.lost == Some(direction) {
                    // The error was told when writing to it; this is the end of what it had said.
                    self.session.reset(direction, self.now());
                } else {
                    self.session.ended(direction, self.now());
                }
                true
            }
            Poll::Ready(Ok(_)) => {
                self.bounds.heard = self.age.round;
                self.outflows[direction].failure.take();
                true
            }
            Poll::Ready(Err(error)) => {
                self.lose(direction, &error);
                true
            }
        }
    }

    /// Reads bytes that rules or the protocol have to see.
    fn read_into(
        &mut self,
        direction: Direction,
        room: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let input = self.session.input(direction);
        let filled = &mut self.outflows[direction].filled;
        if input.capacity() - input.len() < READ_LOW.min(room) {
            match *filled && input.is_empty() && room > READ_SIZE {
                true => *input = outflow::block(),
                false => input.reserve(READ_SIZE.min(room)),
            }
        }
        let spare = (input.capacity() - input.len()).min(room);
        let sender = match direction {
            Direction::Upstream => Some(&mut self.source),
            Direction::Downstream => self.backend.stream_mut(),
        };
        let Some(sender) = sender else {
            return Poll::Pending;
        };
        let read = sender.poll_read(cx, &mut input.limit(spare));
        if let Poll::Ready(Ok(bytes @ 1..)) = read {
            *filled = bytes == spare && spare >= READ_LOW;
            self.services.stats.add_received(direction, bytes as u64);
            self.bounds.read(direction, self.age.round);
            self.session.received(direction, self.now());
        }
        read
    }

    /// Moves bytes that nobody has to see, `most` at once, until there are no more, they do not all
    /// fit, or it is time to look up again.
    fn read_past(
        &mut self,
        direction: Direction,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(backend) = self.backend.stream_mut() else {
            return Poll::Pending;
        };
        let (sender, receiver) = match direction {
            Direction::Upstream => (&mut self.source, backend),
            Direction::Downstream => (backend, &mut self.source),
        };
        let outflow = &mut self.outflows[direction];
        let mut total = 0;
        for _ in 0..MOVES {
            let moved = match outflow.poll_move(sender, receiver, most, cx) {
                // What was moved is through; the next read is waited for already.
                Poll::Pending => return Poll::Pending,
                Poll::Ready(moved) => moved?,
            };
            self.session.passed(direction, moved.read as u64);
            self.services.stats.add_received(direction, moved.read as u64);
            total = moved.read;
            if total > 0 {
                self.bounds.read(direction, self.age.round);
            }
            match moved.written {
                // The end of a stream.
                Ok(0) => {}
                Ok(written) => {
                    self.waits.brake.passed(direction, written, self.age.round);
                    count_sent(&self.services, &self.remote, direction, written);
                    self.bounds.written(direction, self.age.round, &self.services.stats);
                }
                Err(error) => {
                    self.lose_receiver(direction, &error);
                    break;
                }
            }
            if total == 0 || most < usize::MAX || !outflow.is_idle() {
                break;
            }
        }
        Poll::Ready(Ok(total))
    }

    /// Watches for the failure of a sender that is not read from now.
    fn watch(&mut self, direction: Direction, cx: &mut Context<'_>) -> bool {
        let sender = match direction {
            Direction::Upstream => Some(&self.source),
            Direction::Downstream => self.backend.stream(),
        };
        let Some(sender) = sender else {
            return false;
        };
        let failure = self.outflows[direction].failure.get_or_insert_with(|| sender.failed());
        if failure.as_mut().poll(cx).is_pending() {
            return false;
        }
        if sender.is_child() {
            // What it has said before it ended is still to be read.
            *failure = Box::pin(std::future::pending());
            let read = self.outflows[direction].ended;
            if read {
                self.depart();
            }
            return read;
        }
        self.lose(direction, &io::ErrorKind::ConnectionReset.into());
        true
    }

    fn end(&mut self, ending: Ending) {
        if self.ends.pending.is_none() {
            let (ending, since) = (self.as_lost(ending), self.now());
            self.ends.pending = Some(Pending { ending, since });
        }
    }

    /// Returns the ending as a lost connection where a reset only passes on another.
    fn as_lost(&self, ending: Ending) -> Ending {
        match (ending, self.ends.lost) {
            (Ending::Reset, Some(direction)) => Ending::Lost(direction),
            (ending, _) => ending,
        }
    }

    /// Returns how the connection has ended, if it has.
    fn ended(&mut self) -> Option<Ending> {
        let unwritten = self.outflows.iter().any(|outflow| !outflow.is_idle());
        let late = self.patience().is_some_and(|end| self.now() >= end);
        match &self.ends.pending {
            Some(_) if unwritten && !late => None,
            Some(_) => self.ends.pending.take().map(|pending| pending.ending),
            None if unwritten && late => Some(self.as_lost(Ending::Reset)),
            None if !unwritten && self.session.done() => Some(Ending::Done(self.ends.first)),
            None => None,
        }
    }

    /// Until when an end of the connection waits for bytes that are not taken: a receiver that
    /// takes some, or may not be given more yet, gets more time.
    fn patience(&self) -> Option<Duration> {
        if self.is_frozen() {
            return None;
        }
        let pending = self.ends.pending.as_ref().map(|pending| pending.since);
        let since = pending.or_else(|| self.session.overdue())?;
        let last = self.bounds.progressed.max(self.waits.brake.last());
        Some(since.max(last).saturating_add(PATIENCE))
    }

    /// Nothing more can be done now: gives memory back and sets the timer.
    fn park(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        self.count();
        for direction in Direction::BOTH {
            // What waits in the queue shares the buffer: small messages would pin one each.
            if self.session.is_empty(direction) && self.session.input(direction).capacity() > 0 {
                *self.session.input(direction) = BytesMut::new();
            }
        }
        self.waits.memory = match self.session.starves() {
            true => Some(self.services.memory.wait(cx.waker())),
            false => None,
        };
        let outflows = self.outflows.iter().filter_map(|outflow| outflow.next);
        let due = outflows.chain(self.session.next_wake()).min();
        self.remote.set_due(due);
        let next = due.into_iter().chain(self.patience()).chain(self.bound());
        let next = next.chain(self.waits.brake.next(self.age.round)).min();
        self.age.wake_at(next, cx);
        Poll::Pending
    }

    /// Hands over what the protocol has counted.
    fn count(&mut self) {
        let counted = self.session.counted();
        if !counted.is_empty() {
            self.services.stats.add_counted(counted);
        }
    }

    /// Hands what happened to the journal and the counters.
    fn flush_journal(&mut self) {
        let Events { entries, notes, dropped, unparsed, stalls, faults, .. } =
            self.session.events();
        if faults > 0 {
            self.remote.add_faults(faults.into());
        }
        if dropped {
            self.services.warn_dropped();
        }
        for note in notes {
            self.services.warn(note);
        }
        if unparsed > 0 {
            self.services.stats.add(Counter::Unparsed, unparsed);
        }
        self.services.count_stalls(stalls);
        self.waits.landed.extend(self.session.landed());
        match self.waits.unsent.is_empty() {
            true => self.waits.unsent = entries,
            false => self.waits.unsent.extend(entries),
        }
        if self.waits.journal.is_some() {
            return;
        }
        if !self.waits.unsent.is_empty() {
            let entries = std::mem::take(&mut self.waits.unsent);
            if let Err((file, entries)) = self.services.journal.record(entries) {
                self.waits.journal = Some(Box::pin(async move { file.send(entries).await }));
            }
        }
        if !self.waits.landed.is_empty() {
            self.services.journal.land(std::mem::take(&mut self.waits.landed));
        }
        self.session.tell();
    }

    fn now(&self) -> Duration {
        self.age.now()
    }
}

fn count_sent(services: &Services, remote: &Remote, direction: Direction, bytes: usize) {
    services.stats.add_sent(direction, bytes as u64);
    remote.add_sent(direction, bytes as u64);
}
