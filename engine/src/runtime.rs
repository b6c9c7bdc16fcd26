//! The runtime on which proxies live, whoever calls them.

use std::io;
use std::pin::pin;
use tokio::runtime::Handle;

/// Returns the runtime on which this is called.
///
/// # Errors
///
/// There is none.
pub(crate) fn current() -> io::Result<Handle> {
    let none = |_| {
        io::Error::other(
            "there is no tokio runtime here: call this inside one, or use chenapan::blocking",
        )
    };
    Handle::try_current().map_err(none)
}

/// Runs a future in the context of a runtime, also where it is polled outside of any.
pub(crate) async fn within<T>(runtime: &Handle, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        let _entered = runtime.enter();
        future.as_mut().poll(cx)
    })
    .await
}
