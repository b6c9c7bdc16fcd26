//! A process that outlives this one by a moment, to end the proxies however this one ended.

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::{env, mem};

/// The guarding process. It learns of process groups, and kills those it still holds when its
/// standard input ends. The directory for temporary files is its own, and goes with it.
#[derive(Debug)]
pub(crate) struct Guard {
    // Held for its standard input.
    child: Mutex<Child>,
    directory: PathBuf,
}

impl Guard {
    /// Starts it, in a process group of its own so that Ctrl-C does not reach it.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let program = env::current_exe().context("could not find this program's own path")?;
        let mut child = Command::new(program)
            .arg("guard")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("could not start the guard process")?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).context("could not hear the guard")?;
        }
        let guard = Self { child: Mutex::new(child), directory: line.trim_end().into() };
        ensure!(guard.directory.is_dir(), "the guard process did not name its directory");
        Ok(guard)
    }

    /// Returns the directory for temporary files.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// From now on this process group must not outlive us.
    pub(crate) fn hold(&self, group: u32) {
        self.tell(&format!("hold {group}\n"));
    }

    /// This process group has ended.
    pub(crate) fn free(&self, group: u32) {
        self.tell(&format!("free {group}\n"));
    }

    fn tell(&self, line: &str) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(input) = &mut child.stdin {
            // Without the guard, `Drop` still ends what was started.
            let _ = input.write_all(line.as_bytes());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(mem::take(&mut child.stdin));
        let _ = child.wait();
    }
}

/// The guard's own work.
pub(crate) fn watch() -> anyhow::Result<()> {
    let directory = tempfile::Builder::new()
        .prefix("chenapan-compare-")
        .tempdir()
        .context("could not make a temporary directory")?;
    println!("{}", directory.path().display());
    let mut held = BTreeSet::new();
    for line in io::stdin().lock().lines() {
        match order(&line.context("could not read orders")?) {
            Some(Order::Hold(group)) => held.insert(group),
            Some(Order::Free(group)) => held.remove(&group),
            None => false,
        };
    }
    for group in held {
        if let Some(group) = Pid::from_raw(group) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
enum Order {
    Hold(i32),
    Free(i32),
}

fn order(line: &str) -> Option<Order> {
    let (verb, group) = line.split_once(' ')?;
    // 0 and 1 would mean our own group and everybody.
    let group = group.parse().ok().filter(|group| *group > 1)?;
    match verb {
        "hold" => Some(Order::Hold(group)),
        "free" => Some(Order::Free(group)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_name_one_group() {
        assert_eq!(order("hold 4711"), Some(Order::Hold(4711)));
        assert_eq!(order("free 4711"), Some(Order::Free(4711)));
    }

    #[test]
    fn dangerous_or_unknown_orders_are_ignored() {
        for line in ["hold 0", "hold 1", "hold -7", "hold", "spare 5", ""] {
            assert_eq!(order(line), None, "{line}");
        }
    }
}
