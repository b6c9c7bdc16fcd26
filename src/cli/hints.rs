//! Hints for arguments that clap refuses.

use chenapan_core::{Registry, instead};
use chenapan_engine::rule::{Defaults, Rule, meant};
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// Short flags of other tools.
const SHORT: &[(&str, &str)] = &[
    ("-l", "write --listen ADDRESS"),
    ("-b", "write --backend ADDRESS"),
    ("-u", "write --backend ADDRESS"),
    ("-p", "write --listen PORT, or --protocol NAME"),
    ("-s", "write --seed N"),
    ("-o", "write --output FORM, or --journal FILE"),
    ("-c", "write chenapan scenario run FILE"),
    ("-q", "write --log-level error"),
];

/// Longest name of a command that is an abbreviation.
const SHORT_NAME: usize = 3;

/// Returns an error of usage with a hint, if a remedy is known.
pub(super) fn helped(error: Error, registry: &Registry, shown: &clap::Command) -> Error {
    let words: Vec<_> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    with_words(error, &words, registry, shown)
}

fn with_words(
    mut error: Error,
    words: &[String],
    registry: &Registry,
    shown: &clap::Command,
) -> Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let (argument, command) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidSubcommand));
    let value = text(ContextKind::InvalidValue);
    let unknown = matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand);
    let is_command = shown.find_subcommand(&command).is_some();
    // A word that is no command at all is no conflict, but one too many.
    let stray = error.kind() == ErrorKind::ArgumentConflict && !command.is_empty() && !is_command;
    let hint = match error.kind() {
        _ if several_backends(&error, &argument, &value) => Some(
            "a proxy has one backend, without a name; for several write chenapan run \
                --backend NAME=ADDRESS --backend ... -- COMMAND, or a scenario"
                .to_owned(),
        ),
        _ if unknown || stray => {
            let word = if argument.is_empty() { &command } else { &argument };
            for_word(word, words, registry)
        }
        ErrorKind::MissingRequiredArgument => for_missing(&error, words),
        _ => None,
    };
    if stray {
        let mut other = Error::new(ErrorKind::UnknownArgument).with_cmd(shown);
        other.insert(ContextKind::InvalidArg, ContextValue::String(command));
        error = other;
    }
    // Names for those who type a lot: nobody means them by a longer word.
    if let Some(ContextValue::Strings(names)) = error.get(ContextKind::SuggestedSubcommand)
        && names.iter().any(|name| name.len() <= SHORT_NAME)
    {
        let long: Vec<_> = names.iter().filter(|name| name.len() > SHORT_NAME).cloned().collect();
        let names = if long.is_empty() {
            // A name that is short itself, such as `add`, and none of its shorter forms.
            names.iter().max_by_key(|name| name.len()).cloned().into_iter().collect()
        } else {
            long
        };
        let value = match &names[..] {
            [name] => ContextValue::String(name.clone()),
            _ => ContextValue::Strings(names),
        };
        error.insert(ContextKind::SuggestedSubcommand, value);
    }
    if let Some(hint) = hint {
        // These speak of what was not meant.
        for kind in
            [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::Usage]
        {
            error.remove(kind);
        }
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    }
    error
}

/// Tells several servers, or one with a name: that is what `run` and scenarios are for.
fn several_backends(error: &Error, argument: &str, value: &str) -> bool {
    let named = value.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
    });
    let twice = error.kind() == ErrorKind::ArgumentConflict;
    argument.starts_with("--backend") && (twice || named)
}

/// Returns a hint for a word that no command takes.
fn for_word(word: &str, words: &[String], registry: &Registry) -> Option<String> {
    if [".yaml", ".yml"].iter().any(|ending| word.ends_with(ending)) {
        return Some(format!("write chenapan scenario run {word}"));
    }
    if let Some((_, hint)) = SHORT.iter().find(|(short, _)| *short == word) {
        return Some((*hint).to_owned());
    }
    if let Some(flag) = word.strip_prefix("--") {
        // --delay 5s, --delay=5s
        if registry.find_behavior(flag).is_ok() {
            let joined = words.iter().find_map(|given| given.strip_prefix(word)?.strip_prefix('='));
            let at = words.iter().position(|given| given == word);
            let next = at.and_then(|at| words.get(at + 1)).map(String::as_str);
            let value = joined.or(next).unwrap_or_default();
            return Some(format!("write --behavior {}", rule(flag, value, registry)));
        }
    } else if let Some(rule) = stray_rule(word, words, registry) {
        return Some(format!("write --behavior {rule}"));
    }
    let name = word.split('=').next().unwrap_or_default();
    if let Some(written) = instead(name) {
        let written = written.replace("the behavior ", "--behavior ");
        return Some(written.replace("the protocol ", "--protocol "));
    }
    is_address(word).then(|| match words.first().map(String::as_str) {
        Some("send" | "run") => format!("write --backend {word}"),
        Some("echo") => format!("write --listen {word}"),
        Some("endpoint") => {
            format!("write chenapan endpoint connect {word}, or chenapan endpoint listen {word}")
        }
        _ => "write chenapan --listen PORT --backend HOST:PORT".to_owned(),
    })
}

