//! Finding out which walls stand: by putting each up, and by seeing whether Deno still works behind all of them.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::child;
use super::engine::Engine;
use super::group::Groups;
use super::identity::Outside;
use super::plan::{NAMESPACE, NAMESPACES, Plan};
use super::{Rules, Sandbox, Wall};
use crate::deno::Deno;
use crate::folder::{Folder, random_hex, write_private};
use crate::launch::{Launch, Spawner, dev_null};

/// What a worker needs of its machine: a unix socket to serve on, and WebAssembly.
const TRIAL: &str = r#"
new WebAssembly.Memory({ initial: 1 });
const server = Deno.serve({ path: "s", onListen() {} }, () => new Response("it works"));
const client = Deno.createHttpClient({ proxy: { transport: "unix", path: "s" } });
if (await (await fetch("http://itself/", { client })).text() !== "it works") throw new Error("it does not answer");
client.close();
await server.shutdown();
"#;
const PATIENCE: Duration = Duration::from_secs(20);
const MEMORY_BYTES: u64 = 1 << 30;
/// If Deno does not work behind all walls, these are suspected first.
const SUSPECTS: [Wall; 9] = [
    Wall::Memory,
    Wall::Seccomp,
    Wall::Mount,
    Wall::Landlock,
    Wall::Threads,
    Wall::User,
    Wall::Pid,
    Wall::Net,
    Wall::Ipc,
];

impl Sandbox {
    /// Tries which walls stand around `deno` on this machine. A folder in `dir` is used for that and removed. Call it within
    /// a Tokio runtime.
    ///
    /// # Errors
    /// If Deno does not work even without walls.
    pub async fn find(deno: &Deno, dir: &Path) -> io::Result<Self> {
        let path = deno.path().to_path_buf();
        let found = move || Ok::<_, io::Error>((Engine::of(&path)?, namespaces()));
        let (engine, mut plan) = tokio::task::spawn_blocking(found).await.map_err(io::Error::other)??;
        crate::folder::ensure(dir)?;
        let dir = std::fs::canonicalize(dir)?;
        loop {
            let sandbox = Self::new(engine.clone(), plan.clone());
            let Err(Trouble { wall, text }) = sandbox.try_out(&dir).await else { return Ok(sandbox) };
            plan = match wall {
                Some(wall) if plan.has(wall) => plan.without(wall, text),
                _ => suspect(&engine, &plan, &dir, text).await?,
            };
        }
    }

    /// Whether Deno works behind these walls.
    async fn try_out(&self, dir: &Path) -> Result<(), Trouble> {
        let folder = Folder::create(dir, &format!("t{}", random_hex(4)?))?;
        let script = folder.path().join("trial.mjs");
        write_private(&script, TRIAL.as_bytes())?;
        let owner = self.owner()?;
        for path in [folder.path(), &script] {
            owner.map_or(Ok(()), |owner| owner.take(path)).map_err(|error| Trouble {
                wall: Some(Wall::User),
                text: format!("files cannot be handed to another user: {error}"),
            })?;
        }
        let flags = ["run", "--quiet", "-A", "--no-config", "--no-lock", "--no-remote", "--no-npm", "--no-code-cache"];
        let launch = Launch {
            args: flags.into_iter().chain(["trial.mjs"]).map(Into::into).collect(),
            env: [("DENO_DIR", "/dev/null/none"), ("DENO_NO_UPDATE_CHECK", "1"), ("NO_COLOR", "1")]
                .map(|(name, value)| (name, value.into()))
                .into(),
            dir: folder.path().to_path_buf(),
            memory_bytes: MEMORY_BYTES,
            resident_bytes: MEMORY_BYTES,
            stdin: dev_null()?,
            rules: Rules { listen: Some(folder.path().to_path_buf()), owner, ..Rules::default() },
        };
        // Its end is the child's.
        let spawner = Spawner::start(self.clone())?;
        let child =
            spawner.spawn(launch).await.map_err(|error| Trouble { wall: error.wall, text: error.error.to_string() })?;
        let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = ended.map_err(|_| io::Error::other("Deno did not get ready"))??;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).take(3).collect();
        Err(io::Error::other(format!("Deno does not work behind it: {}, {}", output.status, said.join(" "))).into())
    }
}

struct Trouble {
    /// The wall that could not be put up, if it was that.
    wall: Option<Wall>,
    text: String,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self { wall: None, text: error.to_string() }
    }
}

/// Deno does not work behind all walls: does it without one of them, or without any?
async fn suspect(engine: &Engine, plan: &Plan, dir: &Path, text: String) -> io::Result<Plan> {
    let standing: Vec<Wall> = SUSPECTS.into_iter().filter(|wall| plan.has(*wall)).collect();
    for wall in &standing {
        let less = plan.without(*wall, text.as_str());
        if Sandbox::new(engine.clone(), less.clone()).try_out(dir).await.is_ok() {
            return Ok(less);
        }
    }
    if standing.is_empty() {
        return Err(io::Error::other(text));
    }
    Ok(standing.into_iter().fold(plan.clone(), |plan, wall| plan.without(wall, text.as_str())))
}

