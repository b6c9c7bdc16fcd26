//! `--http`: the API beside one proxy, as Vaurien has it.

use super::Failure;
use super::access::{Access, address};
use chenapan_core::Registry;
use chenapan_engine::control::Control;
use chenapan_engine::endpoint::Kinds;
use chenapan_engine::rule::Defaults;
use chenapan_server::{Api, Server, Vaurien};
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Args)]
#[command(next_help_heading = "API")]
pub(super) struct Http {
    /// Control it over HTTP, at localhost:8080 by default
    #[arg(long, help_heading = "Addresses")]
    http: bool,
    /// Host of the API
    #[arg(long, value_name = "HOST", default_value = "localhost", requires = "http", hide = true)]
    http_host: String,
    /// Port of the API
    #[arg(long, value_name = "PORT", default_value = "8080", requires = "http", hide = true)]
    http_port: u16,
    #[command(flatten)]
    access: Access,
}

impl Http {
    /// Returns `true` if the API is wanted.
    pub(super) fn is_wanted(&self) -> bool {
        self.http
    }

    /// Listens, where the API is wanted.
    pub(super) async fn bind(&self) -> Result<Option<Server>, Failure> {
        if !self.http {
            return Ok(None);
        }
        let address = address(&self.http_host, self.http_port);
        self.access.bind("--http", &address).await.map(Some)
    }
}

/// The API, while it is served.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    /// Begins to serve; behaviors that a client sets have these options unless it says others.
    pub(super) fn begin(
        server: Server,
        control: &Control,
        registry: &Registry,
        kinds: &Kinds,
        options: &Defaults,
    ) -> Self {
        let api = Api::new(control.clone(), registry.clone(), kinds.clone());
        api.behavior_options(Vaurien::NAME, options);
        let (address, stop) = (server.address(), CancellationToken::new());
        let task = tokio::spawn(server.serve(api, stop.clone()));
        Self { address, stop, task }
    }

    /// Returns the line that says where it is.
    pub(super) fn text(&self) -> String {
        format!("API at http://{}\n", self.address)
    }

    /// Returns that line as JSON.
    pub(super) fn json(&self) -> String {
        format!("{}\n", json!({"event": "api", "address": self.address.to_string()}))
    }

    /// Stops, and finishes responses that are under way.
    pub(super) async fn finish(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}
