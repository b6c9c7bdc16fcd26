//! Proxies for tests and programs without a runtime: each has one of its own, in a thread of its own.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{TcpListener, TcpStream};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = TcpListener::bind("127.0.0.1:0")?;
//! let proxy = chenapan_engine::blocking::proxy(backend.local_addr()?)
//!     .rule("replace:match=ping:with=pong:direction=upstream")
//!     .start()?;
//! let mut client = TcpStream::connect(proxy.address())?;
//! client.write_all(b"ping")?;
//! let mut got = [0; 4];
//! backend.accept()?.0.read_exact(&mut got)?;
//! assert_eq!(&got, b"pong");
//! proxy.rule("replace").happened(1).blocking();
//! drop(client);
//! proxy.connection(1).ended().blocking_within(Duration::from_secs(5))?;
//! # Ok(()) }
//! ```
//!
//! Such a proxy may stand in a `static` that all tests of a binary share: it lives on no test's runtime.

use crate::builder;
use crate::config::{ConfiguredProtocol, Limits};
use crate::error::{Error, Result};
use crate::handle;
use crate::rule::IntoRules;
use crate::wait::block_on;
use chenapan_core::Registry;
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Returns a builder of a proxy with a runtime of its own; see [`proxy`](crate::proxy()).
pub fn proxy(backend: impl ToString) -> Builder {
    Builder(builder::proxy(backend))
}

/// A proxy with a runtime of its own that is not started yet.
#[derive(Debug)]
#[must_use = "nothing is started before start()"]
pub struct Builder(builder::Builder);

/// A running proxy with a runtime of its own. It ends when this is dropped: its ports are free and its
/// connections are closed then.
///
/// It has all methods of [`Running`](handle::Running). What is to be waited for has a way to wait in the
/// thread: [`Wait::blocking`](crate::Wait::blocking).
pub struct Running {
    // Dropped in this order.
    running: handle::Running,
    runtime: Runtime,
}

// As with `Proxy`: nothing is half done that another call would see, and the runtime has a thread of
// its own.
impl std::panic::RefUnwindSafe for Running {}
impl std::panic::UnwindSafe for Running {}

/// A runtime in a thread, which ends with this.
struct Runtime {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Runtime {
    fn start() -> Result<Self> {
        let (tell, told) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("chenapan".to_owned()).spawn(move || {
            let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let handle = built.as_ref().map(|runtime| runtime.handle().clone());
            // Nobody has gone: the other side waits for this.
            let _ = tell.send(handle.map_err(|error| Error::new(error.to_string())));
            if let Ok(runtime) = built {
                // An error is the end, too.
                let _ = runtime.block_on(ended);
                // What asks for a name may never end.
                runtime.shutdown_background();
            }
        })?;
        let handle = told.recv().map_err(|_| Error::new("the thread of the proxy has ended"))??;
        Ok(Self { handle, end: Some(end), thread: Some(thread) })
    }
}

impl Runtime {
    /// Returns `true` if this is called on the thread of the runtime.
    fn is_here(&self) -> bool {
        self.thread.as_ref().is_some_and(|one| one.thread().id() == thread::current().id())
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.end.take());
        let here = self.is_here();
        if let Some(thread) = self.thread.take().filter(|_| !here) {
            // It has panicked, which was said.
            let _ = thread.join();
        }
    }
}

/// Methods of the other builder.
macro_rules! settings {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        impl Builder {
            $(
                #[doc = concat!(
                    "As [`", stringify!($name), "`](crate::Builder::", stringify!($name), ")."
                )]
                pub fn $name(self, $($argument: $type),*) -> Self {
                    Self(self.0.$name($($argument),*))
                }
            )*
        }
    };
}

settings! {
    name(name: impl Into<String>);
    listen(address: impl ToString);
    protocol(protocol: impl Into<String>);
    option(name: impl Into<String>, value: impl ToString);
    speaking(protocol: impl Into<ConfiguredProtocol>);
    rule(rule: impl IntoRules + Send + 'static);
    limits(change: impl FnOnce(&mut Limits));
    registry(registry: Registry);
    seed(seed: u64);
    journal(file: impl Into<PathBuf>);
    keep(entries: usize);
}

impl Builder {
    /// As [`rules`](crate::Builder::rules).
    pub fn rules<R: IntoRules + Send + 'static>(self, rules: impl IntoIterator<Item = R>) -> Self {
        Self(self.0.rules(rules))
    }

    /// Starts the proxy, and a thread for it.
    ///
    /// # Errors
    ///
    /// As [`Builder::start`](builder::Builder::start).
    pub fn start(self) -> Result<Running> {
        let runtime = Runtime::start()?;
        let running = {
            let _entered = runtime.handle.enter();
            self.0.start_here()?
        };
        Ok(Running { running, runtime })
    }
}

impl Running {
    /// Stops as [`Running::stop`](handle::Running::stop) does.
    ///
    /// # Errors
    ///
    /// The journal could not be written.
    pub fn stop(&self, grace: Duration) -> Result {
        block_on(self.running.stop(grace))
    }

    /// Stops as [`Running::stop_now`](handle::Running::stop_now) does.
    ///
    /// # Errors
    ///
    /// The journal could not be written.
    pub fn stop_now(&self) -> Result {
        block_on(self.running.stop_now())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Connections end in order, unless a plug-in drops this on the thread that would see to it.
        if !self.runtime.is_here() {
            let _ = self.stop_now();
        }
    }
}

impl Deref for Running {
    type Target = handle::Running;

    fn deref(&self) -> &Self::Target {
        &self.running
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.running.fmt(f)
    }
}
