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

/// Which of `texts` stand in the memory of Deno processes below `pid`: all of it but what is a file's own.
pub fn in_workers(pid: u32, texts: &[String]) -> Vec<String> {
    let workers: Vec<_> = descendants(pid).into_iter().filter(|process| process.name.starts_with("deno")).collect();
    assert!(!workers.is_empty(), "no worker runs");
    let finder = aho_corasick::AhoCorasick::new(texts).unwrap();
    let mut found = HashSet::new();
    for worker in workers {
        for memory in present(worker.pid) {
            found.extend(finder.find_overlapping_iter(&memory).map(|hit| hit.pattern().as_usize()));
        }
    }
    texts.iter().enumerate().filter(|(number, _)| found.contains(number)).map(|(_, text)| text.clone()).collect()
}

/// Each run of pages of `pid` that are there: most of what V8 reserves is not.
fn present(pid: u32) -> Vec<Vec<u8>> {
    use std::os::unix::fs::FileExt as _;

    const PAGE: u64 = 4096;
    let open = |name: &str| fs::File::open(format!("/proc/{pid}/{name}"));
    // A pool's process may end while it is looked at.
    let (Ok(maps), Ok(memory), Ok(pagemap)) =
        (fs::read_to_string(format!("/proc/{pid}/maps")), open("mem"), open("pagemap"))
    else {
        return Vec::new();
    };
    let mut runs: Vec<Vec<u8>> = Vec::new();
    for line in maps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (rights, file) = (words[1], words.get(5).is_some_and(|name| name.starts_with('/')));
        if !rights.starts_with('r') || (file && !rights.starts_with("rw")) || line.ends_with("[vsyscall]") {
            continue;
        }
        let (start, end) = words[0].split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        let mut entries = vec![0; usize::try_from((end - start) / PAGE * 8).unwrap()];
        if pagemap.read_exact_at(&mut entries, start / PAGE * 8).is_err() {
            continue;
        }
        // In memory or swapped out.
        let is_there = |entry: &[u8]| u64::from_ne_bytes(entry.try_into().unwrap()) >> 62 != 0;
        let mut next = None;
        for (number, _) in entries.chunks(8).enumerate().filter(|(_, entry)| is_there(entry)) {
            let at = start + number as u64 * PAGE;
            let mut page = vec![0; usize::try_from(PAGE).unwrap()];
            if memory.read_exact_at(&mut page, at).is_err() {
                continue;
            }
            match runs.last_mut().filter(|_| next == Some(at)) {
                Some(run) => run.extend(page),
                None => runs.push(page),
            }
            next = Some(at + PAGE);
        }
    }
    runs
}

/// How a text may stand in memory.
pub fn forms(text: &str) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    // What surrounds it decides where it falls among the characters of base64; those that hold a bit of it alone count.
    let aligned = (0..3).map(|before| {
        let whole = STANDARD.encode(format!("{}{text}", &"::"[..before]));
        let first = (before * 8).div_ceil(6);
        whole[first..(before + text.len()) * 8 / 6].to_owned()
    });
    let wide: String = text.chars().flat_map(|c| [c, '\0']).collect();
    let (lower, upper) = (hex::encode(text), hex::encode_upper(text));
    let mut all: Vec<_> =
        [text.to_owned(), wide, lower, upper, URL_SAFE.encode(text)].into_iter().chain(aligned).collect();
    all.dedup();
    all
}
