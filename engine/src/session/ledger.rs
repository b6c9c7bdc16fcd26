//! Ledger of the requests that the backend has got and of those that a rule has answered, in the
//! order of replies.
//!
//! Kept for protocols that say how replies find their requests. It never sees a reply that the backend
//! sent, only that one came, and that it left.

mod book;

use book::Book;
use bytes::BytesMut;
use chenapan_core::{Correlation, Counted, Direction, Kind, Latency, Turn, Unit};
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::time::Duration;

/// The most requests that may wait for replies, and the most bytes of forged replies that may wait
/// for those: where there are more, order is given up.
const MOST_SLOTS: usize = 64 << 10;
const MOST_BYTES: usize = 64 << 20;

/// Bytes that a slot costs beside its contents.
const OVERHEAD: usize = 64;

/// The requests of one connection, oldest first.
#[derive(Default)]
pub(super) struct Ledger {
    /// A box, since most connections have none.
    books: Option<Box<Books>>,
    /// Number of slots at the front that wait for nothing from the backend.
    settled: u32,
    /// Set when a reply of the backend has begun and not ended.
    inside: bool,
    /// Number of forged replies that wait.
    forged: u32,
    /// Set when the backend has got a part of a request.
    pub(super) under_way: bool,
    /// Number of replies that came before the end of their request.
    early: u32,
    unordered: bool,
    full: bool,
}

/// Requests in the order of replies, and the book beside that.
#[derive(Default)]
struct Books {
    slots: VecDeque<Slot>,
    book: Book,
    /// Number of bytes of the forged replies that wait.
    bytes: usize,
    /// Number of requests so far.
    asked: u64,
    /// Headers of requests that replies are to be known by.
    headers: Box<[Box<str>]>,
}

enum Slot {
    /// The backend has to answer it.
    Asked(Asked),
    /// The backend has.
    Came,
    Forged(Forged),
}

/// Known properties of a request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) kind: Kind,
    pub(super) label: Option<Box<str>>,
    /// Number by which replies name it, from 1.
    pub(super) number: NonZeroU64,
    /// Headers by which its reply is to be known, as `name: text`.
    pub(super) headers: Vec<Box<str>>,
    /// When it came, as an age of the connection.
    came: Duration,
    /// Set when the end of its reply has left.
    answered: bool,
}

/// A reply that a rule has made.
pub(super) struct Forged {
    pub(super) at: Duration,
    pub(super) bytes: BytesMut,
    /// Set when the connection is closed behind it.
    pub(super) last: bool,
}

/// Longest text of a header that is remembered, and the most of one name.
const LONGEST_TEXT: usize = 256;
const MOST_OF_A_NAME: usize = 8;

/// Returns the headers of a name, as they are remembered.
fn headers(unit: &Unit, name: &str) -> Vec<Box<str>> {
    let field = format!("header.{name}");
    let named = unit.fields.iter().filter(|known| unit.is_called(known, &field));
    let texts = named.filter_map(|field| unit.bytes.get(field.range.clone()));
    let text = |text: &[u8]| {
        let text = String::from_utf8_lossy(&text[..text.len().min(LONGEST_TEXT)]);
        format!("{name}: {text}").into()
    };
    texts.take(MOST_OF_A_NAME).map(text).collect()
}

impl Ledger {
    fn slots(&mut self) -> &mut VecDeque<Slot> {
        &mut self.books.get_or_insert_default().slots
    }

    /// Remembers these headers of requests from now on.
    pub(super) fn remembers(&mut self, headers: Box<[Box<str>]>) {
        if self.books.is_some() || !headers.is_empty() {
            self.books.get_or_insert_default().headers = headers;
        }
    }

    /// Returns `true` if headers of requests are to be remembered.
    pub(super) fn has_headers(&self) -> bool {
        self.books.as_ref().is_some_and(|books| !books.headers.is_empty())
    }

    fn book(&mut self) -> &mut Book {
        &mut self.books.get_or_insert_default().book
    }

