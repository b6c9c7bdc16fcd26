//! A load as a scenario writes it.
//!
//! It makes no traffic; `load` does.

use super::calls::Calls;
use super::context::{Context, index};
use super::model::{Load, Receive, Verify};
use super::node::{Fields, Kind, Node};
use super::place::Wrong;
use super::rules;
use super::words::{Answer, Whole};
use bytes::Bytes;
use chenapan_core::{Choices, Form, Pattern, Value};
use std::time::Duration;

/// Reads a load; none where something is wrong with its proxy, which was told.
pub(super) fn load(node: &Node, cx: &Context<'_>) -> Result<Option<Load>, Wrong> {
    let mut fields = node.fields()?;
    let to = to(&mut fields, &cx.proxies)?;
    let Some((_, tcp)) = &cx.speaks[to] else { return Ok(None) };
    if !tcp {
        let wrong = "this proxy listens on a UNIX socket, and a load speaks TCP";
        return Err(node.place.wrong(wrong).help("use run, with a client of yours"));
    }
    let connections = fields.take("connections").map(Node::count).transpose()?;
    let duration = fields.take("duration").map(Node::time).transpose()?;
    let rate = fields.take("rate").map(rate).transpose()?;
    let http = fields.take("http").map(http).transpose()?;
    let mut clients = cx.registry.protocols().iter().filter_map(|entry| {
        let client = entry.client.as_ref()?;
        Some((entry.name, client, fields.take(entry.name)?))
    });
    let calls = clients.next().map(|(name, client, node)| Calls::read(name, client, node));
    let calls = calls.transpose()?;
    let mut send = match fields.take("send").map(|node| node.form(Form::Bytes)).transpose()? {
        Some(Value::Bytes(bytes)) => bytes,
        _ => Bytes::new(),
    };
    let header = fields.take("header").map(|node| rules::read::protocol(node, cx)).transpose()?;
    let receive = fields.take("receive").map_or(Ok(Receive::Close), receive)?;
    let verify = match (fields.take("verify"), &http) {
        (Some(node), _) => verify(node)?,
        (None, Some((_, status))) => Verify::Status(*status),
        (None, None) => Verify::Any,
    };
    if let Some((request, _)) = http {
        send = request;
    }
    let load = Load {
        to,
        exchanges: connections,
        duration: duration.unwrap_or(Duration::MAX),
        rate,
        concurrency: concurrency(&mut fields, rate)?,
        header,
        send,
        calls,
        receive,
        verify,
        timeout: fields.take("timeout").map_or(Ok(Duration::from_secs(10)), Node::time)?,
    };
    Ok(Some(load))
}

/// The proxy that a load goes to, by its index.
fn to(fields: &mut Fields<'_>, proxies: &[String]) -> Result<usize, Wrong> {
    match (fields.take("to"), proxies) {
        (Some(node), _) => index(node, proxies),
        (None, [_]) => Ok(0),
        (None, []) => Err(fields.place.wrong("there is no proxy for this load")),
        (None, [first, ..]) => {
            let wrong = fields.place.wrong("there are several proxies: which one is it for?");
            Err(wrong.help(format!("add to: {first}")))
        }
    }
}

/// The most exchanges at once; where a rate bounds them already, that is many if not given.
fn concurrency(fields: &mut Fields<'_>, rate: Option<f64>) -> Result<usize, Wrong> {
    let given = fields.take("concurrency").map(Node::count).transpose()?;
    let most = given.unwrap_or(if rate.is_some() { 10_000 } else { 1 });
    Ok(usize::try_from(most).unwrap_or(usize::MAX).clamp(1, 100_000))
}

/// When an answer is whole: at an end that has a name, or after so many bytes.
fn receive(node: &Node) -> Result<Receive, Wrong> {
    if let Value::Size(size) = node.form(Form::Size).unwrap_or(Value::None) {
        return Ok(Receive::Bytes(usize::try_from(size.0).unwrap_or(usize::MAX)));
    }
    Ok(match Whole::read(node.text()?).map_err(|wrong| node.place.wrong(wrong))? {
        Whole::Close => Receive::Close,
        Whole::Line => Receive::Line,
        Whole::Nothing => Receive::Nothing,
    })
}

/// The check of an answer: one that has a name, or a pattern behind `~`.
fn verify(node: &Node) -> Result<Verify, Wrong> {
    let text = node.text()?;
    if let Some(pattern) = text.strip_prefix('~') {
        let pattern = Pattern::new(pattern.trim()).map_err(|wrong| node.place.wrong(wrong))?;
        return Ok(Verify::Matches(pattern));
    }
    Ok(match Answer::read(text).map_err(|wrong| node.place.wrong(wrong))? {
        Answer::Nothing => Verify::Nothing,
        Answer::Any => Verify::Any,
        Answer::Echo => Verify::Echo,
    })
}

/// A request, and the status that its answer must have.
fn http(node: &Node) -> Result<(Bytes, u16), Wrong> {
    if let Kind::Text(path) = &node.kind {
        return Ok((request("GET", path, "chenapan"), 200));
    }
    let mut fields = node.fields()?;
    let mut text =
        |name, default: &str| fields.take(name).map_or(Ok(default), Node::text).map(str::to_owned);
    let (method, path) = (text("method", "GET")?, text("path", "/")?);
    let host = text("host", "chenapan")?;
    let status = fields.take("status").map_or(Ok(200), Node::count)?;
    Ok((request(&method, &path, &host), u16::try_from(status).unwrap_or(200)))
}

fn request(method: &str, path: &str, host: &str) -> Bytes {
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into()
}

/// So many a second.
fn rate(node: &Node) -> Result<f64, Wrong> {
    let text = node.text()?;
    let number = text.strip_suffix("/s").map(|number| number.trim().parse::<f64>());
    match number {
        Some(Ok(rate)) if (1e-3..=1e6).contains(&rate) => Ok(rate),
        _ => Err(node.place.wrong("expected a rate from 0.001/s to 1000000/s, such as 10/s")),
    }
}
