//! What stands on this machine, and a process prepared to be put behind it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::process::Resource;

use super::child::{self, Failure, Prepared, Step, c_string};
use super::engine::Engine;
use super::group::Groups;
use super::identity::{Identity, Outside, Owner};
use super::landlock::{self, May};
use super::process::Process;
use super::seccomp::{self, Calls};
use super::view::{Shown, View};
use super::{Rules, Wall, Walls};
use crate::launch::{Launch, SpawnError};

/// Most open descriptors of a process.
const DESCRIPTORS: u64 = 4096;
/// The number of the program's descriptor: beyond that, and low enough that the kernel's table stays small.
const PROGRAM: u64 = 16_383;
/// Most threads of a process. Too few end Deno, which starts some dozens.
const THREADS: u64 = 512;
/// Largest file of the bundler. A worker writes none.
const FILE_BYTES: u64 = 1 << 30;

/// Which walls a process gets, and why it does not get the others.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Processes have a user namespace of their own, so that no right on the machine is needed for the others.
    pub(super) namespace: bool,
    pub(super) outside: Outside,
    /// Where processes get their control groups, if the wall `memory` stands.
    pub(super) groups: Option<Groups>,
    pub(super) missing: BTreeMap<Wall, String>,
}

impl Plan {
    pub(super) fn has(&self, wall: Wall) -> bool {
        !self.missing.contains_key(&wall)
    }

    /// The same without a wall, and without what rests on it.
    pub(super) fn without(&self, wall: Wall, why: impl Into<String>) -> Self {
        let mut plan = self.clone();
        plan.missing.insert(wall, why.into());
        if wall == Wall::Memory {
            plan.groups = None;
        }
        if wall == Wall::User {
            plan.namespace = false;
            plan.missing.entry(Wall::Threads).or_insert_with(|| NAMESPACE.to_owned());
            if !rustix::process::geteuid().is_root() {
                for (other, _) in NAMESPACES {
                    plan.missing.entry(other).or_insert_with(|| NAMESPACE.to_owned());
                }
            }
        }
        if !(plan.has(Wall::User) && plan.has(Wall::Mount)) && plan.outside != Outside::Own {
            // Another user would not reach its folder by the machine's own tree.
            plan.outside = Outside::Own;
            plan.missing
                .entry(Wall::User)
                .or_insert_with(|| "workers stay root, since there is no mount view".to_owned());
        }
        plan
    }

    fn namespaces(&self) -> u64 {
        let own = [(self.namespace, libc::CLONE_NEWUSER)];
        let others = NAMESPACES.map(|(wall, flag)| (self.has(wall), flag));
        let flags = own.into_iter().chain(others).filter_map(|(stands, flag)| stands.then_some(flag));
        flags.fold(0, |all, flag| all | u64::from(flag.cast_unsigned()))
    }
}

/// Why walls are missing that rest on another.
pub(super) const NAMESPACE: &str = "it takes a user namespace";

/// Walls that the kernel puts up when it makes a process.
pub(super) const NAMESPACES: [(Wall, libc::c_int); 4] = [
    (Wall::Mount, libc::CLONE_NEWNS),
    (Wall::Pid, libc::CLONE_NEWPID),
    (Wall::Ipc, libc::CLONE_NEWIPC | libc::CLONE_NEWUTS),
    (Wall::Net, libc::CLONE_NEWNET),
];

/// The walls that stand on this machine around a Deno. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sandbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    plan: Plan,
    walls: Walls,
}

impl Sandbox {
    pub(super) fn new(engine: Engine, plan: Plan) -> Self {
        let walls = Walls::new(|wall| plan.missing.get(&wall).cloned());
        Self(Arc::new(Inner { engine, plan, walls }))
    }

    /// Which walls stand.
    pub fn walls(&self) -> &Walls {
        &self.0.walls
    }

    /// Whose the files of the next worker are to be.
    pub(crate) fn owner(&self) -> io::Result<Option<Owner>> {
        self.0.plan.outside.pick()
    }

    /// Whose the files are that processes of the bundler share.
    pub(crate) fn fixed_owner(&self) -> Option<Owner> {
        self.0.plan.outside.fixed()
    }

    /// Whose those files have to be made: they may be another's still, from when other walls stood here.
    pub(crate) fn keeper(&self) -> Option<Owner> {
        self.fixed_owner().or_else(Owner::root)
    }

    /// Whether a process can get TCP of its own.
    pub(crate) fn can_relay(&self) -> bool {
        self.walls().stands(Wall::Net) && self.walls().stands(Wall::Mount)
    }

