//! Verbs about the rules of a proxy.

use super::super::Failure;
use super::client::{Client, encoded};
use super::{Said, proxies, shown};
use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct List {
    /// Name of the proxy
    #[arg(value_name = "PROXY")]
    proxy: String,
    /// Rule that is to be in force in place of all that are; may be repeated
    #[arg(long = "set", value_name = "RULE")]
    rules: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Name of the proxy
    #[arg(value_name = "PROXY")]
    proxy: String,
    /// NAME:option=value:... or a mix, 20:delay,5:error; see `list behaviors`, `help rules`
    #[arg(value_name = "RULE", required = true)]
    rules: Vec<String>,
    /// Name of the rule, if not that of its behavior
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Replace {
    /// Name of the proxy
    #[arg(value_name = "PROXY")]
    proxy: String,
    /// Name of the rule that goes, and of the one that comes
    #[arg(value_name = "NAME")]
    name: String,
    /// NAME:option=value:...
    #[arg(value_name = "RULE")]
    rules: String,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// Name of the proxy
    #[arg(value_name = "PROXY")]
    proxy: String,
    /// Names of the rules
    #[arg(value_name = "NAME", required_unless_present = "all")]
    names: Vec<String>,
    /// Remove all rules
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

fn path(proxy: &str) -> String {
    proxies::path(proxy) + "/rules"
}

fn said(answer: Value) -> Said {
    let text = shown::rules(shown::each(&answer["rules"]));
    Said::new(answer, text)
}

pub(super) async fn list(args: &List, client: &mut Client) -> Result<Said, Failure> {
    let path = path(&args.proxy);
    let answer = match &*args.rules {
        [] => client.ask(Method::GET, &path, None).await?,
        rules => client.ask(Method::PUT, &path, Some(&json!(rules))).await?,
    };
    Ok(said(answer))
}

pub(super) async fn add(args: &Add, client: &mut Client) -> Result<Said, Failure> {
    let named = |rule: &String| match &args.name {
        Some(name) => format!("{rule}:rule-name={}", quoted(name)),
        None => rule.clone(),
    };
    if args.name.is_some() && args.rules.len() > 1 {
        return Err(Failure::usage(
            "--name is the name of one rule; add others by another command",
        ));
    }
    let mut answer = Value::Null;
    for rule in args.rules.iter().map(named) {
        answer = client.ask(Method::POST, &path(&args.proxy), Some(&json!(rule))).await?;
    }
    Ok(said(answer))
}

pub(super) async fn replace(args: &Replace, client: &mut Client) -> Result<Said, Failure> {
    let all = path(&args.proxy);
    let one = format!("{all}/{}", encoded(&args.name));
    // There is to be one that goes.
    client.ask(Method::GET, &one, None).await?;
    client.ask(Method::PUT, &one, Some(&json!(args.rules))).await?;
    Ok(said(client.ask(Method::GET, &all, None).await?))
}

pub(super) async fn remove(args: &Remove, client: &mut Client) -> Result<Said, Failure> {
    let all = path(&args.proxy);
    if args.all {
        client.ask(Method::DELETE, &all, None).await?;
    }
    for name in &args.names {
        client.ask(Method::DELETE, &format!("{all}/{}", encoded(name)), None).await?;
    }
    Ok(said(client.ask(Method::GET, &all, None).await?))
}

/// Returns a text as a value in the one-line form of a rule.
fn quoted(text: &str) -> String {
    text.chars().fold(String::new(), |mut quoted, letter| {
        if matches!(letter, '\\' | ':' | ',' | '[' | ']') {
            quoted.push('\\');
        }
        quoted.push(letter);
        quoted
    })
}
