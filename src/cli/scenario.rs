//! `chenapan scenario`: runs files, checks them, explains them.
//!
//! It only reads arguments and prints; the scenario runs in the library.

mod shrink;
mod starter;

use super::arguments::{random_seed, seed};
use super::serve::{on_runtime, raise_descriptor_limit};
use super::signals::{Second, Signals};
use super::terminal::width;
use super::{Failure, mention, print, tell};
use anstyle::AnsiColor;
use chenapan_core::Registry;
use chenapan_engine::endpoint::{Kinds, plain};
use chenapan_engine::outlet;
use chenapan_scenario::report::console::{Console, Detail};
use chenapan_scenario::report::{self, FORMATS, Format};
use chenapan_scenario::{Outcome, Scenario, Settings, adopt, run};
use clap::{Args, Subcommand, ValueEnum};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run scenarios; the exit code is the verdict
    ///
    /// Exit codes: 0 success, 1 an expectation failed, 2 bad file or usage, 3 something failed to run.
    Run(Run),
    /// Check files without running them
    Check {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Give a variable of the file another value
        #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
    },
    /// Write a JSON Schema of scenario files, for editors, or of the report
    Schema {
        /// Document to describe
        #[arg(default_value = "scenario")]
        of: SchemaOf,
    },
    /// Write a scenario to start from, with comments
    Init {
        /// File to write it to; standard output if not given
        file: Option<PathBuf>,
    },
    /// Run a scenario again with the seed of a journal, and compare the faults
    Replay {
        /// The journal of an earlier run
        journal: PathBuf,
        /// The scenario
        file: PathBuf,
        /// Give a variable of the file another value
        #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
    },
    /// Find the fewest rules, and the first connection, with which a scenario still fails
    Shrink {
        /// The scenario
        file: PathBuf,
        /// Decide every draw; a random one is chosen and printed if not given
        #[arg(long, value_name = "N", env = "CHENAPAN_SEED", hide_env = true, value_parser = seed)]
        seed: Option<u64>,
        /// Give a variable of the file another value
        #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    Scenario,
    Report,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Random seed, instead of the one in the file
    #[arg(long, value_name = "N", env = "CHENAPAN_SEED", hide_env = true, value_parser = seed)]
    seed: Option<u64>,
    /// Only phases with this in their name; may be repeated
    #[arg(long, value_name = "PHASE")]
    only: Vec<String>,
    #[arg(long, value_name = "FORM=FILE", value_parser = pair, help = report_help())]
    report: Vec<(String, String)>,
    /// Give a variable of the file another value; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Write a line of JSON for each fault
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Show what would be run, and run nothing
    #[arg(long)]
    dry_run: bool,
    /// Show every expectation, also of phases that held
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn scenario(
    command: &Command,
    registry: &Registry,
    kinds: &Kinds,
) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run_files(args, registry, kinds),
        Command::Check { files, set } => check(files, registry, kinds, set),
        Command::Schema { of } => {
            let schema = serde_json::to_string_pretty(&match of {
                SchemaOf::Scenario => crate::doc::scenario_schema(registry),
                SchemaOf::Report => report::json::schema(),
            });
            print(&(schema.map_err(Failure::run)? + "\n"))
        }
        Command::Init { file } => starter::write(file.as_deref()),
        Command::Replay { journal, file, set } => {
            shrink::replay(journal, &read(file, registry, kinds, set)?)
        }
        Command::Shrink { file, seed, set } => {
            let scenario = read(file, registry, kinds, set)?;
            let seed = seed.or(scenario.seed).unwrap_or_else(random_seed);
            shrink::shrink(scenario, seed)
        }
    }
}

fn read(
    file: &Path,
    registry: &Registry,
    kinds: &Kinds,
    set: &[(String, String)],
) -> Result<Scenario, Failure> {
    let mut read = read_all(&[file], registry, kinds, set, |_| Ok(()))?;
    read.pop().ok_or_else(|| Failure::usage("no file was given"))
}

/// Reads files, and reports all mistakes in all of them; calls `right` for those without any.
fn read_all(
    files: &[impl AsRef<Path>],
    registry: &Registry,
    kinds: &Kinds,
    set: &[(String, String)],
    mut right: impl FnMut(&Scenario) -> Result<(), Failure>,
) -> Result<Vec<Scenario>, Failure> {
    let (mut scenarios, mut mistakes, mut wrong) = (Vec::new(), Vec::new(), 0);
    for file in files {
        match Scenario::checked(file.as_ref(), registry, kinds, set) {
            Ok(scenario) => {
                right(&scenario)?;
                scenarios.push(scenario);
            }
            Err(found) => {
                wrong += 1;
                mistakes.extend(found);
            }
        }
    }
    match mistakes.as_slice() {
        [] => Ok(scenarios),
        [only] if files.len() == 1 => Err(Failure::usage(only)),
        all => {
            all.iter().for_each(|mistake| tell(mistake));
            let (found, files) = (counted(all.len(), "mistake"), counted(wrong, "file"));
            Err(Failure::Usage(format!("{found} in {files}")))
        }
    }
}

