//! The program; see the library for everything else.

use std::process::ExitCode;

fn main() -> ExitCode {
    chenapan::cli::main(chenapan::registry())
}
