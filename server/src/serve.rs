//! The HTTP server: it accepts, bounds what a client may take, and ends.

use crate::api::Api;
use crate::guard::Guard;
use crate::routes;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Most clients at once; more wait.
const CLIENTS: usize = 1_024;

/// Longest time until the head of a request is whole, also that of the next one on a connection.
const HEAD: Duration = Duration::from_secs(60);

/// Largest head of a request, in bytes.
const HEAD_BYTES: usize = 64 << 10;

/// Longest time that an end waits for responses that are under way.
const END: Duration = Duration::from_secs(1);

/// Pause after an error of the system while accepting.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener on which an [`Api`] is served over HTTP/1.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    guard: Guard,
}

impl Server {
    /// Listens at an address, such as `127.0.0.1:8474`.
    ///
    /// # Errors
    ///
    /// The address cannot be resolved or bound.
    pub async fn bind(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, guard: Guard::new(address) })
    }

    /// Returns the address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the conditions for requests.
    #[must_use]
    pub fn guarded(mut self, change: impl FnOnce(Guard) -> Guard) -> Self {
        self.guard = change(self.guard);
        self
    }

    /// Serves until `stop` is cancelled; then waits a second for responses that are under way.
    pub async fn serve(self, api: Api, stop: CancellationToken) {
        let router = routes::router(api, Arc::new(self.guard));
        let clients = Arc::new(Semaphore::new(CLIENTS));
        let tasks = TaskTracker::new();
        let now = CancellationToken::new();
        loop {
            let accepted = async {
                let permit = Arc::clone(&clients).acquire_owned().await.ok();
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let service = TowerToHyperService::new(router.clone());
                    let (stop, now) = (stop.clone(), now.clone());
                    tasks.spawn(async move {
                        tokio::select! {
                            () = converse(stream, service, stop) => {}
                            () = now.cancelled() => {}
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the API cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(self.listener);
        tasks.close();
        if tokio::time::timeout(END, tasks.wait()).await.is_err() {
            now.cancel();
            tasks.wait().await;
        }
    }
}

/// Serves one connection.
async fn converse(
    stream: TcpStream,
    service: TowerToHyperService<axum::Router>,
    stop: CancellationToken,
) {
    // Small responses are not to wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the API has ended");
    }
}
