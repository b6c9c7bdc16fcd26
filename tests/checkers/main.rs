//! Files that the program writes for others, as other people's checkers see them: the JSON Schema
//! of scenarios, and JUnit.

#[path = "../support/mod.rs"]
mod support;

mod junit;
mod schema;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::needs::main(&[junit::TESTS, schema::TESTS], "tests/checkers")
}