fn check(
    files: &[PathBuf],
    registry: &Registry,
    kinds: &Kinds,
    set: &[(String, String)],
) -> Result<(), Failure> {
    let right = |scenario: &Scenario| {
        print(&format!("{}: {}\n", scenario.file.display(), contents(scenario)))
    };
    read_all(files, registry, kinds, set, right).map(|_| ())
}

fn run_files(args: &Run, registry: &Registry, kinds: &Kinds) -> Result<(), Failure> {
    let reports = args.report.iter().map(|(form, file)| Ok((format(form)?, file)));
    let reports: Vec<_> = reports.collect::<Result<_, Failure>>()?;
    let scenarios = read_all(&args.files, registry, kinds, &args.set, |_| Ok(()))?;
    let phases = || scenarios.iter().flat_map(|scenario| &scenario.phases);
    let known = |name: &String| phases().any(|phase| phase.name.contains(name));
    if let Some(name) = args.only.iter().find(|name| !known(name)) {
        let phases: Vec<_> = phases().map(|phase| phase.name.as_str()).collect();
        let phases = phases.join(", ");
        return Err(Failure::usage(format!("--only {name}: no such phase; there are {phases}")));
    }
    if args.dry_run {
        return scenarios.iter().try_for_each(|scenario| print(&plan(scenario, &args.only)));
    }
    let several = scenarios.len() > 1;
    let mut ends = Ends { all: scenarios.len(), ..Ends::default() };
    for (number, scenario) in scenarios.iter().enumerate() {
        let journal = args.journal.as_ref();
        let journal =
            journal.map(|file| numbered(&file.to_string_lossy(), number, scenarios.len()));
        let mut console =
            Console::stderr(if args.verbose { Detail::All } else { Detail::Failed }, width());
        if several {
            console.heading(&scenario.file.display().to_string(), number == 0);
        }
        let outcome = match run_one(scenario, args, journal, &mut console) {
            Ok(outcome) => outcome,
            // The others may still be run.
            Err(Ended::Broken(error)) if several => {
                tell(&error);
                ends.broken.push(scenario.file.display().to_string());
                continue;
            }
            Err(Ended::Broken(error)) => return Err(Failure::Run(error)),
            Err(Ended::Failed(failure)) => return Err(failure),
        };
        for (format, file) in &reports {
            write_report(format, &numbered(file, number, scenarios.len()), &outcome)?;
        }
        if std::env::var_os("GITHUB_ACTIONS").is_some() {
            print(&report::github::github(&outcome))?;
        }
        if outcome.panicked() {
            ends.panicked.push(scenario.file.display().to_string());
        } else if !outcome.held {
            ends.failed.push(scenario.file.display().to_string());
        }
    }
    ends.sum()
}

/// Returns the description of `--report`, from the table of formats.
fn report_help() -> String {
    let forms: Vec<_> = FORMATS.iter().map(|format| format!("{}=FILE", format.name)).collect();
    let forms = match forms.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        forms => forms.concat(),
    };
    format!("Write a report: {forms}; may be repeated")
}

fn format(name: &str) -> Result<&'static Format, Failure> {
    Format::find(name).ok_or_else(|| {
        let known: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
        Failure::usage(format!("--report {name}: expected one of {}", known.join(", ")))
    })
}

fn write_report(format: &Format, file: &Path, outcome: &Outcome) -> Result<(), Failure> {
    let text = format.write(outcome);
    let written = outlet::create(file).and_then(|out| outlet::deliver(out, text.into_bytes()));
    written.map_err(|error| Failure::run(format!("--report {}: {}", file.display(), plain(&error))))
}

/// Ends of all files of a run.
#[derive(Default)]
struct Ends {
    /// Number of files.
    all: usize,
    /// Files in which something did not hold.
    failed: Vec<String>,
    /// Files in which a plug-in has panicked.
    panicked: Vec<String>,
    /// Files that could not be run.
    broken: Vec<String>,
}

