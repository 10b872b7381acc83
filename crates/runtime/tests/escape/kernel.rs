//! System calls, made raw: through the foreign function interface, which `-A` grants, code is native and Deno is no wall at all.

use libc::c_long;
use serde_json::{Value as Json, json};

use super::Scene;

const ENOSYS: i64 = i32_of(libc::ENOSYS);

const fn i32_of(number: i32) -> i64 {
    number as i64
}

/// Calls that Deno does not need. The arguments are harmless where one is let through, as it is without walls.
#[rustfmt::skip]
const REFUSED: &[(&str, c_long)] = &[
    ("unshare", libc::SYS_unshare), ("setns", libc::SYS_setns), ("clone3", libc::SYS_clone3), ("mount", libc::SYS_mount),
    ("umount2", libc::SYS_umount2), ("pivot_root", libc::SYS_pivot_root), ("chroot", libc::SYS_chroot), ("open_tree", libc::SYS_open_tree),
    ("move_mount", libc::SYS_move_mount), ("fsopen", libc::SYS_fsopen), ("fsmount", libc::SYS_fsmount), ("mount_setattr", libc::SYS_mount_setattr),
    ("ptrace", libc::SYS_ptrace), ("process_vm_readv", libc::SYS_process_vm_readv), ("process_vm_writev", libc::SYS_process_vm_writev),
    ("kcmp", libc::SYS_kcmp), ("pidfd_open", libc::SYS_pidfd_open), ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal), ("kill", libc::SYS_kill), ("tkill", libc::SYS_tkill),
    ("rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo), ("rt_tgsigqueueinfo", libc::SYS_rt_tgsigqueueinfo),
    ("bpf", libc::SYS_bpf), ("perf_event_open", libc::SYS_perf_event_open), ("userfaultfd", libc::SYS_userfaultfd),
    ("io_uring_setup", libc::SYS_io_uring_setup), ("io_uring_enter", libc::SYS_io_uring_enter), ("io_uring_register", libc::SYS_io_uring_register),
    ("add_key", libc::SYS_add_key), ("request_key", libc::SYS_request_key), ("keyctl", libc::SYS_keyctl),
    ("memfd_create", libc::SYS_memfd_create), ("memfd_secret", libc::SYS_memfd_secret), ("seccomp", libc::SYS_seccomp),
    ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset), ("setuid", libc::SYS_setuid), ("setgid", libc::SYS_setgid),
    ("setreuid", libc::SYS_setreuid), ("setresuid", libc::SYS_setresuid), ("setgroups", libc::SYS_setgroups), ("capset", libc::SYS_capset),
    ("setsid", libc::SYS_setsid), ("setpgid", libc::SYS_setpgid), ("personality", libc::SYS_personality), ("mknodat", libc::SYS_mknodat),
    ("linkat", libc::SYS_linkat), ("symlinkat", libc::SYS_symlinkat), ("execve", libc::SYS_execve), ("acct", libc::SYS_acct),
    ("init_module", libc::SYS_init_module), ("finit_module", libc::SYS_finit_module), ("delete_module", libc::SYS_delete_module),
    ("kexec_load", libc::SYS_kexec_load), ("reboot", libc::SYS_reboot), ("swapon", libc::SYS_swapon), ("swapoff", libc::SYS_swapoff),
    ("settimeofday", libc::SYS_settimeofday), ("clock_settime", libc::SYS_clock_settime), ("adjtimex", libc::SYS_adjtimex),
    ("sethostname", libc::SYS_sethostname), ("setdomainname", libc::SYS_setdomainname), ("syslog", libc::SYS_syslog),
    ("quotactl", libc::SYS_quotactl), ("name_to_handle_at", libc::SYS_name_to_handle_at), ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("fanotify_init", libc::SYS_fanotify_init), ("inotify_init1", libc::SYS_inotify_init1), ("setxattr", libc::SYS_setxattr),
    ("shmget", libc::SYS_shmget), ("semget", libc::SYS_semget), ("msgget", libc::SYS_msgget), ("mq_open", libc::SYS_mq_open),
    ("vmsplice", libc::SYS_vmsplice), ("remap_file_pages", libc::SYS_remap_file_pages), ("mbind", libc::SYS_mbind),
    ("move_pages", libc::SYS_move_pages), ("migrate_pages", libc::SYS_migrate_pages), ("process_madvise", libc::SYS_process_madvise),
    ("vhangup", libc::SYS_vhangup), ("lookup", 100_000),
];

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const REFUSED_HERE: &[(&str, c_long)] = &[
    ("fork", libc::SYS_fork), ("vfork", libc::SYS_vfork), ("iopl", libc::SYS_iopl), ("ioperm", libc::SYS_ioperm), ("modify_ldt", libc::SYS_modify_ldt),
    ("mknod", libc::SYS_mknod), ("link", libc::SYS_link), ("symlink", libc::SYS_symlink), ("uselib", libc::SYS_uselib),
    // The x32 form of `ptrace`.
    ("x32", 0x4000_0000 + 521),
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[(&str, c_long)] = &[];

pub(super) async fn raw(scene: &Scene, number: c_long, args: Json) -> (i64, i64) {
    let seen = scene.attack("raw", json!({ "number": number, "args": args })).await.unwrap();
    (seen["result"].as_i64().unwrap(), seen["errno"].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn system_calls_that_deno_does_not_need_do_not_exist() {
    let scene = Scene::walled().await;
    for (name, number) in REFUSED.iter().chain(REFUSED_HERE) {
        assert_eq!(raw(&scene, *number, json!([])).await, (-1, ENOSYS), "{name}");
    }
    // Native code does run: others are answered.
    assert_eq!(raw(&scene, libc::SYS_getppid, json!([])).await, (0, 0));
    // Without the filter the kernel knows them.
    let open = Scene::open().await;
    for number in
        [libc::SYS_unshare, libc::SYS_setns, libc::SYS_ptrace, libc::SYS_capset, libc::SYS_mount, libc::SYS_execve]
    {
        assert_ne!(raw(&open, number, json!([])).await.1, ENOSYS, "{number}");
    }
}

/// What is let through only with some arguments.
#[tokio::test(flavor = "multi_thread")]
async fn arguments_are_looked_at() {
    let scene = Scene::walled().await;
    let refused = (-1, ENOSYS);
    // Families of sockets: all but unix ones.
    for family in [
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
        libc::AF_PACKET,
        libc::AF_VSOCK,
        libc::AF_ALG,
        libc::AF_BLUETOOTH,
        libc::AF_KEY,
    ] {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_RAW] {
            assert_eq!(raw(&scene, libc::SYS_socket, json!([family, kind, 0])).await, refused, "{family} {kind}");
        }
    }
    assert!(raw(&scene, libc::SYS_socket, json!([libc::AF_UNIX, libc::SOCK_STREAM, 0])).await.0 > 2);
    assert_eq!(raw(&scene, libc::SYS_socketpair, json!([libc::AF_INET, libc::SOCK_STREAM, 0])).await, refused);
    // Processes and namespaces by `clone`.
    for flags in [
        libc::SIGCHLD,
        libc::CLONE_VM | libc::CLONE_VFORK,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWUSER | libc::CLONE_THREAD,
    ] {
        assert_eq!(raw(&scene, libc::SYS_clone, json!([flags, 0, 0, 0, 0])).await, refused, "{flags:x}");
    }
    // To outlive the server, to be traced by anyone, and to filter signals of the filter.
    for option in [
        libc::PR_SET_PDEATHSIG,
        libc::PR_SET_PTRACER,
        libc::PR_SET_SECCOMP,
        libc::PR_SET_DUMPABLE,
        libc::PR_SET_MM,
        libc::PR_SET_CHILD_SUBREAPER,
    ] {
        assert_eq!(raw(&scene, libc::SYS_prctl, json!([option, 0, 0, 0, 0])).await, refused, "{option}");
    }
    // A program by its descriptor: any but the number that the first one had, and that number cannot be had.
    let deno = scene
        .attack("raw", json!({ "number": libc::SYS_openat, "args": [libc::AT_FDCWD, "/proc/self/exe", 0, 0] }))
        .await
        .unwrap();
    let program = deno["result"].as_i64().unwrap();
    assert!(program > 2, "{deno}");
    assert_eq!(raw(&scene, libc::SYS_execveat, json!([program, "", 0, 0, libc::AT_EMPTY_PATH])).await, refused);
    for number in [4096, 16_382, 16_383, 16_384] {
        assert_eq!(
            raw(&scene, libc::SYS_dup3, json!([program, number, 0])).await,
            (-1, i32_of(libc::EBADF)),
            "{number}"
        );
    }
    assert_eq!(
        raw(&scene, libc::SYS_execveat, json!([16_383, "", 0, 0, libc::AT_EMPTY_PATH])).await,
        (-1, i32_of(libc::EBADF))
    );
    // The bound on descriptors cannot be raised.
    let most = u64::MAX.to_ne_bytes().repeat(2);
    let raised = raw(&scene, libc::SYS_prlimit64, json!([0, libc::RLIMIT_NOFILE as i64, most, 0])).await;
    assert_eq!(raised, (-1, i32_of(libc::EPERM)));
}

/// It is nobody, it has nothing, and it has inherited nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_has_no_rights_and_no_descriptors() {
    // Something that a careless server would leak.
    let leak = std::fs::File::open("/etc/hostname").or_else(|_| std::fs::File::open("/etc/hosts")).unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    let scene = Scene::walled().await;
    assert_eq!(raw(&scene, libc::SYS_getuid, json!([])).await, (1000, 0));
    assert_eq!(raw(&scene, libc::SYS_getpid, json!([])).await, (1, 0));
    let pid = scene.pid("thief");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(capabilities), ["0000000000000000"], "{capabilities}");
    }
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), (vec!["1".to_owned()], vec!["2".to_owned()]));
    // A root that may give its processes any user id.
    let all = std::fs::read_to_string("/proc/self/uid_map").unwrap().contains("4294967295");
    if rustix::process::geteuid().is_root() && all {
        let uids = field("Uid:");
        assert!(uids.iter().all(|uid| *uid == uids[0] && uid.parse::<u32>().unwrap() >= 0x7000_0000), "{uids:?}");
        assert_eq!(field("Groups:"), Vec::<String>::new());
    }
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        let open = std::fs::read_link(entry.path()).unwrap();
        let text = open.to_str().unwrap();
        let plain = ["socket:", "pipe:", "anon_inode:"].iter().any(|kind| text.starts_with(kind));
        assert!(plain, "descriptor {:?} is {text}", entry.file_name());
    }
    for namespace in ["user", "mnt", "pid", "ipc", "uts", "net"] {
        let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/{namespace}")).unwrap();
        assert_ne!(of(&pid.to_string()), of("self"), "{namespace}");
    }
}