    /// Numbers a request, and takes what is to be known of it.
    fn request(&mut self, unit: &Unit, at: Duration) -> Asked {
        let Books { asked, headers: names, .. } = &mut **self.books.get_or_insert_default();
        *asked += 1;
        let number = NonZeroU64::new(*asked).unwrap_or(NonZeroU64::MIN);
        let (kind, label) = (unit.kind, unit.label.clone());
        let headers = names.iter().flat_map(|name| headers(unit, name)).collect();
        Asked {
            kind,
            label,
            number,
            headers,
            came: unit.origin.came.unwrap_or(at),
            answered: false,
        }
    }

    /// The backend gets a request, at this age of the connection.
    pub(super) fn asks(&mut self, unit: &Unit, at: Duration) {
        if self.early > 0 {
            self.early -= 1;
            return;
        }
        let asked = self.request(unit, at);
        self.push(Slot::Asked(asked));
    }

    /// The request before it gets no reply any more: one is answered at a time.
    pub(super) fn supersedes(&mut self) {
        if self.inside || self.asked().is_none() {
            return;
        }
        let before = self.slots().len();
        self.slots().retain(|slot| !matches!(slot, Slot::Asked(_)));
        let lost = before - self.slots().len();
        self.settled = before as u32 - lost as u32;
        self.book().loses(lost as u64);
    }

    /// The receiver of a direction gets a request with an id.
    pub(super) fn asks_by_id(&mut self, direction: Direction, unit: &Unit, at: Duration) {
        let Some(id) = unit.correlation else { return };
        let came = unit.origin.came.unwrap_or(at);
        self.book().asks(direction, id, unit.label.as_deref(), came);
    }

    /// The label of the request that a unit of a direction answers by its id.
    pub(super) fn label_by_id(&self, direction: Direction, unit: &Unit) -> Option<&str> {
        self.books.as_ref()?.book.label(direction.opposite(), unit.correlation?)
    }

    /// Returns `true` if a request that went in a direction waits for a reply with an id.
    pub(super) fn is_open(&self, direction: Direction, id: Correlation) -> bool {
        self.books.as_ref().is_some_and(|books| books.book.is_open(direction, id))
    }

    /// Returns `true` if a request waits for its reply, or for that to leave.
    pub(super) fn is_asked(&mut self) -> bool {
        self.asked().is_some() || self.books.as_ref().is_some_and(|books| books.book.waits())
    }

    /// The end of a reply with an id leaves, at this age of the connection.
    pub(super) fn leaves_by_id(&mut self, direction: Direction, unit: &Unit, at: Duration) {
        if let (Some(books), Some(id)) = (&mut self.books, unit.correlation) {
            books.book.answers(direction.opposite(), id, at);
        }
    }

    /// The end of a reply leaves, at this age of the connection.
    pub(super) fn leaves(&mut self, unit: &Unit, at: Duration) {
        let Some(number) = unit.origin.answers else { return };
        // Mostly it has come just now.
        let here = self.asked().filter(|asked| asked.number == number).is_some();
        if !here {
            return self.book().leaves(number, at);
        }
        let place = self.settled as usize;
        if let Slot::Asked(asked) = &mut self.slots()[place]
            && !std::mem::replace(&mut asked.answered, true)
        {
            let (label, came) = (asked.label.clone(), asked.came);
            self.book().took(label.as_deref(), at.saturating_sub(came));
        }
    }

    /// The connection has ended. Requests of which nobody knows who answers them are not counted, nor
    /// any where the protocol has its own list, and says how many of that are `unanswered`.
    pub(super) fn close(&mut self, unanswered: Option<u64>) {
        if let Some(unanswered) = unanswered {
            if unanswered > 0 || self.books.is_some() {
                self.book().close_lent(unanswered);
            }
        } else if let Some(books) = &mut self.books {
            let asked = |slot: &&Slot| matches!(slot, Slot::Asked(asked) if !asked.answered);
            let waits = books.slots.iter().filter(asked).count() as u64;
            books.book.close(if self.unordered { 0 } else { waits });
        }
        if let Some(books) = &mut self.books {
            books.slots.clear();
        }
        self.settled = 0;
    }

