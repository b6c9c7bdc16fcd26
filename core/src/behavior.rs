//! Interface of behaviors: one unit (or event) in, one verdict out.

mod context;
mod held;
mod scope;
mod state;

pub use context::{Context, Damage, Moment, Pace};
pub use held::{Held, Holding};
pub use scope::{Needs, Others, Says, Scope};
pub use state::{StateOf, States};

use crate::{Unit, Verdict};
use std::time::Duration;

/// Decides what happens to units: one instance per rule, connection and direction.
///
/// A behavior is a state machine without IO. It never sees a socket, a clock or a global source of
/// chance; everything it may know is in its [`Context`]. Every hook has a default that lets things
/// pass, so that a behavior has only the hooks that it needs.
///
/// # Order of calls
///
/// ```text
///            rule is made     scope()                      once
///                                |
///       source connects     on_connect()                   once per connection, by one instance
///                                |
///                       +--------+--------+                an instance per direction
///                       |                 |
///     interest() --> on_unit() <--+    on_unit() <--+      as long as interest() asks for units
///                       |         |       |         |
///                   holding() ----+   holding() ----+      after each hook: what is kept back?
///                       |         |       |         |
///       wake() ---> on_wake() ----+   on_wake() ----+      when the time of wake() has come
///                       |                 |
///     stream ends    on_eof()         on_eof()             not after a reset or a stop
///                       |                 |
///                       +--------+--------+
///                                |
///         connection ends     on_end()                     always: once per instance that was
///                                |                         asked anything, upstream first
///                        state is dropped                  see Context::state
/// ```
///
/// # A behavior that holds units
///
/// [`Held`] counts what is kept, knows when it is due, and keeps each unit with its trailer:
///
/// ```
/// use chenapan_core::{Behavior, Context, Held, Holding, Others, Scope, Unit, Verdict, plugin};
/// use std::time::Duration;
///
/// plugin! {
///     /// Lets each unit wait, and other units overtake it.
///     pub struct Nap = "nap" {
///         /// Time for which each unit waits.
///         sleep: Duration = "1s",
///         ;
///         held: Held,
///     }
/// }
///
/// impl Behavior for Nap {
///     fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
///         self.held.hold_until(unit, cx.now.saturating_add(self.sleep))
///     }
///
///     fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
///         Verdict::send(self.held.take_all())
///     }
///
///     fn wake(&self) -> Option<Duration> {
///         self.held.next_due()
///     }
///
///     fn on_wake(&mut self, cx: &mut Context<'_>) -> Verdict {
///         Verdict::send(self.held.take_due(cx.now))
///     }
///
///     fn scope(&self) -> Scope<'_> {
///         Scope::default().others(Others::Overtake)
///     }
///
///     fn holding(&mut self) -> Option<&mut dyn Holding> {
///         Some(&mut self.held)
///     }
/// }
/// ```
///
/// # A behavior with connection state
///
/// Fields of the struct belong to one instance: one direction. What both directions have to know
/// stands in a type of its own:
///
/// ```
/// use chenapan_core::{Behavior, Context, Direction, Unit, Verdict, plugin};
///
/// plugin! {
///     /// Drops all replies after a login that was wrong.
///     pub struct Bouncer = "bouncer" {}
/// }
///
/// /// One per connection and rule: both directions see it.
/// #[derive(Default)]
/// struct Login {
///     failed: bool,
/// }
///
/// impl Behavior for Bouncer {
///     fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
///         let wrong = unit.label.as_deref() == Some("AUTH") && unit.bytes.ends_with(b"guest\n");
///         let direction = cx.direction;
///         let login = cx.state::<Login>();
///         match direction {
///             Direction::Upstream => {
///                 login.failed |= wrong;
///                 Verdict::Forward
///             }
///             Direction::Downstream if login.failed => Verdict::Drop,
///             Direction::Downstream => Verdict::Forward,
///         }
///     }
/// }
/// # use chenapan_core::testing::{Judge, configured};
/// # let (mut judge, mut up, mut down) = (Judge::new(1), configured::<Bouncer>(&[]), configured::<Bouncer>(&[]));
/// # let _ = judge.unit(&mut up, Unit::request("AUTH guest\n").label("AUTH"));
/// # judge.direction = Direction::Downstream;
/// # assert_eq!(judge.data(&mut down, b"OK").0, Verdict::Drop);
/// ```
pub trait Behavior: Send {
    /// Called when a source has connected and the backend is about to be dialled: once per
    /// connection, whatever the rule's directions.
    fn on_connect(&mut self, cx: &mut Context<'_>) -> Verdict {
        let _ = cx;
        Verdict::Forward
    }

    /// Called when a unit has reached this rule; the unit may be changed in place.
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let _ = (unit, cx);
        Verdict::Forward
    }

    /// Called when the end of stream has reached this rule. After a [`Verdict::Play`] that does not
    /// end the connection, the end of stream follows the last step.
    fn on_eof(&mut self, cx: &mut Context<'_>) -> Verdict {
        let _ = cx;
        Verdict::Forward
    }

    /// Returns the time of the next call of [`Behavior::on_wake`], as an age of the connection.
    fn wake(&self) -> Option<Duration> {
        None
    }

    /// Called at the time that [`Behavior::wake`] returned. From now on that must return a later
    /// time, or none.
    fn on_wake(&mut self, cx: &mut Context<'_>) -> Verdict {
        let _ = cx;
        Verdict::Forward
    }

    /// Called at the end of the instance: the connection has ended, or the rule was removed. It is
    /// called exactly once for each instance of which any other hook was called. Records still
    /// count and are journalled, but nothing can be sent any more.
    fn on_end(&mut self, end: End, cx: &mut Context<'_>) {
        let _ = (end, cx);
    }

    /// Returns the scope of the behavior: the units that it is for. Called before any hook; the
    /// answer follows from the options alone.
    fn scope(&self) -> Scope<'_> {
        Scope::default()
    }

    /// Returns the events that the behavior needs to see from now on. Called before each unit: the
    /// answer may change with each unit, also with those that other instances have seen. Anything
    /// less than [`Interest::Everything`] leaves opaque bytes on the fast path.
    fn interest(&self) -> Interest {
        Interest::Everything
    }

    /// Returns the part that keeps units until later, if the behavior has one. Called after each
    /// hook: while the part is not empty, other units pass only as [`Scope::others`] allows.
    fn holding(&mut self) -> Option<&mut dyn Holding> {
        None
    }
}

/// Events that a behavior needs to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Interest {
    /// No unit and no end of stream.
    Nothing,
    /// The end of stream only.
    Eof,
    /// Also the units that a protocol cut.
    Units,
    /// Also opaque data.
    Everything,
}

/// End of an instance's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The connection has ended in order.
    Closed,
    /// The connection was reset, by a peer, by a rule or by an order.
    Reset,
    /// The proxy stops, and the connection ends with it.
    Stopped,
    /// Another plug-in has panicked, which resets the connection.
    Panicked,
    /// The rule was removed; the connection goes on.
    Removed,
}
