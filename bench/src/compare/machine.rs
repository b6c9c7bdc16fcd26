//! The machine that figures belong to.

use crate::compare::date;
use std::{fs, thread};

/// Description of the machine that stands above the tables.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The day of the run, in UTC.
    pub(crate) date: String,
    /// Number of cores that this process may use.
    pub(crate) cores: usize,
    /// Name of the processor.
    pub(crate) processor: String,
    /// The release of the kernel.
    pub(crate) kernel: String,
    /// The load average over the last minute before the run: well above 0 means noise.
    pub(crate) load: String,
}

impl Machine {
    /// Looks at this machine.
    pub(crate) fn read() -> Self {
        let load = file("/proc/loadavg");
        Self {
            date: date::today(),
            cores: thread::available_parallelism().map_or(1, Into::into),
            processor: processor(&file("/proc/cpuinfo")),
            kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
        }
    }
}

fn file(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn processor(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(": ")).map(|(_, name)| name);
    name.unwrap_or("unknown processor").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_names_itself() {
        assert_eq!(processor("processor\t: 0\nmodel name\t: Abacus 3\n"), "Abacus 3");
        assert_eq!(processor("CPU part : 0xd0c\n"), "unknown processor");
    }
}
