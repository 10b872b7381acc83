//! The filter of system calls: those that Deno makes, and of some only with certain arguments. All others fail as if the
//! kernel did not have them, which programs are used to.
//!
//! Left out on purpose: `ptrace`, `process_vm_*`, `pidfd_*`, `kcmp` (other processes), `kill` (Deno signals its threads by `tgkill`),
//! `mount` and its kin, `unshare`, `setns`, `chroot`, `bpf`, `perf_event_open`, `keyctl` and its kin, `io_uring_*`, `userfaultfd`,
//! `memfd_*`, `seccomp`, `setuid` and its kin, `set*id`, `mknod`, `link`, `symlink`, `*xattr`, `fanotify`, `inotify`, modules, clocks, swap.

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use rustix::io::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition as Condition,
    SeccompFilter, SeccompRule,
};

use super::view::last_error;

/// What may be done beside computing, reading and writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calls {
    /// TCP sockets, for the relay in the worker's own network namespace.
    pub(super) tcp: bool,
    /// The network as it is, and processes: for the bundler.
    pub(super) host: bool,
    /// The descriptor of the program that the process is to become. No descriptor gets this number again, so nothing is started later.
    pub(super) program: u32,
}

#[rustfmt::skip]
const ALWAYS: &[c_long] = &[
    // memory
    libc::SYS_brk, libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_mincore,
    libc::SYS_msync, libc::SYS_pkey_alloc, libc::SYS_pkey_free, libc::SYS_pkey_mprotect, libc::SYS_membarrier,
    // threads and waiting
    libc::SYS_futex, libc::SYS_futex_waitv, libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_set_tid_address, libc::SYS_rseq,
    libc::SYS_gettid, libc::SYS_getpid, libc::SYS_getppid, libc::SYS_getpgid, libc::SYS_getsid, libc::SYS_exit, libc::SYS_exit_group,
    libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_getparam, libc::SYS_sched_getscheduler,
    libc::SYS_sched_get_priority_max, libc::SYS_sched_get_priority_min, libc::SYS_getcpu, libc::SYS_getpriority, libc::SYS_restart_syscall,
    libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_gettimeofday,
    libc::SYS_timer_create, libc::SYS_timer_settime, libc::SYS_timer_gettime, libc::SYS_timer_getoverrun, libc::SYS_timer_delete,
    libc::SYS_timerfd_create, libc::SYS_timerfd_settime, libc::SYS_timerfd_gettime, libc::SYS_setitimer, libc::SYS_getitimer,
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigpending, libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigsuspend, libc::SYS_sigaltstack, libc::SYS_tgkill, libc::SYS_wait4, libc::SYS_waitid,
    // who and how much
    libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getresuid, libc::SYS_getresgid, libc::SYS_getgroups,
    libc::SYS_getrusage, libc::SYS_prlimit64, libc::SYS_sysinfo, libc::SYS_uname, libc::SYS_times, libc::SYS_capget, libc::SYS_getrandom,
    // descriptors
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64, libc::SYS_preadv,
    libc::SYS_pwritev, libc::SYS_preadv2, libc::SYS_pwritev2, libc::SYS_lseek, libc::SYS_close, libc::SYS_close_range, libc::SYS_dup,
    libc::SYS_dup3, libc::SYS_fcntl, libc::SYS_ioctl, libc::SYS_pipe2, libc::SYS_eventfd2, libc::SYS_epoll_create1, libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2, libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_sendfile, libc::SYS_splice,
    libc::SYS_copy_file_range,
    // files
    libc::SYS_openat, libc::SYS_openat2, libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx,
    libc::SYS_statfs, libc::SYS_fstatfs, libc::SYS_readlinkat, libc::SYS_getcwd, libc::SYS_chdir, libc::SYS_fchdir, libc::SYS_getdents64,
    libc::SYS_umask, libc::SYS_ftruncate, libc::SYS_fallocate, libc::SYS_fadvise64, libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_flock,
    libc::SYS_unlinkat,
    // sockets, once there are some
    libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4, libc::SYS_getsockname, libc::SYS_getpeername,
    libc::SYS_getsockopt, libc::SYS_setsockopt, libc::SYS_shutdown, libc::SYS_sendto, libc::SYS_recvfrom, libc::SYS_sendmsg,
    libc::SYS_recvmsg, libc::SYS_sendmmsg, libc::SYS_recvmmsg,
];

