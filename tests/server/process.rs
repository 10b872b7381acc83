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
