//! Connections of the load, opened before it flows.

use crate::compare::bench;
use anyhow::Context;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Opens a blocking connection that waits for no answer longer than five seconds.
pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let open = || -> io::Result<TcpStream> {
        let socket = TcpStream::connect_timeout(&address, LIMIT)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(LIMIT))?;
        socket.set_write_timeout(Some(LIMIT))?;
        Ok(socket)
    };
    open().with_context(|| format!("could not connect to {address}"))
}

/// Opens non-blocking connections, dealt out to the threads of the load.
pub(crate) fn connect_lanes(
    address: SocketAddr,
    count: usize,
) -> anyhow::Result<Vec<Vec<TcpStream>>> {
    let mut lanes: Vec<Vec<TcpStream>> = Vec::new();
    lanes.resize_with(bench::lanes().min(count), Vec::new);
    for (index, lane) in (0..lanes.len()).cycle().enumerate().take(count) {
        let socket = connect(address)?;
        socket.set_nonblocking(true).with_context(|| format!("connection {index}"))?;
        lanes[lane].push(socket);
    }
    Ok(lanes)
}

/// Returns a description of a connection's error, in plain words.
pub(crate) fn fault(error: &io::Error) -> String {
    match error.kind() {
        // What a blocking read says when its time is up.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            format!("nothing arrived for {} s", LIMIT.as_secs())
        }
        ErrorKind::UnexpectedEof => "the connection closed".to_owned(),
        _ => error.to_string(),
    }
}

/// Longest time for anything that should be quick.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);