    /// Takes the counts, those of times by label under a name. Where the protocol has its own list, the
    /// times are of that.
    pub(super) fn counted(&mut self, by_label: &'static str, own: Option<Latency>) -> Vec<Counted> {
        let book = self.books.as_mut().map(|books| &mut books.book);
        let mut counted = Vec::new();
        if let Some(book) = book {
            counted.extend(book.take_unanswered());
            if own.is_none() {
                counted.extend(book.take_times(by_label));
            }
        }
        counted.extend(own.unwrap_or_default().take(by_label));
        counted
    }

    /// A rule has made a reply.
    pub(super) fn answers(&mut self, forged: Forged) {
        self.forged += 1;
        self.books.get_or_insert_default().bytes += forged.bytes.len() + OVERHEAD;
        self.push(Slot::Forged(forged));
    }

    /// Puts a slot behind the others, and gives up order where too much waits.
    fn push(&mut self, slot: Slot) {
        self.slots().push_back(slot);
        if self.slots().len() > MOST_SLOTS || self.held() > MOST_BYTES {
            self.full = !self.unordered;
            self.unordered = true;
        }
    }

    /// Returns `true` if order was given up since the last call because too much waits.
    pub(super) fn overflows(&mut self) -> bool {
        std::mem::take(&mut self.full)
    }

    /// Nothing tells any more which reply is which.
    pub(super) fn give_up(&mut self) {
        self.unordered = true;
    }

    /// Returns `true` if nothing tells which reply is which.
    pub(super) fn gave_up(&self) -> bool {
        self.unordered
    }

    /// The request that the backend's next unit answers, or goes on to answer.
    pub(super) fn asked(&mut self) -> Option<&Asked> {
        let slots = &self.books.as_ref()?.slots;
        let open = |at: u32| slots.get(at as usize);
        while matches!(open(self.settled), Some(Slot::Came | Slot::Forged(_))) {
            self.settled += 1;
        }
        match open(self.settled) {
            Some(Slot::Asked(asked)) => Some(asked),
            _ => None,
        }
    }

    /// Returns `true` if the backend is in the middle of a reply.
    pub(super) fn is_inside(&self) -> bool {
        self.inside
    }

    /// A unit of the backend's was judged.
    pub(super) fn came(&mut self, turn: Turn) {
        match turn {
            Turn::ByKind | Turn::None => {}
            turn if turn.ends() => {
                self.inside = false;
                if self.asked().is_some() {
                    let at = self.settled as usize;
                    let came = std::mem::replace(&mut self.slots()[at], Slot::Came);
                    if let Slot::Asked(asked) = came
                        && !asked.answered
                    {
                        self.book().comes(asked);
                    }
                } else if self.under_way {
                    self.early += 1;
                }
            }
            _ => self.inside = true,
        }
    }

    /// Returns `true` if a forged reply is next, as all before it have come.
    pub(super) fn is_next(&mut self) -> bool {
        let Some(Books { slots, .. }) = self.books.as_deref_mut() else { return false };
        while let Some(Slot::Came) = slots.front() {
            slots.pop_front();
            self.settled = self.settled.saturating_sub(1);
        }
        matches!(slots.front(), Some(Slot::Forged(_)))
    }

    /// Takes the forged reply that is next.
    pub(super) fn next(&mut self) -> Option<Forged> {
        if !self.is_next() {
            return None;
        }
        let Some(Slot::Forged(forged)) = self.slots().pop_front() else { return None };
        self.settled = self.settled.saturating_sub(1);
        self.forged -= 1;
        self.books.get_or_insert_default().bytes -= forged.bytes.len() + OVERHEAD;
        Some(forged)
    }

    /// Takes all forged replies, whatever is before them, and forgets the rest.
    pub(super) fn drain(&mut self) -> Vec<Forged> {
        (self.settled, self.inside, self.early) = (0, false, 0);
        self.forged = 0;
        if let Some(books) = &mut self.books {
            books.bytes = 0;
        }
        let forged = |slot| match slot {
            Slot::Forged(forged) => Some(forged),
            Slot::Asked(_) | Slot::Came => None,
        };
        let slots = self.books.as_mut().map(|books| std::mem::take(&mut books.slots));
        slots.into_iter().flatten().filter_map(forged).collect()
    }

