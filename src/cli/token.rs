//! The bearer token of the API, for the server that asks for it and the client that sends it.

use super::Failure;
use chenapan_engine::endpoint::plain;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Variable with the token itself.
const VARIABLE: &str = "CHENAPAN_API_TOKEN";

/// Longest file with a token, in bytes.
const LONGEST: u64 = 4_096;

/// Returns the token of a file, or else of the environment, where there is one.
pub(super) fn token(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(file) = file else {
        return Ok(std::env::var(VARIABLE).ok().filter(|token| !token.is_empty()));
    };
    let told = |what: &str| Failure::usage(format!("--api-token-file {}: {what}", file.display()));
    let mut token = String::new();
    let opened = File::open(file).map_err(|error| told(&plain(&error)))?;
    opened.take(LONGEST + 1).read_to_string(&mut token).map_err(|error| told(&plain(&error)))?;
    let token = token.trim();
    match token.is_empty() || token.len() as u64 > LONGEST {
        true => Err(told("expected a token of one byte to 4 KiB")),
        false => Ok(Some(token.to_owned())),
    }
}
