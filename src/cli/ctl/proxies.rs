//! Verbs about whole proxies.

use super::super::Failure;
use super::client::{Client, encoded};
use super::{Said, shown};
use clap::Args;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

/// Proxy that a verb is about.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// Name of the proxy; - is the one without a name
    #[arg(value_name = "PROXY")]
    proxy: String,
}

/// Proxies that a verb is about.
#[derive(Debug, Args)]
pub(super) struct Several {
    /// Names of the proxies; - is the one without a name
    #[arg(value_name = "PROXY", required = true)]
    proxies: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Name of the proxy
    #[arg(value_name = "PROXY")]
    proxy: String,
    /// Rules from the start: NAME:option=value:..., or a mix
    #[arg(value_name = "RULE")]
    rules: Vec<String>,
    /// port (on 127.0.0.1), :port (on every address), host:port ...; may be repeated; a free port of
    /// 127.0.0.1 if not given
    #[arg(long, short, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// host:port, tls:HOST:PORT, unix:PATH ...
    #[arg(long, short = 'u', alias = "upstream", value_name = "ADDRESS")]
    backend: String,
    /// NAME or NAME:option=value; see `list protocols`
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp")]
    protocol: String,
    /// Do not start it yet
    #[arg(long)]
    disabled: bool,
}

#[derive(Debug, Args)]
pub(super) struct Reset {
    /// Names of the proxies; all if not given
    #[arg(value_name = "PROXY")]
    proxies: Vec<String>,
}

/// Returns the path of a proxy.
pub(super) fn path(proxy: &str) -> String {
    format!("/v1/proxies/{}", encoded(proxy))
}

pub(super) async fn list(client: &mut Client) -> Result<Said, Failure> {
    let answer = client.ask(Method::GET, "/v1/proxies", None).await?;
    let text = match shown::each(&answer["proxies"]) {
        [] => "no proxies; chenapan ctl create NAME --backend HOST:PORT makes one".to_owned(),
        list => shown::proxies(list),
    };
    Ok(Said::new(answer, text))
}

pub(super) async fn show(args: &Named, client: &mut Client) -> Result<Said, Failure> {
    let path = path(&args.proxy);
    let proxy = client.ask(Method::GET, &path, None).await?;
    let counted = client.ask(Method::GET, &format!("{path}/counters"), None).await?;
    let parts = [
        shown::proxy(&proxy),
        shown::rules(shown::each(&proxy["rules"])),
        shown::counters(&counted),
    ];
    let parts: Vec<_> =
        parts.iter().map(|part| part.trim_end()).filter(|part| !part.is_empty()).collect();
    let text = parts.join("\n\n");
    let mut json = proxy;
    if let (Value::Object(proxy), Value::Object(counted)) = (&mut json, counted) {
        proxy.extend(counted);
    }
    Ok(Said::new(json, text))
}

pub(super) async fn create(args: &Create, client: &mut Client) -> Result<Said, Failure> {
    let mut body = json!({
        "name": args.proxy,
        "backend": args.backend,
        "protocol": args.protocol,
        "rules": args.rules,
        "enabled": !args.disabled,
    });
    if !args.listen.is_empty() {
        body["listen"] = json!(args.listen);
    }
    let proxy = client.ask(Method::POST, "/v1/proxies", Some(&body)).await?;
    let mut text = shown::proxy(&proxy);
    for rule in shown::each(&proxy["rules"]) {
        text += &format!("\nrule {}", shown::text(&rule["text"]));
    }
    Ok(Said::new(proxy, text))
}

pub(super) async fn delete(args: &Several, client: &mut Client) -> Result<Said, Failure> {
    for proxy in &args.proxies {
        client.ask(Method::DELETE, &path(proxy), None).await?;
    }
    let text = args.proxies.iter().map(|proxy| format!("{}: deleted\n", shown::plain(proxy)));
    Ok(Said::new(json!({ "deleted": args.proxies }), text.collect::<String>()))
}

/// Enables or disables proxies.
pub(super) async fn switch(args: &Several, on: bool, client: &mut Client) -> Result<Said, Failure> {
    let mut switched = Vec::new();
    for proxy in &args.proxies {
        switched.push(enabled(proxy, on, client).await?);
    }
    Ok(all(switched))
}

/// Enables proxies that are disabled, and stops others as Toxiproxy does: their connections end.
pub(super) async fn toggle(args: &Several, client: &mut Client) -> Result<Said, Failure> {
    let mut toggled = Vec::new();
    for proxy in &args.proxies {
        let path = path(proxy);
        let on = client.ask(Method::GET, &path, None).await?["enabled"] != true;
        let now = enabled(proxy, on, client).await?;
        if !on {
            client.ask(Method::DELETE, &format!("{path}/connections"), None).await?;
        }
        toggled.push(now);
    }
    Ok(all(toggled))
}

async fn enabled(proxy: &str, on: bool, client: &mut Client) -> Result<Value, Failure> {
    client.ask(Method::PATCH, &path(proxy), Some(&json!({ "enabled": on }))).await
}

/// Shows proxies after a change.
fn all(proxies: Vec<Value>) -> Said {
    let text = proxies.iter().map(|proxy| shown::proxy(proxy) + "\n").collect::<String>();
    Said::new(json!({ "proxies": proxies }), text)
}

/// Lets the server read its file of proxies again.
pub(super) async fn reload(client: &mut Client) -> Result<Said, Failure> {
    let answer = client.ask(Method::POST, "/v1/reload", None).await?;
    let text = shown::event("reloaded", &answer.to_string());
    Ok(Said::new(answer, text))
}

/// Enables proxies, and takes their rules and toxics away.
pub(super) async fn reset(args: &Reset, client: &mut Client) -> Result<Said, Failure> {
    let mut names = args.proxies.clone();
    if names.is_empty() {
        let all = client.ask(Method::GET, "/v1/proxies", None).await?;
        names.extend(shown::each(&all["proxies"]).iter().map(
            |proxy| match proxy["name"].as_str() {
                Some("") | None => "-".to_owned(),
                Some(name) => name.to_owned(),
            },
        ));
    }
    let mut reset = Vec::new();
    for name in &names {
        // Rules go first: no traffic is to meet them.
        client.ask(Method::DELETE, &format!("{}/rules", path(name)), None).await?;
        remove_toxics(name, client).await?;
        reset.push(enabled(name, true, client).await?);
    }
    let text = match &*reset {
        [] => "no proxies\n".to_owned(),
        all => all.iter().map(|proxy| shown::proxy(proxy) + ", no rules\n").collect(),
    };
    Ok(Said::new(json!({ "proxies": reset }), text))
}

/// Takes the toxics of a proxy away, which are rules that Toxiproxy's API has made.
async fn remove_toxics(proxy: &str, client: &mut Client) -> Result<(), Failure> {
    let path = format!("/proxies/{}/toxics", encoded(proxy));
    let toxics = match client.asked(Method::GET, &path, None).await? {
        Ok(toxics) => toxics,
        // That API does not know a proxy without a name.
        Err(refusal) if refusal.status == StatusCode::NOT_FOUND => return Ok(()),
        Err(refusal) => return Err(refusal.into()),
    };
    for name in shown::each(&toxics).iter().filter_map(|toxic| toxic["name"].as_str()) {
        match client.asked(Method::DELETE, &format!("{path}/{}", encoded(name)), None).await? {
            Err(refusal) if refusal.status != StatusCode::NOT_FOUND => return Err(refusal.into()),
            _ => {}
        }
    }
    Ok(())
}
