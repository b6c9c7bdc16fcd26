//! Verbs about toxics, in the words of Toxiproxy's client.

use super::super::Failure;
use super::client::{Client, Refusal, encoded};
use super::{Said, proxies, shown};
use chenapan_core::nearest;
use clap::{Args, Subcommand};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

#[derive(Debug, Subcommand)]
pub(super) enum Toxic {
    /// Add a toxic to a proxy
    #[command(aliases = ["a"])]
    Add(Add),
    /// Change attributes or the toxicity of a toxic
    #[command(aliases = ["u"])]
    Update(Update),
    /// Remove a toxic
    #[command(aliases = ["r", "delete", "d"])]
    Remove(Named),
}

/// Values of a toxic.
#[derive(Debug, Args)]
struct Values {
    /// Part of the connections that it acts on, from 0 to 1
    #[arg(long, alias = "tox", value_name = "NUMBER")]
    toxicity: Option<f64>,
    /// Attribute; may be repeated
    #[arg(long, short, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = attribute)]
    attribute: Vec<Attribute>,
}

/// Attribute of a toxic.
#[derive(Clone, Debug)]
struct Attribute {
    name: String,
    value: Value,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Name of the proxy
    #[arg(value_name = "PROXY")]
    proxy: String,
    /// Type, such as latency or bandwidth; see `help from-toxiproxy`
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    kind: String,
    /// Name of the toxic [default: TYPE_downstream or TYPE_upstream]
    #[arg(long, short = 'n', alias = "toxicName", value_name = "NAME")]
    toxic_name: Option<String>,
    #[command(flatten)]
    values: Values,
    /// Act on bytes from the client to the server
    #[arg(long, short, conflicts_with = "downstream")]
    upstream: bool,
    /// Act on bytes from the server to the client, which is the default
    #[arg(long, short)]
    downstream: bool,
}

#[derive(Debug, Args)]
pub(super) struct Update {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    values: Values,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// Name of the proxy
    #[arg(value_name = "PROXY")]
    proxy: String,
    /// Name of the toxic
    #[arg(long, short = 'n', alias = "toxicName", value_name = "NAME")]
    toxic_name: String,
}

impl Values {
    /// Returns the fields of a request that are given.
    fn fields(&self) -> Map<String, Value> {
        let attributes =
            self.attribute.iter().map(|given| (given.name.clone(), given.value.clone()));
        let mut fields = Map::new();
        fields.insert("attributes".to_owned(), Value::Object(attributes.collect()));
        if let Some(toxicity) = self.toxicity {
            fields.insert("toxicity".to_owned(), json!(toxicity));
        }
        fields
    }
}

/// Reads `NAME=VALUE`; what reads as a number is one, and a whole one is sent as such.
fn attribute(text: &str) -> Result<Attribute, String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, such as latency=100")?;
    let whole = |number: &f64| number.fract() == 0.0 && number.abs() < 9e15;
    let value = match (value.parse::<i64>(), value.parse::<f64>()) {
        (Ok(number), _) => json!(number),
        (_, Ok(number)) if whole(&number) => json!(number as i64),
        (_, Ok(number)) if number.is_finite() => json!(number),
        _ => json!(value),
    };
    Ok(Attribute { name: name.to_owned(), value })
}

pub(super) async fn toxic(args: &Toxic, client: &mut Client) -> Result<Said, Failure> {
    match args {
        Toxic::Add(args) => add(args, client).await,
        Toxic::Update(args) => update(args, client).await,
        Toxic::Remove(args) => remove(args, client).await,
    }
}

fn path(proxy: &str) -> String {
    format!("/proxies/{}/toxics", encoded(proxy))
}

