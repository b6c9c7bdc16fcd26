//! Child processes, and what they start: none outlives what it was started for.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Command;

/// The most processes that are looked at below one.
const MOST: usize = 10_000;

/// Gives a process a group of its own, and has the system kill it when this program dies, however
/// that is.
pub fn tie(command: &mut Command) -> &mut Command {
    command.process_group(0).kill_on_drop(true);
    kill_with_parent(command);
    command
}

/// Has the system kill a process when this program dies.
///
/// The system means the thread that has started it, so that must be one that stays.
#[allow(unsafe_code)]
pub fn kill_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        let parent = rustix::process::getpid();
        // SAFETY: Between fork and exec it makes two system calls, which allocate nothing and take
        // no lock.
        unsafe {
            command.pre_exec(move || {
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
                match rustix::process::getppid() == Some(parent) {
                    true => Ok(()),
                    // It has died before that was said.
                    false => Err(rustix::io::Errno::SRCH.into()),
                }
            });
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// Sends a signal to a process's group, and to what it has started that went out of the group.
pub fn signal(group: Pid, signal: Signal) {
    let below = descendants(group);
    // They may have ended by themselves.
    let _ = kill_process_group(group, signal);
    for process in below {
        if rustix::process::getpgid(Some(process)).is_ok_and(|of| of != group) {
            let _ = kill_process(process, signal);
        }
    }
}

/// Returns the processes that one has started, and those that they have started in turn. A process
/// that has lost its parent is not found.
fn descendants(of: Pid) -> Vec<Pid> {
    let mut found = vec![of];
    let mut next = 0;
    while let Some(&process) = found.get(next).filter(|_| found.len() < MOST) {
        next += 1;
        let tasks = format!("/proc/{}/task", process.as_raw_nonzero());
        for task in std::fs::read_dir(tasks).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children"));
            let children = children.unwrap_or_default();
            let numbers = children.split_whitespace().filter_map(|number| number.parse().ok());
            found.extend(numbers.filter_map(Pid::from_raw));
        }
    }
    found.split_off(1)
}
