//! `chenapan ctl`: a client of the API of a running server.
//!
//! It decides nothing: rules and addresses go to the server as they were written.

mod address;
mod client;
mod connections;
mod proxies;
mod rules;
mod shown;
mod sse;
mod toxics;
mod watch;

use super::serve::on_runtime;
use super::token::token;
use super::{Failure, print};
use address::Address;
use clap::{Args, Subcommand};
use client::Client;
use hyper::Method;
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  chenapan ctl create db --listen 5433 --backend 127.0.0.1:5432
  chenapan ctl add db delay:sleep=250ms:chance=30%
  chenapan ctl add db drop:every=10 --name lost
  chenapan ctl rules db
  chenapan ctl remove db lost
  chenapan ctl connections db reset 3
  chenapan ctl watch db --rule delay:sleep=1s

A rule that watch adds goes when watch ends. The verbs and flags of toxiproxy-cli work, too: chenapan \
ctl toxic add -t latency -a latency=100 db.
Environment variables: CHENAPAN_API or TOXIPROXY_URL, CHENAPAN_API_TOKEN, CHENAPAN_API_TOKEN_FILE.";

/// Longest time for which a shell waits for names.
const AT_ONCE: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
#[command(after_help = chenapan_scenario::layout::notes(EXAMPLES))]
pub(super) struct Ctl {
    #[command(flatten)]
    asking: Asking,
    #[command(subcommand)]
    verb: Verb,
}

/// Server that is asked, and the form of what it says.
#[derive(Debug, Args)]
struct Asking {
    /// Address of the API [default: 127.0.0.1:8474]
    #[arg(long, value_name = "HOST:PORT", alias = "host", global = true, help_heading = "API")]
    api: Option<String>,
    /// File with the token that the API demands (or CHENAPAN_API_TOKEN)
    #[arg(
        long,
        value_name = "FILE",
        env = "CHENAPAN_API_TOKEN_FILE",
        hide_env = true,
        global = true,
        help_heading = "API"
    )]
    api_token_file: Option<PathBuf>,
    /// Print what the API answers, as JSON
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all proxies
    #[command(aliases = ["l", "li", "ls"])]
    List,
    /// Show a proxy: its rules, and what it has counted
    #[command(aliases = ["inspect", "i", "ins"])]
    Show(proxies::Named),
    /// Make a proxy and start it
    #[command(aliases = ["c", "new"])]
    Create(proxies::Create),
    /// Remove proxies, and close their connections
    #[command(aliases = ["d"])]
    Delete(proxies::Several),
    /// Let proxies take new clients again
    Enable(proxies::Several),
    /// Refuse new clients of proxies; open connections go on
    Disable(proxies::Several),
    /// Enable proxies that are disabled; disable others, and close their connections
    #[command(aliases = ["tog"], hide = true)]
    Toggle(proxies::Several),
    /// List the rules of a proxy, or put others in their place
    Rules(rules::List),
    /// Add rules to a proxy
    Add(rules::Add),
    /// Put a rule in the place of one
    Replace(rules::Replace),
    /// Remove rules of a proxy
    #[command(aliases = ["rm"])]
    Remove(rules::Remove),
    /// List the connections of a proxy, or close, reset, freeze or slow some
    #[command(aliases = ["conns"])]
    Connections(connections::Connections),
    /// Print events as they happen, one a line
    Watch(watch::Watch),
    /// Let the server read its file of proxies again
    Reload,
    /// Enable proxies and remove their rules
    Reset(proxies::Reset),
    /// Add, update or remove a toxic, as toxiproxy-cli does
    #[command(subcommand, aliases = ["t"])]
    Toxic(toxics::Toxic),
}

/// Output of a verb: the answer of the API, or text for people that is made from it.
struct Said {
    json: Value,
    text: String,
}

impl Said {
    fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into() }
    }
}