    /// Starts a process, on the thread that calls this and for as long as that lives.
    pub(crate) fn spawn(&self, launch: Launch, output: [OwnedFd; 2]) -> Result<(Process, Vec<OwnedFd>), SpawnError> {
        let failed = |error| SpawnError { wall: None, error };
        let relay = launch.rules.relay;
        if relay && !self.can_relay() {
            let error = io::Error::other(
                "TCP endpoints and node:http need the walls `net` and `mount`, which do not stand here",
            );
            return Err(failed(error));
        }
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
        let group = self.0.plan.groups.as_ref().map(|groups| groups.make(launch.resident_bytes, THREADS)).transpose();
        let group = group.map_err(|error| SpawnError { wall: Some(Wall::Memory), error })?;
        let prepared = self.prepare(launch, output, relay.then(|| theirs.into())).map_err(failed)?;
        let identity = prepared.identity;
        let mut outside = true;
        let admit = |pid| {
            // Of all processes, the kernel ends those of functions first when memory runs out.
            let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), "500");
            if let Some(group) = &group {
                group.admit(pid)?;
            }
            outside = false;
            identity.write_maps(pid)
        };
        let spawned = child::spawn(prepared, admit);
        let (pid, descriptor) = spawned.map_err(|failure| match failure.step {
            Step::Admit if outside => SpawnError { wall: Some(Wall::Memory), error: failure.error },
            _ => SpawnError::from(failure),
        })?;
        let process = Process::new(pid, descriptor, group).map_err(failed)?;
        let sockets = if relay { super::relay::take(&ours.into()) } else { Ok(Vec::new()) };
        Ok((process, sockets.map_err(failed)?))
    }

    fn prepare(&self, launch: Launch, [stdout, stderr]: [OwnedFd; 2], relay: Option<OwnedFd>) -> io::Result<Prepared> {
        let Inner { engine, plan, .. } = &*self.0;
        let Rules { read, shown: elsewhere, listen, write, programs, owner, .. } = launch.rules;
        let read: Vec<PathBuf> = read.into_iter().filter(|path| path.exists()).collect();
        let host = !programs.is_empty();
        let hard = rustix::process::getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        let program_number = PROGRAM.min(hard.saturating_sub(1));
        let descriptors = DESCRIPTORS.min(program_number);
        let program_number = u32::try_from(program_number).unwrap_or(u32::MAX);

        let view = plan.has(Wall::Mount).then(|| {
            let shown = |path: &PathBuf, writable| Shown { source: path.clone(), target: path.clone(), writable };
            let fixed = std::iter::once(&engine.program).chain(&engine.libraries).chain(&read);
            let own = listen.iter().chain(&write);
            let all = fixed.map(|path| shown(path, false)).chain(own.map(|path| shown(path, true)));
            let moved = elsewhere.iter().map(|(source, target)| Shown {
                source: source.clone(),
                target: target.clone(),
                writable: false,
            });
            View::new(&launch.dir, &engine.program, all.chain(moved).collect())
        });
        let landlock = plan.has(Wall::Landlock).then(|| {
            let with = |paths: Vec<PathBuf>, may| paths.into_iter().map(move |path| (path, may));
            let start: Vec<_> = std::iter::once(engine.program.clone()).chain(engine.libraries.clone()).collect();
            let files = with(start, May::Execute)
                .chain(with(read, May::Read))
                .chain(with(elsewhere.iter().map(|(source, _)| source.clone()).collect(), May::Read))
                .chain(with(listen.into_iter().collect(), May::Listen))
                .chain(with(write, May::Write))
                .chain(with(programs, May::Execute));
            landlock::rules(&files.collect::<Vec<_>>(), host || relay.is_some())
        });
        let calls = Calls { tcp: relay.is_some(), host, program: program_number };
        let seccomp = plan.has(Wall::Seccomp).then(|| seccomp::program(calls));
        let mut limits = vec![
            // A core file would hold the values.
            (Resource::Core, 0),
            // V8 limits its heap only; buffers, WebAssembly memories and further threads are outside it. An allocation beyond this fails,
            // mostly as a RangeError that the function can see.
            (Resource::Data, launch.memory_bytes),
            (Resource::Fsize, if host { FILE_BYTES } else { 0 }),
            (Resource::Nofile, descriptors),
            (Resource::Msgqueue, 0),
        ];
        if plan.has(Wall::Threads) {
            limits.push((Resource::Nproc, THREADS));
        }
        let argument = |text: &OsString| c_string(text);
        let variable = |(name, value): &(&str, OsString)| {
            let mut text = OsString::from(name);
            text.push("=");
            text.push(value);
            c_string(text)
        };
        Ok(Prepared {
            namespaces: plan.namespaces() & !if host { u64::from(libc::CLONE_NEWNET.cast_unsigned()) } else { 0 },
            identity: Identity { namespace: plan.namespace, owner },
            view: view.transpose()?,
            relay,
            limits,
            landlock: landlock.transpose()?.flatten(),
            seccomp: seccomp.transpose()?,
            program: c_string(&engine.program)?,
            arguments: std::iter::once(c_string(&engine.program))
                .chain(launch.args.iter().map(argument))
                .collect::<Result<_, _>>()?,
            environment: launch.env.iter().map(variable).collect::<Result<_, _>>()?,
            dir: c_string(&launch.dir)?,
            stdio: [launch.stdin, stdout, stderr],
            program_number,
        })
    }
}

impl From<Failure> for SpawnError {
    fn from(Failure { step, error }: Failure) -> Self {
        let wall = match step {
            Step::Identity | Step::Admit => Some(Wall::User),
            Step::View => Some(Wall::Mount),
            Step::Landlock => Some(Wall::Landlock),
            Step::Seccomp => Some(Wall::Seccomp),
            Step::Clone | Step::Session | Step::Relay | Step::Limits | Step::Exec => None,
        };
        Self { wall, error }
    }
}
