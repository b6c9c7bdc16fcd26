//! The listener of the API, and who may ask.

use super::Failure;
use super::token::token;
use chenapan_engine::endpoint::plain;
use chenapan_server::Server;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Clients that may ask.
#[derive(Debug, Args)]
#[command(next_help_heading = "API")]
pub(super) struct Access {
    /// Name by which clients may call this machine; may be repeated
    #[arg(
        long,
        value_name = "NAME",
        env = "CHENAPAN_API_HOST",
        hide_env = true,
        value_delimiter = ','
    )]
    api_host: Vec<String>,
    /// File with the token that clients must send (or CHENAPAN_API_TOKEN)
    #[arg(long, value_name = "FILE", env = "CHENAPAN_API_TOKEN_FILE", hide_env = true)]
    api_token_file: Option<PathBuf>,
}

impl Access {
    /// Listens at an address, which a flag has given.
    pub(super) async fn bind(&self, flag: &str, address: &str) -> Result<Server, Failure> {
        let token = token(self.api_token_file.as_deref())?;
        let server = Server::bind(address)
            .await
            .map_err(|error| Failure::run(format!("{flag} {address}: {}", plain(&error))))?;
        let server = server.guarded(|guard| {
            let guard = self.api_host.iter().fold(guard, |guard, name| guard.name(name));
            match token {
                Some(token) => guard.token(token),
                None => guard,
            }
        });
        warn(server.address());
        Ok(server)
    }
}

/// Returns an address of a host, which may be an IPv6 address without brackets.
pub(super) fn address(host: &str, port: u16) -> String {
    match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// Says that others than this machine reach the API.
fn warn(address: SocketAddr) {
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "the API listens beyond this machine: others can change proxies");
    }
}
