//! Verb about the connections of a proxy.

use super::super::Failure;
use super::client::{Client, Refusal};
use super::{Said, proxies, shown};
use clap::{Args, ValueEnum};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct Connections {
    /// Name of the proxy
    #[arg(value_name = "PROXY")]
    proxy: String,
    /// close, reset, freeze, thaw (to let go on) or slow (with --rate)
    #[arg(value_name = "ACTION", requires = "numbers", hide_possible_values = true)]
    action: Option<Action>,
    /// Numbers of the connections, or all
    #[arg(value_name = "NUMBER")]
    numbers: Vec<String>,
    /// Rate for slow, in each direction, such as 10KiB/s; off takes it away
    #[arg(long, value_name = "RATE", required_if_eq("action", "slow"))]
    rate: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    Close,
    Reset,
    Freeze,
    Thaw,
    Slow,
}

impl Action {
    /// Returns what a connection is afterwards.
    fn done(self) -> &'static str {
        match self {
            Action::Close => "closed",
            Action::Reset => "reset",
            Action::Freeze => "frozen",
            Action::Thaw => "thawed",
            Action::Slow => "slowed",
        }
    }

    /// Does it to a connection.
    async fn tell(
        self,
        connection: &str,
        rate: Option<&str>,
        client: &mut Client,
    ) -> Result<Result<Value, Refusal>, Failure> {
        let (method, end, body) = match self {
            Action::Close => (Method::DELETE, "", None),
            Action::Reset => (Method::POST, "/reset", None),
            Action::Freeze => (Method::POST, "/freeze", None),
            Action::Thaw => (Method::POST, "/thaw", None),
            Action::Slow => (Method::POST, "/slow", Some(json!({ "rate": rate }))),
        };
        client.asked(method, &format!("{connection}{end}"), body.as_ref()).await
    }
}

pub(super) async fn connections(args: &Connections, client: &mut Client) -> Result<Said, Failure> {
    let path = proxies::path(&args.proxy) + "/connections";
    let Some(action) = args.action else { return list(&path, client).await };
    let all = args.numbers.iter().any(|number| number == "all");
    let numbers = match all {
        true => open(&path, client).await?,
        false => numbers(&args.numbers)?,
    };
    let mut done = Vec::new();
    for number in numbers {
        let connection = format!("{path}/{number}");
        match action.tell(&connection, args.rate.as_deref(), client).await? {
            Ok(_) => done.push(number),
            // It has ended since it was listed.
            Err(refusal) if all && refusal.status == StatusCode::NOT_FOUND => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    let text = match &*done {
        [] => "no connections\n".to_owned(),
        done => done.iter().map(|one| format!("connection {one}: {}\n", action.done())).collect(),
    };
    Ok(Said::new(json!({ action.done(): done }), text))
}

/// Reads numbers of connections.
fn numbers(texts: &[String]) -> Result<Vec<u64>, Failure> {
    let number = |text: &String| {
        text.parse().map_err(|_| {
            let how = "chenapan ctl connections PROXY lists them";
            Failure::usage(format!("{text:?} is no number of a connection; {how}"))
        })
    };
    texts.iter().map(number).collect()
}

/// Returns the numbers of all open connections.
async fn open(path: &str, client: &mut Client) -> Result<Vec<u64>, Failure> {
    let answer = client.ask(Method::GET, path, None).await?;
    let list = shown::each(&answer["connections"]).iter();
    Ok(list.filter_map(|one| one["connection"].as_u64()).collect())
}

async fn list(path: &str, client: &mut Client) -> Result<Said, Failure> {
    let answer: Value = client.ask(Method::GET, path, None).await?;
    let text = match shown::each(&answer["connections"]) {
        [] => "no connections".to_owned(),
        list => shown::connections(list),
    };
    Ok(Said::new(answer, text))
}
