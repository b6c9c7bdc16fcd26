//! Completion of names that the registry knows (behaviors, protocols, their options, topics), and of
//! those of proxies, for which a running server is asked.
//!
//! It only proposes; the parsers decide.

use super::{Failure, ctl, help};
use chenapan_core::{OptionSpec, Registry};
use chenapan_engine::rule::SELECTORS;
use clap::Command;
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use std::ffi::OsStr;
use std::sync::Arc;

/// The variable by which a shell asks for candidates.
const VARIABLE: &str = "COMPLETE";

/// Answers a shell that asks for candidates; true if one did.
pub(super) fn answer(registry: &Registry, shown: impl Fn() -> Command) -> bool {
    if std::env::var_os(VARIABLE).is_none_or(|asks| asks.is_empty() || asks == "0") {
        return false;
    }
    let command = || with_names(shown(), registry);
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .try_complete(std::env::args_os(), here.as_deref());
    asked.unwrap_or_else(|error| {
        let _ = error.print();
        true
    })
}

/// The script by which a shell learns to ask.
pub(super) fn script(shell: Shell) -> Result<Vec<u8>, Failure> {
    let shells = Shells::builtins();
    let name = shell.to_string();
    let completer = shells
        .completer(&name)
        .ok_or_else(|| Failure::usage(format!("there is no completion for {name}")))?;
    let mut script = Vec::new();
    if shell == Shell::Bash {
        // Rules have colons in them, and are one word.
        script.extend_from_slice(b"COMP_WORDBREAKS=${COMP_WORDBREAKS//:/}\n");
    }
    completer
        .write_registration(VARIABLE, "chenapan", "chenapan", "chenapan", &mut script)
        .map_err(Failure::run)?;
    Ok(script)
}

/// The arguments with what can stand there, in every command.
fn with_names(command: Command, registry: &Registry) -> Command {
    let topics = Arc::new(help::names(registry, &command));
    let registry = Arc::new(registry.clone());
    named(command, &registry).mut_subcommand("help", |help| {
        help.mut_arg("topic", |arg| {
            arg.add(ArgValueCompleter::new(move |current: &OsStr| {
                let current = current.to_string_lossy();
                let fits = topics.iter().filter(|name| name.starts_with(&*current));
                fits.map(CompletionCandidate::new).collect()
            }))
        })
    })
}

fn named(command: Command, registry: &Arc<Registry>) -> Command {
    command
        .mut_args(|arg| match arg.get_id().as_str() {
            "behavior" | "rules" => {
                let registry = Arc::clone(registry);
                arg.add(ArgValueCompleter::new(move |current: &OsStr| {
                    rules(&registry, &current.to_string_lossy())
                }))
            }
            "protocol" if arg.get_possible_values().is_empty() => {
                let registry = Arc::clone(registry);
                arg.add(ArgValueCompleter::new(move |current: &OsStr| {
                    protocols(&registry, &current.to_string_lossy())
                }))
            }
            "proxy" | "proxies" => arg.add(ArgValueCompleter::new(|current: &OsStr| {
                let current = current.to_string_lossy();
                let names = ctl::names().into_iter();
                names
                    .filter(|name| name.starts_with(&*current))
                    .map(CompletionCandidate::new)
                    .collect()
            })),
            "report" => arg.add(ArgValueCompleter::new(|current: &OsStr| {
                let current = current.to_string_lossy();
                let forms = chenapan_scenario::report::FORMATS;
                let forms = forms.iter().map(|format| format!("{}=", format.name));
                let fits = forms.filter(|form| form.starts_with(&*current));
                fits.map(CompletionCandidate::new).collect()
            })),
            _ => arg,
        })
        .mut_subcommands(|inner| named(inner, registry))
}

fn rules(registry: &Registry, current: &str) -> Vec<CompletionCandidate> {
    let names = registry.behaviors().iter().map(|entry| (entry.name, entry.summary()));
    let table = |name: &str| {
        let entry = registry.behaviors().iter().find(|entry| entry.name == name)?;
        Some(entry.options.iter().chain(SELECTORS).collect())
    };
    parts(current, names, table)
}

fn protocols(registry: &Registry, current: &str) -> Vec<CompletionCandidate> {
    let names = registry.protocols().iter().map(|entry| (entry.name, entry.summary()));
    let table = |name: &str| {
        let entry = registry.protocols().iter().find(|entry| entry.name == name)?;
        Some(entry.options.iter().collect())
    };
    parts(current, names, table)
}

/// Candidates for the last part of `NAME:option=value:...`.
fn parts<'a>(
    current: &str,
    names: impl Iterator<Item = (&'a str, String)>,
    table: impl Fn(&str) -> Option<Vec<&'a OptionSpec>>,
) -> Vec<CompletionCandidate> {
    let Some((before, part)) = current.rsplit_once(':') else {
        let fits: Vec<_> = names.filter(|(name, _)| name.starts_with(current)).collect();
        let candidate = |(name, about): &(&str, String)| {
            CompletionCandidate::new(*name).help(Some(about.clone().into()))
        };
        let mut found: Vec<_> = fits.iter().map(candidate).collect();
        if let [(name, _)] = fits[..] {
            // Two candidates keep shells from adding a blank, so that options can follow.
            found.push(CompletionCandidate::new(format!("{name}:")));
        }
        return found;
    };
    let name = before.split(':').next().unwrap_or_default();
    let Some(options) = table(name) else { return Vec::new() };
    match part.split_once('=') {
        None => options
            .iter()
            .filter(|spec| spec.name.starts_with(part))
            .map(|spec| {
                let text = format!("{before}:{}=", spec.name);
                CompletionCandidate::new(text).help(Some(spec.summary().into()))
            })
            .collect(),
        Some((option, value)) => options
            .iter()
            .filter(|spec| spec.name == option)
            .flat_map(|spec| spec.choices())
            .filter(|choice| choice.text.starts_with(value))
            .map(|choice| {
                let text = format!("{before}:{option}={}", choice.text);
                CompletionCandidate::new(text).help(Some(choice.summary().into()))
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(candidates: &[CompletionCandidate]) -> Vec<String> {
        candidates.iter().map(|one| one.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn rules_are_completed_part_by_part() {
        let registry = chenapan_engine::registry();
        assert_eq!(texts(&rules(&registry, "dela")), ["delay", "delay:"]);
        assert!(texts(&rules(&registry, "delay:sl")).contains(&"delay:sleep=".to_owned()));
        assert_eq!(texts(&rules(&registry, "delay:sleep=1s:chan")), ["delay:sleep=1s:chance="]);
        assert_eq!(texts(&rules(&registry, "corrupt:how=z")), ["corrupt:how=zero"]);
        assert!(rules(&registry, "nothing:").is_empty());
        assert!(texts(&protocols(&registry, "pro")).contains(&"proxy-v2".to_owned()));
    }
}