/// Older forms of the same, which x86-64 alone has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLDER: &[c_long] = &[
    libc::SYS_arch_prctl, libc::SYS_open, libc::SYS_access, libc::SYS_stat, libc::SYS_lstat, libc::SYS_readlink, libc::SYS_getdents,
    libc::SYS_pipe, libc::SYS_dup2, libc::SYS_eventfd, libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_poll, libc::SYS_select,
    libc::SYS_time, libc::SYS_getpgrp, libc::SYS_getrlimit, libc::SYS_unlink, libc::SYS_alarm, libc::SYS_pause,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// What processes that start others need, beside.
#[rustfmt::skip]
const PROCESSES: &[c_long] = &[
    libc::SYS_execve, libc::SYS_execveat, libc::SYS_kill, libc::SYS_setpgid, libc::SYS_setsid, libc::SYS_linkat, libc::SYS_symlinkat,
    libc::SYS_sched_setaffinity, libc::SYS_pidfd_open, libc::SYS_pidfd_send_signal, libc::SYS_rt_sigqueueinfo, libc::SYS_setpriority,
    libc::SYS_truncate, libc::SYS_sync_file_range, libc::SYS_readahead, libc::SYS_renameat, libc::SYS_renameat2,
    libc::SYS_mkdirat, libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_fchown, libc::SYS_utimensat,
];
#[cfg(target_arch = "x86_64")]
const OLDER_PROCESSES: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_creat,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_rename,
    libc::SYS_chmod,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER_PROCESSES: &[c_long] = &[];

/// What a thread may ask of `prctl`. Among the rest are ways to outlive the server and to be traced.
const PRCTL: [u64; 6] = [
    libc::PR_SET_NAME as u64,
    libc::PR_GET_NAME as u64,
    libc::PR_GET_DUMPABLE as u64,
    libc::PR_CAPBSET_READ as u64,
    libc::PR_GET_PDEATHSIG as u64,
    // Names of memory regions; PR_SET_VMA.
    0x5356_4d41,
];

fn rules(calls: Calls) -> Result<BTreeMap<c_long, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
        ALWAYS.iter().chain(OLDER).map(|call| (*call, Vec::new())).collect();
    let is = |argument: u8, value: u64| Condition::new(argument, Len::Dword, Op::Eq, value);
    let masked = |argument: u8, mask: u64, value: u64| Condition::new(argument, Len::Dword, Op::MaskedEq(mask), value);
    let kind = |family: i32| SeccompRule::new(vec![is(0, family as u64)?]);
    // Of the kinds of a socket, without its flags.
    let stream = |family: i32| SeccompRule::new(vec![is(0, family as u64)?, masked(1, 0xf, libc::SOCK_STREAM as u64)?]);
    let mut sockets = vec![kind(libc::AF_UNIX)?];
    if calls.tcp {
        sockets.extend([stream(libc::AF_INET)?, stream(libc::AF_INET6)?]);
    }
    if calls.host {
        sockets.extend([kind(libc::AF_INET)?, kind(libc::AF_INET6)?, kind(libc::AF_NETLINK)?]);
        rules.extend(PROCESSES.iter().chain(OLDER_PROCESSES).map(|call| (*call, Vec::new())));
    } else {
        rules.insert(libc::SYS_execveat, vec![SeccompRule::new(vec![is(0, u64::from(calls.program))?])?]);
    }
    rules.insert(libc::SYS_socket, sockets);
    rules.insert(libc::SYS_socketpair, vec![kind(libc::AF_UNIX)?]);
    // A worker starts threads; the bundler starts processes too. Neither makes namespaces. `clone3` keeps its flags in memory, where a
    // filter cannot look: it does not exist, and the C library falls back on `clone`.
    let (mask, value) = match calls.host {
        true => (NAMESPACES, 0),
        false => (NAMESPACES | libc::CLONE_THREAD as u64, libc::CLONE_THREAD as u64),
    };
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![masked(0, mask, value)?])?]);
    let prctl = PRCTL.into_iter().map(|option| SeccompRule::new(vec![is(0, option)?]));
    rules.insert(libc::SYS_prctl, prctl.collect::<Result<_, _>>()?);
    Ok(rules)
}

const NAMESPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWCGROUP) as u64;

/// The filter's program. One for another architecture's calls (32-bit ones) ends the process.
pub(super) fn program(calls: Calls) -> io::Result<BpfProgram> {
    let build = || {
        let arch = std::env::consts::ARCH.try_into()?;
        let otherwise = SeccompAction::Errno(libc::ENOSYS as u32);
        SeccompFilter::new(rules(calls)?, otherwise, SeccompAction::Allow, arch)?.try_into()
    };
    build().map_err(|error: seccompiler::BackendError| io::Error::other(error))
}

/// In the child, as the last thing before it becomes another program.
pub(super) fn keep(program: &BpfProgram) -> Result<(), Errno> {
    seccompiler::apply_filter(program).map_err(|_| last_error())
}
