//! `chenapan endpoint`: what an address means, for people who wonder and for programs that ask.
//!
//! It never opens anything.

use super::{Failure, print};
use crate::doc::shown_kinds;
use chenapan_engine::endpoint::built_in::Role;
use chenapan_engine::endpoint::{EndpointError, Kinds, quote, tokens};
use chenapan_scenario::layout::{columns, hang, hang_to, wrap};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  chenapan endpoint listen tcp:8080:interface=127.0.0.1
  chenapan endpoint connect 'tls://www.example.com:443?ca=roots.pem'
  chenapan endpoint connect socks5://127.0.0.1:9050/db.example:5432
  chenapan endpoint connect 'exec:npx -y some-server'
  chenapan endpoint tokens 'unix:foo\\:bar:mode=660'
  chenapan endpoint quote 'C:\\key.pem'

For an address that cannot be read it prints {\"error\": CODE, \"message\": TEXT} and ends with exit \
    code 2; on a terminal it also marks the place.";

#[derive(Debug, Subcommand)]
#[command(after_help = chenapan_scenario::layout::notes(EXAMPLES))]
pub(super) enum Command {
    /// Read an address to listen at, and print its canonical form as JSON
    Listen(Address),
    /// Read an address to connect to, and print its canonical form as JSON
    Connect(Address),
    /// Cut a text into arguments, and keywords with their values, as Twisted does
    Tokens(Address),
    /// Put backslashes into a text, so that it is one argument of an address
    Quote {
        /// The text
        #[arg(value_name = "TEXT", allow_hyphen_values = true)]
        text: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Address {
    /// The address, in any style; chenapan help endpoints explains them
    #[arg(value_name = "STRING", allow_hyphen_values = true)]
    string: String,
}

/// Object that is printed for an address that cannot be read.
#[derive(Serialize)]
struct Wrong<'a> {
    error: &'a str,
    message: &'a str,
}

/// Object that is printed for tokens.
#[derive(Serialize)]
struct Cut {
    args: Vec<String>,
    kwargs: BTreeMap<String, String>,
}

pub(super) fn endpoint(command: &Command, kinds: &Kinds) -> Result<ExitCode, Failure> {
    match command {
        Command::Listen(Address { string }) => {
            answer(kinds.listen(string).map(|listen| listen.canonical()))
        }
        Command::Connect(Address { string }) => {
            answer(kinds.connect(string).map(|connect| connect.canonical()))
        }
        Command::Tokens(Address { string }) => {
            answer(tokens(string).map(|tokens| Cut {
                args: tokens.args,
                kwargs: tokens.kwargs.into_iter().collect(),
            }))
        }
        Command::Quote { text } => {
            print(&(quote(text) + "\n"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn answer(read: Result<impl Serialize, EndpointError>) -> Result<ExitCode, Failure> {
    let error = match read {
        Ok(form) => {
            line(&form)?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => error,
    };
    line(&Wrong { error: error.code(), message: error.message() })?;
    // The sentence is on standard output: what it lacks is the place.
    let mut err = io::stderr();
    if err.is_terminal() && !error.marked().is_empty() {
        let _ = writeln!(err, "{}", error.marked());
    }
    Ok(ExitCode::from(2))
}

fn line(value: &impl Serialize) -> Result<(), Failure> {
    print(&(serde_json::to_string(value).map_err(Failure::run)? + "\n"))
}

/// `chenapan list kinds`.
pub(super) fn list(kinds: &Kinds) -> String {
    let rows = |role| {
        let kinds = shown_kinds(kinds, role).into_iter();
        let rows: Vec<_> = kinds.map(|kind| (kind.names.join(", "), kind.about)).collect();
        columns("  ", &rows)
    };
    format!(
        "To listen at:\n{}\nTo connect to:\n{}\n{}",
        rows(Role::Listen),
        rows(Role::Connect),
        wrap("chenapan help endpoints tells their options.", "")
    )
}

/// `chenapan help endpoints`.
pub(super) fn page(kinds: &Kinds) -> String {
    let mut page = wrap(
        "An address, for --listen, --backend and in scenarios, is written in one of four ways:",
        "",
    );
    page.push('\n');
    let styles: Vec<_> =
        STYLES.iter().map(|(style, about)| (*style, (*about).to_owned())).collect();
    page += &columns("  ", &styles);
    page.push('\n');
    page += &wrap(NOTATION, "");
    for (role, title) in [(Role::Listen, "To listen at"), (Role::Connect, "To connect to")] {
        let _ = writeln!(page, "\n{title}:");
        for kind in shown_kinds(kinds, role) {
            let _ = write!(page, "\n  {}\n{}", kind.names.join(", "), wrap(&kind.about, "    "));
            let example = crate::doc::quoted(&kind.example);
            // An example is one word for the shell, and stays on one line.
            page += &hang_to(&example, "    Example: ", "      ", usize::MAX);
            if kind.positionals.len() > 1 {
                let order = kind.positionals.join(", ");
                page += &hang(&format!("Without names, in this order: {order}"), "    ", "      ");
            }
            for row in &kind.rows {
                let names: Vec<_> = [&row.name].into_iter().chain(row.aliases).copied().collect();
                let head = format!("{} ({})", names.join(", "), row.form);
                page += &hang(&head, "      ", "        ");
                page += &wrap(&row.help, "          ");
            }
        }
    }
    page
}

const STYLES: &[(&str, &str)] = &[
    ("host:port", "plain: 127.0.0.1:80, db:5432, [::1]:80, :80 (every address), 80 (127.0.0.1)"),
    (
        "kind:arg:key=value",
        "typed, as in Twisted: tcp:8080:interface=127.0.0.1, unix:/run/a.sock:mode=660",
    ),
    ("kind://host:port", "a URL: tls://www.example.com:443?ca=roots.pem, unix:///run/a.sock"),
    ("{\"kind\": ...}", "an object, in scenarios: what chenapan endpoint prints"),
];

const NOTATION: &str = "\
A plain port listens on 127.0.0.1 only; tcp:8080 and tls:8443 without interface listen on every \
address. In the typed style a backslash takes the next character as it is, and inside [ ] a colon \
needs none: tcp:[::1]:80. Keys match without regard to case, - and _. Times are 5s, 250ms, 1m or a \
number of seconds. haproxy:, proxy-v1: and proxy-v2: stand before any other address, and \
via=socks5://... leads there through a SOCKS proxy. chenapan endpoint says what an address means.
";
