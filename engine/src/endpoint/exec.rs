//! Programs as backends: one is started for each connection.

use super::{Stream, child};
use crate::address::built_in::exec::CommandLine;
use crate::address::kind::{Connected, Dials, Promise};
use crate::address::{Connect, Connects};
use chenapan_core::Connection;
use std::io;
use std::sync::Arc;

impl Connects for CommandLine {
    fn dialer(&self, _: &Connect) -> io::Result<Arc<dyn Dials>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Dials for CommandLine {
    fn dial<'a>(&'a self, _: &'a Connection) -> Promise<'a, Connected> {
        Box::pin(async {
            let (pipes, child) = child::start(&self.0)?;
            Ok(Connected::new(Stream::child(pipes, child)))
        })
    }
}