    /// Forgets the forged replies: nobody is there to take them.
    pub(super) fn forget_forged(&mut self) {
        let Some(Books { slots, bytes, .. }) = self.books.as_deref_mut() else { return };
        let forged = |slot: &Slot| matches!(slot, Slot::Forged(_));
        let before = slots.iter().take(self.settled as usize).filter(|slot| forged(slot)).count();
        slots.retain(|slot| !forged(slot));
        self.settled -= before as u32;
        (self.forged, *bytes) = (0, 0);
    }

    /// Returns `true` if a forged reply waits.
    pub(super) fn waits(&self) -> bool {
        self.forged > 0
    }

    /// Returns the bytes that wait.
    pub(super) fn held(&self) -> usize {
        self.books.as_ref().map_or(0, |books| books.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forged(text: &str) -> Forged {
        Forged { at: Duration::ZERO, bytes: BytesMut::from(text), last: false }
    }

    fn request(label: Option<&str>) -> Unit {
        Unit::request(BytesMut::new()).labelled(label)
    }

    fn label(ledger: &mut Ledger) -> Option<String> {
        ledger.asked().and_then(|asked| asked.label.as_deref().map(str::to_owned))
    }

    #[test]
    fn a_forged_reply_waits_for_those_before_it_and_not_for_those_behind() {
        let mut ledger = Ledger::default();
        ledger.asks(&request(Some("a")), Duration::ZERO);
        ledger.answers(forged("b"));
        ledger.asks(&request(Some("c")), Duration::ZERO);
        assert!(!ledger.is_next() && ledger.waits());
        assert_eq!(label(&mut ledger).as_deref(), Some("a"));
        ledger.came(Turn::Opens);
        ledger.came(Turn::Part);
        assert!(ledger.is_inside() && !ledger.is_next());
        ledger.came(Turn::Closes);
        assert!(ledger.is_next());
        assert_eq!(label(&mut ledger).as_deref(), Some("c"));
        assert_eq!(ledger.next().map(|forged| forged.bytes), Some(BytesMut::from("b")));
        assert!(ledger.next().is_none() && !ledger.waits() && ledger.held() == 0);
        ledger.came(Turn::Whole);
        ledger.answers(forged("d"));
        assert!(ledger.is_next());
    }

    #[test]
    fn what_belongs_to_no_reply_moves_nothing() {
        let mut ledger = Ledger::default();
        ledger.asks(&request(Some("a")), Duration::ZERO);
        ledger.came(Turn::None);
        ledger.came(Turn::ByKind);
        assert_eq!(label(&mut ledger).as_deref(), Some("a"));
        assert!(!ledger.is_inside());
    }

    #[test]
    fn a_reply_to_half_a_request_is_its_reply() {
        let mut ledger = Ledger { under_way: true, ..Ledger::default() };
        ledger.came(Turn::Whole);
        ledger.asks(&request(Some("early")), Duration::ZERO);
        ledger.asks(&request(Some("next")), Duration::ZERO);
        assert_eq!(label(&mut ledger).as_deref(), Some("next"));
        // One that nobody asked for is nobody's.
        let mut ledger = Ledger::default();
        ledger.came(Turn::Whole);
        ledger.asks(&request(Some("first")), Duration::ZERO);
        assert_eq!(label(&mut ledger).as_deref(), Some("first"));
    }

    #[test]
    fn it_gives_up_instead_of_growing() {
        let mut ledger = Ledger::default();
        for _ in 0..=MOST_SLOTS {
            assert!(!ledger.gave_up());
            ledger.asks(&request(None), Duration::ZERO);
        }
        assert!(ledger.gave_up() && ledger.overflows() && !ledger.overflows());
        ledger.answers(forged("x"));
        assert_eq!(ledger.drain().len(), 1);
        assert_eq!((ledger.held(), ledger.slots().len()), (0, 0));
    }
}
