//! `chenapan scenario init`: a scenario to start from.

use crate::cli::{Failure, print};
use chenapan_engine::endpoint::plain;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// The starter; a test runs it.
pub(super) const STARTER: &str = include_str!("starter.yaml");

pub(super) fn write(file: Option<&Path>) -> Result<(), Failure> {
    let Some(file) = file else { return print(STARTER) };
    // What is there is somebody's work.
    let created = OpenOptions::new().write(true).create_new(true).open(file);
    let written = created.and_then(|mut out| out.write_all(STARTER.as_bytes()));
    written.map_err(|error| Failure::run(format!("{}: {}", file.display(), plain(&error))))?;
    print(&format!("wrote {0}; run it with: chenapan scenario run {0}\n", file.display()))
}