/// Which namespaces can be made.
fn namespaces() -> Plan {
    let mut plan = Plan { namespace: true, outside: Outside::find(), groups: None, missing: [].into() };
    match Groups::find() {
        Ok(groups) => plan.groups = Some(groups),
        Err(why) => plan = plan.without(Wall::Memory, why),
    }
    if let Err(error) = child::can_clone(libc::CLONE_NEWUSER) {
        plan.namespace = false;
        if plan.outside == Outside::Own {
            plan = plan.without(Wall::User, refusal(&error));
        }
    }
    for (wall, flag) in NAMESPACES {
        let own = if plan.namespace { libc::CLONE_NEWUSER } else { 0 };
        if let Err(error) = child::can_clone(own | flag) {
            plan = plan.without(wall, refusal(&error));
        }
    }
    if !plan.namespace {
        plan.missing.insert(Wall::Threads, NAMESPACE.to_owned());
    } else if !is_kernel_from(5, 14) {
        plan.missing
            .insert(Wall::Threads, "before Linux 5.14 threads are counted for a user of the machine".to_owned());
    }
    if landlock_is_missing() {
        plan.missing.insert(
            Wall::Landlock,
            "this kernel has no Landlock (Linux 5.13), or it was not enabled at boot (lsm=)".to_owned(),
        );
    }
    plan
}

/// Why a namespace is refused, as far as the machine tells.
fn refusal(error: &io::Error) -> String {
    let set = |name: &str, value: &str| {
        std::fs::read_to_string(format!("/proc/sys/{name}")).is_ok_and(|text| text.trim() == value)
    };
    let why = if set("kernel/apparmor_restrict_unprivileged_userns", "1") {
        ": AppArmor refuses user namespaces to programs without a profile (sysctl kernel.apparmor_restrict_unprivileged_userns)"
    } else if set("kernel/unprivileged_userns_clone", "0") {
        ": only root may make user namespaces (sysctl kernel.unprivileged_userns_clone)"
    } else if set("user/max_user_namespaces", "0") {
        ": user namespaces are turned off (sysctl user.max_user_namespaces)"
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        ": a container's system-call filter does not let it through; allow the server user namespaces there"
    } else {
        ""
    };
    format!("namespaces are refused ({error}){why}")
}

fn landlock_is_missing() -> bool {
    !matches!(super::landlock::rules(&[], false), Ok(Some(_)))
}

fn is_kernel_from(major: u32, minor: u32) -> bool {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(own_major)), Some(Ok(own_minor))) => (own_major, own_minor) >= (major, minor),
        _ => false,
    }
}

#[cfg(test)]
impl Sandbox {
    /// No wall at all, for tests of what they keep.
    pub(crate) fn none(deno: &Deno) -> Self {
        let engine = Engine::of(deno.path());
        let plan = Wall::ALL.into_iter().fold(namespaces(), |plan, wall| plan.without(wall, "turned off"));
        Self::new(engine.unwrap(), plan)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use std::path::PathBuf;

    use super::{Outside, Plan, Sandbox, namespaces};
    use crate::deno::Deno;
    use crate::sandbox::Wall;
    use crate::sandbox::engine::Engine;

    async fn deno() -> Deno {
        let explicit = std::env::var_os("TRESOR_DENO").map(PathBuf::from);
        Deno::find(explicit.as_deref()).await.unwrap()
    }

    /// A machine that refuses one thing or another still runs functions behind the walls that are left.
    #[tokio::test(flavor = "multi_thread")]
    async fn each_wall_can_be_missing() {
        let engine = Engine::of(deno().await.path()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let full = namespaces();
        let mut plans: Vec<Plan> = Wall::ALL.map(|wall| full.without(wall, "tried without")).into();
        let without =
            |walls: &[Wall]| walls.iter().fold(full.clone(), |plan, wall| plan.without(*wall, "tried without"));
        // As in a container whose filter refuses namespaces, with and without Landlock; and no wall at all.
        let refused = [Wall::User, Wall::Mount, Wall::Pid, Wall::Ipc, Wall::Net, Wall::Threads];
        plans.push(without(&refused));
        plans.push(without(&[&refused[..], &[Wall::Landlock]].concat()));
        plans.push(without(&Wall::ALL));
        // As root where there are no user namespaces, but all others.
        if rustix::process::geteuid().is_root() && full.outside != Outside::Own {
            plans.push(Plan { namespace: false, ..full.clone() }.without(Wall::Threads, "it takes a user namespace"));
        }
        for plan in plans {
            let outcome = Sandbox::new(engine.clone(), plan.clone()).try_out(&dir).await;
            assert!(outcome.is_ok(), "{plan:?}: {:?}", outcome.err().map(|trouble| trouble.text));
        }
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
    }

    /// What cannot be put up is left out, and it is said why.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_deno_that_does_not_run_is_told_as_it_is() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("deno");
        std::fs::write(&script, "#!/bin/sh\ncase $1 in --version) echo deno 2.10.0;; *) exit 3;; esac\n").unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let fake = Deno::find(Some(&script)).await.unwrap();
        let error = Sandbox::find(&fake, &dir.path().join("w")).await.unwrap_err().to_string();
        assert!(error.contains("script"), "{error}");
        // A wrapper of a real one is seen through.
        let real = deno().await;
        let text = format!("#!/bin/sh\nexec {} \"$@\"\n", std::fs::canonicalize(real.path()).unwrap().display());
        std::fs::write(&script, text).unwrap();
        let wrapped = Deno::find(Some(&script)).await.unwrap();
        let found = Sandbox::find(&wrapped, &dir.path().join("w")).await.unwrap();
        let direct = Sandbox::find(&real, &dir.path().join("w")).await.unwrap();
        assert_eq!(found.walls(), direct.walls());
    }
}