impl Ends {
    /// Tells the verdict on several files, which is the last line.
    fn sum(self) -> Result<(), Failure> {
        let Self { all, failed, panicked, broken } = self;
        if all == 1 && !panicked.is_empty() {
            return Err(Failure::run("no verdict: a plug-in has panicked"));
        }
        let parts = [
            (&failed, "failed"),
            (&panicked, "without a verdict, since a plug-in has panicked"),
            (&broken, "could not be run"),
        ];
        let parts = parts.iter().filter(|(files, _)| !files.is_empty());
        let told: Vec<_> = parts
            .map(|(files, what)| format!("{} {what} ({})", files.len(), files.join(", ")))
            .collect();
        let text = if told.is_empty() { "all held".to_owned() } else { told.join(", ") };
        let text = format!("{all} scenarios: {text}");
        if !broken.is_empty() || !panicked.is_empty() {
            return Err(Failure::Run(text));
        }
        let style = match failed.as_slice() {
            [] => AnsiColor::Green.on_default(),
            _ => AnsiColor::Red.on_default().bold(),
        };
        if all > 1 {
            mention(&format!("\n{style}{text}{style:#}\n"));
        }
        if failed.is_empty() { Ok(()) } else { Err(Failure::Verdict) }
    }
}

/// The report of one of several scenarios gets its number before the ending.
fn numbered(file: &str, number: usize, of: usize) -> PathBuf {
    let path = PathBuf::from(file);
    if of == 1 || file == "-" {
        return path;
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ending = path.extension().map_or(String::new(), |e| format!(".{}", e.to_string_lossy()));
    path.with_file_name(format!("{stem}-{}{ending}", number + 1))
}

/// Why a scenario has no outcome.
enum Ended {
    /// It could not be run.
    Broken(String),
    /// Nothing else shall be run either.
    Failed(Failure),
}

fn run_one<W: Write + Send>(
    scenario: &Scenario,
    args: &Run,
    journal: Option<PathBuf>,
    console: &mut Console<W>,
) -> Result<Outcome, Ended> {
    let settings = Settings {
        seed: args.seed.or(scenario.seed).unwrap_or_else(random_seed),
        only: args.only.clone(),
        journal,
    };
    let work = async { run(scenario, &settings, console).await };
    let outcome = interruptible(work).map_err(Ended::Failed)?;
    let outcome = outcome.map_err(|error| Ended::Broken(error.to_string()))?;
    console.verdict(&outcome);
    Ok(outcome)
}

/// Runs to the end or to a signal; then everything that was started is stopped by being dropped.
fn interruptible<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    raise_descriptor_limit();
    adopt();
    on_runtime(async {
        let mut signals = Signals::new(Second::Ends)?;
        tokio::select! {
            outcome = work => Ok(outcome),
            () = signals.next() => Err(Failure::run("interrupted: everything was stopped")),
        }
    })
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

fn contents(scenario: &Scenario) -> String {
    let proxies = scenario.proxies.len();
    let proxies = if proxies == 1 { "1 proxy".to_owned() } else { format!("{proxies} proxies") };
    let expectations = scenario.phases.iter().map(|phase| phase.expect.len()).sum();
    format!(
        "{proxies}, {}, {}, {}",
        counted(scenario.services.len(), "service"),
        counted(scenario.phases.len(), "phase"),
        counted(expectations, "expectation")
    )
}

fn plan(scenario: &Scenario, only: &[String]) -> String {
    let mut out = format!("{}: {}\n", scenario.name, contents(scenario));
    for proxy in &scenario.proxies {
        let listen: Vec<_> = proxy.config.listen.iter().map(ToString::to_string).collect();
        let (listen, backend) = (listen.join(", "), &proxy.config.backend);
        out += &format!(
            "proxy {}: {listen} to {backend}, {}\n",
            proxy.config.name,
            proxy.config.protocol.name()
        );
    }
    for service in &scenario.services {
        out += &format!("service {}: {}\n", service.name, service.run);
    }
    let chosen = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part));
    for phase in scenario.phases.iter().filter(|phase| chosen(&phase.name)) {
        let times = if phase.repeat == 1 { String::new() } else { format!(" x {}", phase.repeat) };
        out += &format!("phase {}{times}\n", phase.name);
        for (rules, proxy) in phase.rules.iter().zip(&scenario.proxies) {
            for rule in rules {
                out += &format!("  {}: {rule}\n", proxy.config.name);
            }
        }
        if let Some(command) = &phase.run {
            out += &format!("  run {}\n", command.text);
        }
        if let Some(load) = &phase.load {
            out += &format!("  load to {}\n", scenario.proxies[load.to].config.name);
        }
        for expected in &phase.expect {
            out += &format!("  expect {} {}\n", expected.subject, expected.bound);
        }
    }
    out
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
