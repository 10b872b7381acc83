//! Processes as Linux shows them in `/proc`.

use std::collections::{HashMap, HashSet};
use std::fs;

/// A process; its start time tells it from a later one of the same number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    pub pid: u32,
    start: u64,
    pub name: String,
}

/// Parent and process of every process that is no zombie.
fn all() -> Vec<(u32, Process)> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold anything, so fields are counted from its last parenthesis.
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        (fields[0] != "Z").then(|| {
            (fields[1].parse().unwrap(), Process { pid, start: fields[19].parse().unwrap(), name: name.to_owned() })
        })
    })
    .collect()
}

/// Children of `pid`, their children, and so on.
pub fn descendants(pid: u32) -> Vec<Process> {
    let mut children: HashMap<u32, Vec<Process>> = HashMap::new();
    for (parent, process) in all() {
        children.entry(parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut next = vec![pid];
    while let Some(pid) = next.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            next.push(child.pid);
            found.push(child);
        }
    }
    found
}

/// Those of `processes` that still run.
pub fn alive(processes: &[Process]) -> Vec<Process> {
    let running: HashSet<Process> = all().into_iter().map(|(_, process)| process).collect();
    processes.iter().filter(|process| running.contains(process)).cloned().collect()
}

/// How many Deno processes below `pid` have `bytes` in memory that they can write to.
pub fn workers_with(pid: u32, bytes: &[u8]) -> usize {
    let workers: Vec<_> = descendants(pid).into_iter().filter(|process| process.name.starts_with("deno")).collect();
    assert!(!workers.is_empty(), "no worker runs");
    workers.iter().filter(|worker| holds(worker.pid, bytes)).count()
}

fn holds(pid: u32, bytes: &[u8]) -> bool {
    use std::os::unix::fs::FileExt as _;

    // A pool's process may end while it is looked at.
    let (Ok(maps), Ok(memory)) =
        (fs::read_to_string(format!("/proc/{pid}/maps")), fs::File::open(format!("/proc/{pid}/mem")))
    else {
        return false;
    };
    maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw"))).any(|line| {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let (mut at, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        let mut buffer = vec![0; 8 << 20];
        while at < end {
            let want = usize::try_from(end - at).unwrap().min(buffer.len());
            // Most of what V8 reserves is not there.
            let Ok(read) = memory.read_at(&mut buffer[..want], at) else { break };
            if memchr::memmem::find(&buffer[..read], bytes).is_some() {
                return true;
            }
            if read < bytes.len() {
                break;
            }
            at += (read - bytes.len() + 1) as u64;
            if end - at < bytes.len() as u64 {
                break;
            }
        }
        false
    })
}
