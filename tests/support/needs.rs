//! Tests that need what not every machine has: without it they are ignored, and the last line says why.
//!
//! A binary with such tests has no harness of the compiler's (`harness = false`), since that one cannot ignore a test
//! at run time. So each test stands in a list, and one that does not is an unused function.

use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// A test and what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    pub name: &'static str,
    pub run: fn(),
    pub needs: &'static [Need],
}

/// Something that not every machine has.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// A program by its name.
    Program(&'static str),
    /// A file by its path.
    File(&'static str),
    /// A package of the Python that `CHENAPAN_PYTHON` names, or else of `python3`.
    Python(&'static str),
    /// A package of that Python which it cannot import, since it is for an older one.
    Source(&'static str),
    /// A module in the folder `CHENAPAN_NODE_MODULES`.
    Node(&'static str),
    /// The rights to start servers as users of their own.
    Root,
    /// An address of version 6 on the loopback interface.
    Ipv6,
}

/// The tests of a module: names, each with what it needs.
macro_rules! tests {
    ($($(#[$attribute:meta])* $name:ident $(needs $($need:expr),+)?;)*) => {{
        #[allow(unused_imports, reason = "there may be none that needs anything")]
        use $crate::support::needs::Need::{File, Ipv6, Node, Program, Python, Root, Source};
        &[$(
            $(#[$attribute])*
            $crate::support::needs::Test {
                name: concat!(module_path!(), "::", stringify!($name)),
                run: $name,
                needs: &[$($($need),+)?],
            }
        ),*]
    }};
}
pub(crate) use tests;

impl Need {
    fn is_there(self) -> bool {
        match self {
            Need::Program(name) => find(name).is_some(),
            Need::File(path) => Path::new(path).exists(),
            Need::Python(package) => {
                let mut command = Command::new(python());
                command.args(["-c", &format!("import {package}")]).stderr(Stdio::null());
                command.status().is_ok_and(|status| status.success())
            }
            Need::Source(package) => {
                let found =
                    format!("__import__('importlib.util').util.find_spec('{package}').origin");
                let mut command = Command::new(python());
                command.args(["-c", &found]).stderr(Stdio::null());
                command.status().is_ok_and(|status| status.success())
            }
            Need::Node(module) => modules().join(module).exists(),
            Need::Root => rustix::process::geteuid().is_root(),
            Need::Ipv6 => TcpListener::bind("[::1]:0").is_ok(),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::Program(name) => write!(f, "{name} is not installed"),
            Need::File(path) => write!(f, "{path} is not there"),
            Need::Python(package) | Need::Source(package) => {
                write!(f, "{} has no package {package}", python().display())
            }
            Need::Node(module) => write!(f, "CHENAPAN_NODE_MODULES has no {module}"),
            Need::Root => f.write_str("this is not root"),
            Need::Ipv6 => f.write_str("this machine has no IPv6"),
        }
    }
}

/// A program by its name, also among those of the system's administrator.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    places.map(|place| place.join(name)).find(|file| file.is_file())
}

/// The Python to use.
pub fn python() -> PathBuf {
    std::env::var_os("CHENAPAN_PYTHON").unwrap_or_else(|| "python3".into()).into()
}

/// The folder with modules of Node.
pub fn modules() -> PathBuf {
    std::env::var_os("CHENAPAN_NODE_MODULES").unwrap_or_default().into()
}

/// Runs the tests of a binary whose sources are at this path, below the package; arguments and output are those of
/// `cargo test`. What a test needs and is not there makes it ignored, or failed with `CHENAPAN_REQUIRE_SERVERS=1`.
pub fn main(tests: &[&[Test]], sources: &'static str) -> ExitCode {
    let arguments = Arguments::from_args();
    let required = std::env::var_os("CHENAPAN_REQUIRE_SERVERS").is_some_and(|set| set == "1");
    let mut asked = BTreeMap::new();
    let mut missing = |test: &Test| -> Vec<String> {
        let lacks =
            |need: &&Need| !*asked.entry(need.to_string()).or_insert_with(|| need.is_there());
        test.needs.iter().filter(lacks).map(ToString::to_string).collect()
    };
    let mut left_out: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut trials = Vec::new();
    for test in tests.iter().copied().flatten() {
        let name = test.name.split_once("::").map_or(test.name, |(_, name)| name);
        let missing = missing(test).join(", ");
        if !missing.is_empty() && !required {
            left_out.entry(missing.clone()).or_default().push(name);
        }
        let ignored = !missing.is_empty() && !required;
        let run = test.run;
        let trial = Trial::test(name, move || {
            if !missing.is_empty() {
                return Err(Failed::from(missing));
            }
            run();
            Ok(())
        });
        trials.push(trial.with_ignored_flag(ignored));
    }
    trials.push(Trial::test("every_test_is_in_a_list", move || unlisted(sources)));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if conclusion.num_ignored > 0 && !arguments.list {
        let count: usize = left_out.values().map(Vec::len).sum();
        println!("left out, {count} of this binary's tests:");
        for (why, names) in &left_out {
            println!("    {why}: {}", names.join(", "));
        }
    }
    conclusion.exit_code()
}

/// Fails where a source has a test for the compiler's harness: nothing would ever run it.
fn unlisted(sources: &str) -> Result<(), Failed> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(sources);
    let files = match place.is_dir() {
        false => vec![place],
        true => fs::read_dir(place)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_, std::io::Error>>()?,
    };
    let sources = files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "rs"));
    for file in sources {
        if fs::read_to_string(file)?.lines().any(|line| line.trim() == "#[test]") {
            let name = file.display();
            return Err(
                format!("{name}: write this test's name into TESTS instead of #[test]").into()
            );
        }
    }
    Ok(())
}
