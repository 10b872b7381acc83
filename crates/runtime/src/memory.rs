//! How many workers this machine's memory has room for.

use std::path::PathBuf;

/// What a worker of a small function takes, with its share of what all share.
const WORKER_MIB: u64 = 80;

/// How many workers, and how many processes that boot ahead of need, fit into half of the memory that this process may
/// use: the machine's, or its control group's where that is less. Where the system tells neither, a cautious guess.
pub fn room() -> (usize, usize) {
    let mib = [machine(), control_group()].into_iter().flatten().min().unwrap_or(4_096);
    let workers = usize::try_from(mib / 2 / WORKER_MIB).unwrap_or(usize::MAX).clamp(4, 256);
    (workers, (workers / 4).clamp(1, 3))
}

fn machine() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}

/// The least `memory.max` from this process's group up (cgroup v2).
fn control_group() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mut group = PathBuf::from("/sys/fs/cgroup").join(path);
    let mut least = None;
    while group.starts_with("/sys/fs/cgroup") {
        let limit =
            std::fs::read_to_string(group.join("memory.max")).ok().and_then(|text| text.trim().parse::<u64>().ok());
        least = [least, limit.map(|bytes| bytes >> 20)].into_iter().flatten().min();
        group.pop();
    }
    least
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_is_room_for_some_workers_everywhere() {
        let (workers, pool) = super::room();
        assert!((4..=256).contains(&workers) && (1..=3).contains(&pool), "{workers} {pool}");
    }
}