pub(super) fn ctl(args: &Ctl) -> Result<(), Failure> {
    let address = Address::find(args.asking.api.as_deref())?;
    let token = token(args.asking.api_token_file.as_deref())?;
    let json = args.asking.json;
    on_runtime(async {
        if let Verb::Watch(watch) = &args.verb {
            return watch::watch(watch, &address, token.as_deref(), json).await;
        }
        let mut client = Client::open(&address, token.as_deref()).await?;
        let said = args.verb.run(&mut client).await?;
        match json {
            true => print(&format!("{}\n", said.json)),
            false => print(&format!("{}\n", said.text.trim_end())),
        }
    })
}

impl Verb {
    async fn run(&self, client: &mut Client) -> Result<Said, Failure> {
        match self {
            Verb::List => proxies::list(client).await,
            Verb::Show(args) => proxies::show(args, client).await,
            Verb::Create(args) => proxies::create(args, client).await,
            Verb::Delete(args) => proxies::delete(args, client).await,
            Verb::Enable(args) => proxies::switch(args, true, client).await,
            Verb::Disable(args) => proxies::switch(args, false, client).await,
            Verb::Toggle(args) => proxies::toggle(args, client).await,
            Verb::Rules(args) => rules::list(args, client).await,
            Verb::Add(args) => rules::add(args, client).await,
            Verb::Replace(args) => rules::replace(args, client).await,
            Verb::Remove(args) => rules::remove(args, client).await,
            Verb::Connections(args) => connections::connections(args, client).await,
            Verb::Reload => proxies::reload(client).await,
            Verb::Reset(args) => proxies::reset(args, client).await,
            Verb::Toxic(args) => toxics::toxic(args, client).await,
            Verb::Watch(_) => Ok(Said::new(Value::Null, "")),
        }
    }
}

/// Returns the names of the proxies of the server, if it answers at once.
pub(super) fn names() -> Vec<String> {
    let asked = on_runtime(async {
        let (address, token) = (Address::find(None)?, token(None)?);
        let asking = async {
            let mut client = Client::open(&address, token.as_deref()).await?;
            client.ask(Method::GET, "/v1/proxies", None).await
        };
        tokio::time::timeout(AT_ONCE, asking).await.unwrap_or(Ok(Value::Null))
    });
    let list = asked.unwrap_or_default();
    shown::each(&list["proxies"]).iter().map(shown::name).collect()
}

/// Takes long flags of toxiproxy-cli, which may have one dash, for those with two, and its `-h HOST`
/// for `--api`.
pub(super) fn two_dashes(mut arguments: Vec<OsString>) -> Vec<OsString> {
    const FLAGS: [&str; 9] = [
        "attribute",
        "downstream",
        "host",
        "listen",
        "tox",
        "toxicName",
        "toxicity",
        "type",
        "upstream",
    ];
    if arguments.get(1).is_none_or(|command| command != "ctl") {
        return arguments;
    }
    let is_host = |word: Option<&OsString>| {
        word.and_then(|word| word.to_str()).is_some_and(|word| word.contains(':'))
    };
    if arguments.get(2).is_some_and(|flag| flag == "-h") && is_host(arguments.get(3)) {
        arguments[2] = "--api".into();
    }
    super::dashes::two_dashes(&mut arguments, 2, &FLAGS);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_toxiproxys_client_may_have_one_dash() {
        let read = |line: &str| {
            let words = line.split(' ').map(OsString::from).collect();
            let words = two_dashes(words).into_iter().map(|word| word.into_string().unwrap());
            words.collect::<Vec<_>>().join(" ")
        };
        for (given, taken) in [
            ("chenapan ctl toxic add -tox 0.5 -t x", "chenapan ctl toxic add --tox 0.5 -t x"),
            ("chenapan ctl t a -toxicName=a -d", "chenapan ctl t a --toxicName=a -d"),
            ("chenapan ctl -h http://a:1 ls", "chenapan ctl --api http://a:1 ls"),
            ("chenapan ctl -h", "chenapan ctl -h"),
            ("chenapan ctl -h list", "chenapan ctl -h list"),
            ("chenapan send -host", "chenapan send -host"),
        ] {
            assert_eq!(read(given), taken);
        }
    }
}