async fn add(args: &Add, client: &mut Client) -> Result<Said, Failure> {
    let mut body = args.values.fields();
    body.insert("type".to_owned(), json!(args.kind));
    body.insert("stream".to_owned(), json!(if args.upstream { "upstream" } else { "downstream" }));
    if let Some(name) = &args.toxic_name {
        body.insert("name".to_owned(), json!(name));
    }
    match client.asked(Method::POST, &path(&args.proxy), Some(&Value::Object(body))).await? {
        Ok(toxic) => Ok(told("added to", &args.proxy, toxic)),
        Err(refusal) if refusal.why == "invalid toxic type" => {
            let kinds = "latency, bandwidth, slow_close, timeout, reset_peer, slicer, limit_data, packet_loss, noop";
            let near = nearest(&args.kind, kinds.split(", "));
            let near = near.map_or_else(
                || format!("known are {kinds}"),
                |near| format!("did you mean {near:?}?"),
            );
            Err(Failure::usage(format!("--type {}: there is no such toxic; {near}", args.kind)))
        }
        Err(refusal) => Err(explained(refusal, &args.proxy, None, client).await),
    }
}

async fn update(args: &Update, client: &mut Client) -> Result<Said, Failure> {
    let Named { proxy, toxic_name } = &args.named;
    let path = format!("{}/{}", path(proxy), encoded(toxic_name));
    let body = Value::Object(args.values.fields());
    match client.asked(Method::PATCH, &path, Some(&body)).await? {
        Ok(toxic) => Ok(told("updated on", proxy, toxic)),
        Err(refusal) => Err(explained(refusal, proxy, Some(toxic_name), client).await),
    }
}

async fn remove(args: &Named, client: &mut Client) -> Result<Said, Failure> {
    let Named { proxy, toxic_name } = args;
    let path = format!("{}/{}", path(proxy), encoded(toxic_name));
    match client.asked(Method::DELETE, &path, None).await? {
        Ok(_) => {
            let text = format!("toxic {toxic_name}: removed from {proxy}");
            Ok(Said::new(json!({ "removed": [toxic_name] }), shown::plain(&text)))
        }
        Err(refusal) => Err(explained(refusal, proxy, Some(toxic_name), client).await),
    }
}

/// Says what was done to a toxic, and how it is now.
fn told(done: &str, proxy: &str, toxic: Value) -> Said {
    let of = |key: &str| shown::text(&toxic[key]);
    let attributes = toxic["attributes"].as_object().into_iter().flatten();
    let attributes =
        attributes.map(|(name, value)| format!(", {} {}", shown::plain(name), shown::text(value)));
    let text = format!(
        "toxic {}: {done} {}: {}, {}, toxicity {}{}",
        of("name"),
        shown::plain(proxy),
        of("type"),
        of("stream"),
        of("toxicity"),
        attributes.collect::<String>()
    );
    Said::new(toxic, text)
}

/// Returns the failure of a refusal, with the nearest name where nothing has the one that was given.
async fn explained(
    refusal: Refusal,
    proxy: &str,
    toxic: Option<&str>,
    client: &mut Client,
) -> Failure {
    if refusal.status != StatusCode::NOT_FOUND {
        return refusal.into();
    }
    // Our own API says which name is near.
    match client.ask(Method::GET, &proxies::path(proxy), None).await {
        Err(failure) => return failure,
        Ok(_) if toxic.is_none() => return refusal.into(),
        Ok(_) => {}
    }
    let listed = client.ask(Method::GET, &path(proxy), None).await.unwrap_or_default();
    let names: Vec<_> =
        shown::each(&listed).iter().filter_map(|toxic| toxic["name"].as_str()).collect();
    let toxic = toxic.unwrap_or_default();
    let near = match (nearest(toxic, names.iter().copied()), &*names) {
        (Some(near), _) => format!("did you mean {near:?}?"),
        (None, []) => "it has none".to_owned(),
        (None, names) => format!("it has {}", names.join(", ")),
    };
    Failure::usage(shown::plain(&format!("there is no toxic {toxic:?} on {proxy}; {near}")))
}
