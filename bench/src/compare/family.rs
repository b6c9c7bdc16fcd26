//! A process with its descendants, read from /proc: their processor time and their memory.

use rustix::param::clock_ticks_per_second;
use std::fs;
use std::time::Duration;

/// Fields of `/proc/PID/stat` of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The process.
    pub(crate) pid: u32,
    parent: u32,
    group: u32,
    // User and system time, its own and that of the children it has waited for.
    ticks: u64,
    ended: bool,
}

impl Stat {
    /// Reads the one line of the file.
    fn parse(text: &str) -> Option<Self> {
        // The name stands in brackets and may hold anything, brackets and spaces too.
        let (start, rest) = text.rsplit_once(") ")?;
        let pid = start.split_once(" (")?.0.parse().ok()?;
        // proc(5) counts from 1, and the rest begins with field 3.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            pid,
            parent: u32::try_from(field(4)?).ok()?,
            group: u32::try_from(field(5)?).ok()?,
            ticks: field(14)? + field(15)? + field(16)? + field(17)?,
            // A zombie, or the moment after.
            ended: matches!(*fields.first()?, "Z" | "X"),
        })
    }
}

/// The members of a started process's family: its process group and its descendants.
pub(crate) fn of(leader: u32) -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let all: Vec<Stat> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let pid: u32 = name.to_str()?.parse().ok()?;
            Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
        })
        .collect();
    members(&all, leader)
}

/// Returns `true` if a member of a family still runs.
pub(crate) fn lives(leader: u32) -> bool {
    of(leader).iter().any(|stat| !stat.ended)
}

/// The processor time that a family has used so far.
///
/// Members that ended count when their parent has waited for them.
pub(crate) fn processor_time(leader: u32) -> Duration {
    let ticks: u64 = of(leader).iter().map(|stat| stat.ticks).sum();
    Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64)
}

/// The memory of a family in bytes; pages that several members share count once.
pub(crate) fn memory(leader: u32) -> u64 {
    of(leader).iter().filter_map(|stat| resident(stat.pid)).sum()
}

/// The most memory that the members of a family have had, in bytes, each at its own time.
pub(crate) fn peak_memory(leader: u32) -> u64 {
    let peak = |pid| kibibytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmHWM:");
    of(leader).iter().filter_map(|stat| peak(stat.pid)).sum()
}

fn resident(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
    rollup.ok().and_then(|text| kibibytes(&text, "Pss:")).or_else(|| {
        // A kernel without smaps_rollup: shared pages then count for each process.
        kibibytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmRSS:")
    })
}

/// Bytes in a line such as `Pss:   534 kB`.
fn kibibytes(text: &str, label: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(label))?;
    Some(value.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

fn members(all: &[Stat], leader: u32) -> Vec<Stat> {
    let (mut family, mut others): (Vec<Stat>, Vec<Stat>) =
        all.iter().partition(|stat| stat.pid == leader || stat.group == leader);
    loop {
        let (children, rest): (Vec<Stat>, Vec<Stat>) = others
            .into_iter()
            .partition(|stat| family.iter().any(|member| member.pid == stat.parent));
        if children.is_empty() {
            return family;
        }
        family.extend(children);
        others = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "4711 (a ) b (c) S 7 4711 99 0 -1 4194560 1 2 3 4 10 20 300 4000 20 0 1 0";

    #[test]
    fn a_name_may_hold_brackets_and_spaces() {
        let stat = Stat { pid: 4711, parent: 7, group: 4711, ticks: 4330, ended: false };
        assert_eq!(Stat::parse(LINE), Some(stat));
    }

    #[test]
    fn a_zombie_has_ended() {
        assert!(Stat::parse(&LINE.replace(") S 7", ") Z 7")).unwrap().ended);
    }

    #[test]
    fn a_torn_line_is_no_stat() {
        for end in 0..LINE.find(" 4000").unwrap() + 1 {
            assert_eq!(Stat::parse(&LINE[..end]), None, "{}", &LINE[..end]);
        }
    }

    #[test]
    fn our_own_process_is_in_its_family() {
        let pid = std::process::id();
        assert!(of(pid).iter().any(|stat| stat.pid == pid));
        assert!(memory(pid) > 100_000 && peak_memory(pid) > 100_000);
    }

    #[test]
    fn a_family_is_the_group_and_all_descendants() {
        let stat = |pid, parent, group| Stat { pid, parent, group, ticks: 1, ended: false };
        let all = [
            stat(1, 0, 1),
            stat(14, 13, 13), // a grandchild that left the group
            stat(10, 1, 10),
            stat(11, 10, 10),
            stat(12, 1, 10), // orphaned, still in the group
            stat(13, 10, 13),
            stat(20, 1, 20),
        ];
        let mut pids: Vec<u32> = members(&all, 10).iter().map(|stat| stat.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [10, 11, 12, 13, 14]);
    }

    #[test]
    fn memory_lines_are_kibibytes() {
        let text =
            "55648c065000-7fff [rollup]\nRss:  1832 kB\nPss:       534 kB\nPss_Dirty: 1 kB\n";
        assert_eq!(kibibytes(text, "Pss:"), Some(534 * 1024));
        assert_eq!(kibibytes(text, "Swap:"), None);
    }
}
