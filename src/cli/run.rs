//! `chenapan run`: proxies around a command, its exit code and a verdict.

use super::arguments::{Breaking, Said};
use super::serve::{not_started, on_runtime, raise_descriptor_limit};
use super::signals::{Second, Signals};
use super::{Failure, mention};
use chenapan_core::Registry;
use chenapan_engine::control::Control;
use chenapan_engine::endpoint::{Connect, EndpointError, Kinds, Listen, plain};
use chenapan_engine::proxy::{Config, Proxy};
use chenapan_scenario::mistaken;
use chenapan_scenario::report;
use clap::{ArgMatches, Args};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Server behind the proxy, as ADDRESS or NAME=ADDRESS; may be repeated with names
    ///
    /// The command finds the proxy as {proxy} (or {NAME}) in its arguments, and in the environment
    /// as CHENAPAN_PROXY, CHENAPAN_PROXY_HOST and CHENAPAN_PROXY_PORT (or CHENAPAN_NAME ...).
    #[arg(long, value_name = "ADDRESS", required = true, value_parser = backend)]
    backend: Vec<(String, Connect)>,
    /// text, or json: an object in a line for each proxy, on standard error
    #[arg(
        long,
        value_name = "FORM",
        default_value = "text",
        hide_possible_values = true,
        help_heading = "Output"
    )]
    output: Said,
    /// Rules; the command follows after --
    #[arg(value_name = "RULE")]
    rules: Vec<String>,
    /// The command with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
    #[command(flatten)]
    breaking: Breaking,
}

/// Reads backends with these kinds.
pub(super) fn with_kinds(command: clap::Command, kinds: &Kinds) -> clap::Command {
    let kinds = kinds.clone();
    let named = move |text: &str| {
        let (name, address) = named(text);
        Ok::<_, EndpointError>((name.to_owned(), kinds.connect(address)?))
    };
    command.mut_arg("backend", |arg| arg.value_parser(named))
}

/// The name before an address, where there is one.
fn named(text: &str) -> (&str, &str) {
    match text.split_once('=') {
        Some((name, address))
            if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') =>
        {
            (name, address)
        }
        _ => ("proxy", text),
    }
}

/// Reads a backend before the kinds are known.
fn backend(text: &str) -> Result<(String, Connect), EndpointError> {
    let (name, address) = named(text);
    Ok((name.to_owned(), address.parse()?))
}

pub(super) fn run(
    args: &Run,
    registry: &Registry,
    matches: &ArgMatches,
) -> Result<ExitCode, Failure> {
    let mut breaking = args.breaking.clone();
    breaking.behavior.extend(args.rules.iter().cloned());
    let (protocol, rules) = breaking.read(registry, matches)?;
    let seed = breaking.seed();
    raise_descriptor_limit();
    on_runtime(async {
        let signals = Signals::new(Second::Counts)?;
        let control = Control::seeded(seed).map_err(Failure::run)?;
        control.set_memory(breaking.memory);
        let mut proxies: Vec<Proxy> = Vec::new();
        for (at, (name, backend)) in args.backend.iter().enumerate() {
            if args.backend[..at].iter().any(|(known, _)| known == name) {
                return Err(Failure::usage(format!(
                    "--backend {name}: given twice; use NAME=ADDRESS"
                )));
            }
            let config = Config {
                // A single one draws as the program without `run` does.
                name: if args.backend.len() == 1 { String::new() } else { name.clone() },
                listen: vec!["127.0.0.1:0".parse::<Listen>().map_err(Failure::usage)?],
                backend: backend.clone(),
                protocol: protocol.clone(),
                rules: rules.clone(),
                limits: breaking.limits(),
                enabled: true,
            };
            let proxy = control.add(config).map_err(not_started)?;
            proxies.push(proxy);
        }
        let status = command(args, &proxies, signals).await?;
        control.stop(Duration::ZERO).await.map_err(Failure::run)?;
        let summary = match args.output {
            Said::Text => report::summary,
            Said::Json => report::machine::summary,
        };
        let summaries: String = proxies.iter().map(|proxy| summary(proxy, seed)).collect();
        // The verdict is for people; the command's own output is on standard output.
        mention(&summaries);
        super::panicked(&proxies)?;
        verdict(status, &rules, &proxies)
    })
}

async fn command(
    args: &Run,
    proxies: &[Proxy],
    mut signals: Signals,
) -> Result<ExitStatus, Failure> {
    let mut places = Vec::new();
    for (proxy, (name, _)) in proxies.iter().zip(&args.backend) {
        let address = proxy.address().ok_or_else(|| Failure::run("the proxy has no address"))?;
        places.push((name.clone(), address));
    }
    let filled = |text: &String| {
        places.iter().fold(text.clone(), |text, (name, address)| {
            text.replace(&format!("{{{name}}}"), &address.to_string())
                .replace(&format!("{{{name}.host}}"), &address.ip().to_string())
                .replace(&format!("{{{name}.port}}"), &address.port().to_string())
        })
    };
    let known = |name: &str| [name.to_owned(), format!("{name}.host"), format!("{name}.port")];
    let known: Vec<String> = places.iter().flat_map(|(name, _)| known(name)).collect();
    let mut mistakes = args.command.iter().flat_map(|text| mistaken(text, &known));
    if let Some((name, _, near)) = mistakes.next() {
        let wrong = format!("{{{name}}} stands for nothing; did you mean {{{near}}}?");
        return Err(Failure::Usage(wrong));
    }
    let Some((program, rest)) = args.command.split_first() else {
        return Err(Failure::usage("a command is missing after --"));
    };
    let mut command = tokio::process::Command::new(filled(program));
    command.args(rest.iter().map(filled)).kill_on_drop(true);
    chenapan_engine::child_processes::kill_with_parent(&mut command);
    for (name, address) in &places {
        let name = format!("CHENAPAN_{}", name.to_uppercase().replace('-', "_"));
        command.env(format!("{name}_HOST"), address.ip().to_string());
        command.env(format!("{name}_PORT"), address.port().to_string());
        command.env(name, address.to_string());
    }
    let mut child =
        command.spawn().map_err(|error| Failure::run(format!("{program}: {}", plain(&error))))?;
    loop {
        tokio::select! {
            status = child.wait() => return status.map_err(Failure::run),
            // The command decides what becomes of it.
            () = signals.next() => {
                let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
                if let Some(pid) = pid {
                    let _ = kill_process(pid, Signal::TERM);
                }
            }
        }
    }
}

/// The command's exit code; 1 if it succeeded but no rule met anything.
fn verdict(
    status: ExitStatus,
    rules: &chenapan_engine::rule::Rules,
    proxies: &[Proxy],
) -> Result<ExitCode, Failure> {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let met = proxies.iter().any(report::has_met);
    match code {
        Some(0) if !rules.is_empty() && !met => {
            let why = report::no_fault(proxies).unwrap_or_default();
            Err(Failure::Negative(format!("no rule met anything: {why}")))
        }
        Some(code) => Ok(ExitCode::from(code)),
        // As shells say it.
        None => Ok(status.signal().map_or(ExitCode::from(1), |signal| {
            ExitCode::from(128 | u8::try_from(signal).unwrap_or_default())
        })),
    }
}
