//! The command `doc`: manual pages, completion scripts and other documents that are generated.

use super::complete;
use super::failure::Failure;
use super::help::ListWhat;
use super::output::{print, write};
use chenapan_core::Registry;
use chenapan_engine::endpoint::Kinds;
use clap::Subcommand;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Write the page of all behaviors, all protocols or all kinds of addresses
    Markdown {
        /// Name of the page
        page: ListWhat,
    },
    /// Write a manual page of the program, or of a command
    Man {
        /// Words of the command, such as scenario run
        command: Vec<String>,
        /// Folder for the pages of all commands, one file each
        #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
        directory: Option<PathBuf>,
    },
    /// Write a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write a JSON Schema of rules and protocols
    Schema,
}

/// Writes a document; `command` is all arguments, as help shows them.
pub(super) fn document(
    registry: &Registry,
    kinds: &Kinds,
    command: clap::Command,
    what: &What,
) -> Result<(), Failure> {
    match what {
        What::Markdown { page: ListWhat::Behaviors } => {
            print(&crate::doc::behaviors_page(registry))
        }
        What::Markdown { page: ListWhat::Protocols } => {
            print(&crate::doc::protocols_page(registry))
        }
        What::Markdown { page: ListWhat::Kinds } => print(&crate::doc::kinds_page(kinds)),
        What::Man { command: words, directory } => manual(command, words, directory.as_deref()),
        What::Completions { shell } => write(&complete::script(*shell)?),
        What::Schema => {
            let schema = serde_json::to_string_pretty(&crate::doc::schema(registry));
            print(&(schema.map_err(Failure::run)? + "\n"))
        }
    }
}

/// Manual pages: that of a command, or one for each command into a folder.
fn manual(
    mut command: clap::Command,
    words: &[String],
    directory: Option<&Path>,
) -> Result<(), Failure> {
    command.build();
    if let Some(directory) = directory {
        let wrong = |error: io::Error| {
            let error = chenapan_engine::endpoint::plain(&error);
            Failure::run(format!("--directory {}: {error}", directory.display()))
        };
        std::fs::create_dir_all(directory).map_err(wrong)?;
        return clap_mangen::generate_to(command, directory).map_err(wrong);
    }
    let mut found = &command;
    for word in words {
        found = found
            .find_subcommand(word)
            .ok_or_else(|| Failure::usage(format!("no command {:?}", words.join(" "))))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(found.clone()).render(&mut page).map_err(Failure::run)?;
    write(&page)
}
