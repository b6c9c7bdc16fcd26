//! Verb about the connections of a proxy.

use super::super::Failure;
use super::client::Client;
use super::{Said, proxies, shown};
use clap::{Args, ValueEnum};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct Connections {
    /// Name of the proxy
    #[arg(value_name = "PROXY")]
    proxy: String,
    /// End of connections: in order, or by a reset
    #[arg(value_name = "END", requires = "numbers")]
    end: Option<End>,
    /// Numbers of the connections, or all
    #[arg(value_name = "NUMBER")]
    numbers: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum End {
    Close,
    Reset,
}

impl End {
    /// Returns the request that does it to one connection.
    fn request(self, connections: &str, number: &str) -> (Method, String) {
        match self {
            End::Close => (Method::DELETE, format!("{connections}/{number}")),
            End::Reset => (Method::POST, format!("{connections}/{number}/reset")),
        }
    }

    fn done(self) -> &'static str {
        match self {
            End::Close => "closed",
            End::Reset => "reset",
        }
    }
}

pub(super) async fn connections(args: &Connections, client: &mut Client) -> Result<Said, Failure> {
    let path = proxies::path(&args.proxy) + "/connections";
    let Some(end) = args.end else { return list(&path, client).await };
    let all = args.numbers.iter().any(|number| number == "all");
    let numbers = match all {
        true => {
            let answer = client.ask(Method::GET, &path, None).await?;
            shown::each(&answer["connections"])
                .iter()
                .map(|one| shown::text(&one["connection"]))
                .collect()
        }
        false => args.numbers.clone(),
    };
    let mut ended = Vec::new();
    for number in &numbers {
        let parsed = number.parse::<u64>().map_err(|_| {
            Failure::usage(format!(
                "{number:?} is no number of a connection; chenapan ctl connections PROXY lists them"
            ))
        })?;
        let (method, path) = end.request(&path, number);
        match client.asked(method, &path, None).await? {
            Ok(_) => ended.push(parsed),
            // It has ended since it was listed.
            Err(refusal) if all && refusal.status == StatusCode::NOT_FOUND => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    let text = match &*ended {
        [] => "no connections\n".to_owned(),
        ended => {
            ended.iter().map(|number| format!("connection {number}: {}\n", end.done())).collect()
        }
    };
    Ok(Said::new(json!({ end.done(): ended }), text))
}

async fn list(path: &str, client: &mut Client) -> Result<Said, Failure> {
    let answer: Value = client.ask(Method::GET, path, None).await?;
    let text = match shown::each(&answer["connections"]) {
        [] => "no connections".to_owned(),
        list => shown::connections(list),
    };
    Ok(Said::new(answer, text))
}