/// A rule, or a part of one, that stands alone: `--behavior delay 500ms`.
fn stray_rule(word: &str, words: &[String], registry: &Registry) -> Option<String> {
    let reads = |text: &str| Rule::parse(text, registry, &Defaults::new()).is_ok();
    let at = words.iter().position(|given| given == word)?;
    let before = |back: usize| at.checked_sub(back).and_then(|at| words.get(at));
    if let (Some(flag), Some(name)) = (before(2), before(1))
        && flag == "--behavior"
    {
        let joined = format!("{name}:{word}");
        return if reads(&joined) {
            Some(joined)
        } else {
            meant(&format!("{name} {word}"), registry)
        };
    }
    (reads(word) && word.parse::<u64>().is_err()).then(|| word.to_owned())
}

/// A rule of this behavior, with a value where that fits its first option.
fn rule(name: &str, value: &str, registry: &Registry) -> String {
    meant(&format!("{name} {value}"), registry).unwrap_or_else(|| name.to_owned())
}

fn is_address(word: &str) -> bool {
    let port = word.rsplit(':').next().unwrap_or_default();
    port.parse::<u16>().is_ok() || word.contains("://")
}

/// Returns a hint for a missing argument.
fn for_missing(error: &Error, words: &[String]) -> Option<String> {
    let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let misses = |name: &str| missing.iter().any(|given| given.starts_with(name));
    match words.first().map(String::as_str) {
        Some("run") if misses("<COMMAND>") => Some(
            "the command follows after --, as in chenapan run --backend HOST:PORT delay -- \
             curl http://{proxy}/"
                .to_owned(),
        ),
        Some("run" | "send") | None => None,
        Some(_) if misses("--backend") => {
            Some("--backend HOST:PORT is the server to stand in front of".to_owned())
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::commands;
    use super::*;
    use chenapan_engine::endpoint::Kinds;

    #[test]
    fn arguments_that_are_refused_say_what_would_do() {
        let (registry, kinds) = (chenapan_engine::registry(), Kinds::new());
        for (line, hint) in [
            ("--backend 80 --behavior delay 500ms", "write --behavior delay:sleep=500ms"),
            ("--backend 80 --behavior delay jitter=5ms", "write --behavior delay:jitter=5ms"),
            ("--behavior delay 500ms --backend 80", "write --behavior delay:sleep=500ms"),
            ("--backend 80 delay:sleep=5s", "write --behavior delay:sleep=5s"),
            ("--backend 80 20:delay,5:error", "write --behavior 20:delay,5:error"),
            ("--backend 80 --delay 5s", "write --behavior delay:sleep=5s"),
            ("--backend 80 --throttle=10kB/s", "write --behavior throttle:rate=10kB/s"),
            ("--backend 80 --latency 5s", "write --behavior delay:sleep=250ms"),
            ("--backend 80 --toxic latency", "write --behavior NAME:option=value"),
            ("8000 127.0.0.1:80", "write chenapan --listen PORT --backend HOST:PORT"),
            ("-l 8000 -b 80", "write --listen ADDRESS"),
            ("create web", "write chenapan --listen PORT --backend HOST:PORT"),
            ("chaos.yaml", "write chenapan scenario run chaos.yaml"),
            ("scenario chaos.yaml", "write chenapan scenario run chaos.yaml"),
            ("send 127.0.0.1:1", "write --backend 127.0.0.1:1"),
            ("endpoint 127.0.0.1:80", "write chenapan endpoint connect 127.0.0.1:80"),
            ("--listen 8000", "--backend HOST:PORT is the server to stand in front of"),
            ("run curl http://x", "the command follows after --"),
            ("run --backend 80 delay curl x", "the command follows after --"),
        ] {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            let given = std::iter::once("chenapan".to_owned()).chain(words.clone());
            let error = commands::command(&registry, &kinds).try_get_matches_from(given);
            let said = with_words(
                error.expect_err(line),
                &words,
                &registry,
                &commands::shown(&registry, &kinds),
            )
            .to_string();
            assert!(said.contains(&format!("tip: {hint}")), "{line}: {said}");
            assert!(!said.contains("cannot be used with"), "{line}: {said}");
        }
    }

    #[test]
    fn a_command_after_options_is_still_a_conflict() {
        let (registry, kinds) = (chenapan_engine::registry(), Kinds::new());
        let words: Vec<_> = ["--backend", "80", "demo"].map(str::to_owned).to_vec();
        let given = std::iter::once("chenapan".to_owned()).chain(words.clone());
        let error = commands::command(&registry, &kinds).try_get_matches_from(given);
        let said =
            with_words(error.unwrap_err(), &words, &registry, &commands::shown(&registry, &kinds))
                .to_string();
        assert!(said.contains("the subcommand 'demo' cannot be used with"), "{said}");
    }
}
