//! Making a bundle: the function and what it imports, in one file, by a separate Deno that holds no secret.

mod import_map;
mod report;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use domain::limits;

use crate::deno::Deno;
use crate::folder::{self, Folder, random_hex};
use crate::launch::{Launch, Spawner, dev_null};
use crate::sandbox::{Rules, Sandbox};
use crate::source_map::{self, MapError};

/// Most memory of a bundler process; large packages take some hundred MiB.
const MEMORY_BYTES: u64 = 4 << 30;
/// The import map as we wrote it, at the function's root, from where its relative targets count.
const IMPORT_MAP: &str = "tresor.import_map.json";
/// How long the bundler may take; packages are downloaded in it.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The bundler that Deno 2.9 runs, and the name under which it looks for it before it downloads it.
const ESBUILD: &str = "0.25.5";
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const PLATFORM: &str = "linux-x64";
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
const PLATFORM: &str = "linux-arm64";
#[cfg(all(target_os = "macos", target_arch = "x86_64"))]
const PLATFORM: &str = "darwin-x64";
#[cfg(all(target_os = "macos", target_arch = "aarch64"))]
const PLATFORM: &str = "darwin-arm64";
/// The operator's settings that reaching a package registry may need. Nothing else of our environment is passed on.
const PASSED_ON: [&str; 8] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "DENO_CERT",
    "DENO_TLS_CA_STORE",
    "NODE_EXTRA_CA_CERTS",
    "NPM_CONFIG_REGISTRY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// Those of them that name files and folders.
const CERTIFICATES: [&str; 4] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "DENO_CERT", "NODE_EXTRA_CA_CERTS"];
/// What the system reads to look up a host's address and to check its certificate.
const NETWORK_FILES: [&str; 14] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates/extracted",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];

/// The files of a function as its author wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Texts by relative path, like `index.ts` or `lib/mail.ts`.
    pub files: BTreeMap<String, String>,
    /// The path among them that the function starts with.
    pub entry: String,
}

impl Source {
    /// A function of one file.
    pub fn single(name: &str, text: impl Into<String>) -> Self {
        Self { files: BTreeMap::from([(name.to_owned(), text.into())]), entry: name.to_owned() }
    }
}

/// A function ready to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The code; errors in it are shown at their place in the source.
    pub code: String,
    /// The SHA-256 of the code in hexadecimal.
    pub digest: String,
}

/// Why there is no bundle. Lines and columns count from 1; both are 0 where Deno tells no place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A path is not relative, leaves the folder, or is not plain; or the entry is not among the files.
    #[error("{path:?} {problem}")]
    Path {
        /// The path.
        path: String,
        /// The rule.
        problem: &'static str,
    },
    /// A file does not parse.
    #[error("{file}:{line}:{column}: {message}")]
    Syntax {
        /// The file's relative path.
        file: String,
        /// The line.
        line: u32,
        /// The column.
        column: u32,
        /// What is wrong.
        message: String,
    },
    /// An import cannot be resolved, or is from a place that functions may not import from.
    #[error("{file}:{line}:{column}: {message}")]
    Import {
        /// The file's relative path.
        file: String,
        /// The line.
        line: u32,
        /// The column.
        column: u32,
        /// What is wrong.
        message: String,
    },
    /// The source or the bundle is too large.
    #[error("{bytes} bytes are over the limit of {limit}")]
    TooLarge {
        /// The size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Bundling took too long.
    #[error("bundling took longer than {} s", limit.as_secs_f64())]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// Deno said something else.
    #[error("deno bundle failed: {0}")]
    Deno(String),
    /// The files could not be written or Deno not be started.
    #[error("the bundler could not be run: {0}")]
    Io(#[from] std::io::Error),
}

/// Makes bundles. Cheap to clone.
#[derive(Clone)]
pub struct Bundler(Arc<Inner>);

struct Inner {
    deno: Deno,
    cache: PathBuf,
    timeout: Duration,
    spawner: Spawner,
}

impl Bundler {
    /// A bundler that keeps downloaded packages in `cache_dir`, which is made when needed. Packages are shared by all
    /// accounts; their integrity is the registry's.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn new(deno: Deno, sandbox: Sandbox, cache_dir: PathBuf) -> std::io::Result<Self> {
        Self::with_timeout(deno, sandbox, cache_dir, TIMEOUT)
    }

    /// As [`Bundler::new`], with another limit than a minute.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn with_timeout(deno: Deno, sandbox: Sandbox, cache_dir: PathBuf, timeout: Duration) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Inner { deno, cache: cache_dir, timeout, spawner: Spawner::start(sandbox)? })))
    }

    /// Bundles `source`. The same source gives the same digest as long as its packages are the same.
    ///
    /// # Errors
    /// [`BundleError`].
    pub async fn bundle(&self, source: &Source) -> Result<Bundle, BundleError> {
        check(source)?;
        let map = import_map::of(source)?;
        let work = self.0.cache.join("work");
        folder::ensure(&work)?;
        let cache = std::fs::canonicalize(&self.0.cache)?;
        let packages = cache.join("deno");
        place_esbuild(self.0.deno.path(), &packages)?;
        let owner = self.0.spawner.sandbox().keeper();
        // The rest is then already whose it has to be, and may be much.
        let dl = packages.join("dl");
        folder::hand_over(if folder::is_of(&packages, owner)? && dl.exists() { &dl } else { &packages }, owner)?;
        // All work folders are equally far from the packages: bundles name them by relative paths.
        let folder = Folder::create(&cache.join("work"), &random_hex(8)?)?;
        let root = folder.path().join("src");
        for (path, text) in &source.files {
            let path = root.join(path);
            folder::ensure(path.parent().unwrap_or(&root))?;
            folder::write_private(&path, text.as_bytes())?;
        }
        if let Some(map) = &map {
            let text = serde_json::to_vec(map).map_err(std::io::Error::from)?;
            folder::write_private(&root.join(IMPORT_MAP), &text)?;
        }
        folder::hand_over(folder.path(), owner)?;
        let out = folder.path().join("out.js");
        self.0.run(source, map.is_some(), &root, &packages, &out).await?;
        let code = read_own(&out)?;
        let code = source_map::rewrite(&code, folder.path(), &root, &packages).map_err(|error| match error {
            MapError::Unreadable => BundleError::Deno("it left no source map".to_owned()),
            MapError::Forbidden(path) => report::forbidden(source, &path),
        })?;
        let code = source_map::without_registries(&code, &packages);
        within_limit(code.len())?;
        let digest = hex::encode(digest(&SHA256, code.as_bytes()));
        Ok(Bundle { code, digest })
    }
}

impl Inner {
    async fn run(
        &self,
        source: &Source,
        has_map: bool,
        root: &Path,
        packages: &Path,
        out: &Path,
    ) -> Result<(), BundleError> {
        let mut args: Vec<OsString> = [
            "bundle",
            "--platform=deno",
            "--format=esm",
            "--sourcemap=inline",
            "--no-config",
            "--no-lock",
            "--node-modules-dir=none",
            "--output",
        ]
        .map(OsString::from)
        .into();
        args.push(out.into());
        if has_map {
            args.push(format!("--import-map={IMPORT_MAP}").into());
        }
        args.push(format!("./{}", source.entry).into());
        let passed = PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut env: Vec<(&str, OsString)> = passed.collect();
        env.push(("DENO_DIR", packages.into()));
        env.extend(
            ["DENO_NO_UPDATE_CHECK", "DENO_NO_PACKAGE_JSON", "NO_COLOR"].map(|name| (name, OsString::from("1"))),
        );
        let rules = rules(self.spawner.sandbox(), packages, out.parent().unwrap_or(root));
        let launch = Launch {
            args,
            env,
            dir: root.to_path_buf(),
            memory_bytes: MEMORY_BYTES,
            resident_bytes: MEMORY_BYTES,
            stdin: dev_null()?,
            rules,
        };
        let child = self.spawner.spawn(launch).await.map_err(std::io::Error::from)?;
        let group = Group(child.id());
        let output = tokio::time::timeout(self.timeout, child.wait_with_output()).await;
        drop(group);
        let output = output.map_err(|_| BundleError::Timeout { limit: self.timeout })??;
        if output.status.success() {
            return Ok(());
        }
        Err(report::parse(&String::from_utf8_lossy(&output.stderr), root))
    }
}

/// What the bundler may do: use the network, start the program that bundles, and write in its cache and in its folder.
pub(crate) fn rules(sandbox: &Sandbox, packages: &Path, folder: &Path) -> Rules {
    let named = CERTIFICATES.into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    Rules {
        read: NETWORK_FILES.into_iter().map(PathBuf::from).chain(named).collect(),
        write: vec![packages.to_path_buf(), folder.to_path_buf()],
        programs: vec![packages.join("dl")],
        owner: sandbox.fixed_owner(),
        ..Rules::default()
    }
}

/// The bundler's own child must end with it, also when the caller gives up.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        let group = i32::try_from(self.0).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Reads what the bundler has left, and nothing that it could lead to instead.
fn read_own(path: &Path) -> std::io::Result<String> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file =
        std::os::unix::fs::OpenOptionsExt::custom_flags(std::fs::File::options().read(true), flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("the bundle is no file"));
    }
    std::io::read_to_string(file)
}

fn within_limit(bytes: usize) -> Result<(), BundleError> {
    let limit = limits::BUNDLE_BYTES;
    if bytes > limit { Err(BundleError::TooLarge { bytes, limit }) } else { Ok(()) }
}

fn check(source: &Source) -> Result<(), BundleError> {
    let refuse = |path: &str, problem| Err(BundleError::Path { path: path.to_owned(), problem });
    for path in source.files.keys() {
        let plain = !path.is_empty() && !path.contains(|c: char| c.is_control() || c == '\\') && path.len() <= 255;
        if !plain || !Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
            return refuse(path, "must be a relative path without `..`, like lib/mail.ts");
        }
    }
    if source.files.contains_key(IMPORT_MAP) {
        return refuse(IMPORT_MAP, "is a name that the bundler uses: choose another");
    }
    if !source.files.contains_key(&source.entry) {
        return refuse(&source.entry, "is the entry, but not among the files");
    }
    within_limit(source.files.values().map(String::len).sum())
}

/// Puts the pinned esbuild where Deno looks for it, so that nothing is downloaded. Without one, Deno downloads it.
fn place_esbuild(deno: &Path, packages: &Path) -> std::io::Result<()> {
    // Deno 2.9.5 looks in the first place, 2.9.6 in the second.
    let places = ["", "-1"].map(|suffix| packages.join(format!("dl/esbuild-{ESBUILD}{suffix}/esbuild-{PLATFORM}")));
    if places.iter().all(|place| place.exists()) {
        return Ok(());
    }
    let real = std::fs::canonicalize(deno)?;
    let modules = real.ancestors().chain(deno.ancestors()).filter(|folder| folder.ends_with("node_modules"));
    let pinned = |modules: &Path| {
        let package = std::fs::read_to_string(modules.join("esbuild/package.json")).ok()?;
        let package: serde_json::Value = serde_json::from_str(&package).ok()?;
        let same = package.get("version").and_then(|version| version.as_str()) == Some(ESBUILD);
        let binary = modules.join(format!("@esbuild/{PLATFORM}/bin/esbuild"));
        (same && binary.is_file()).then_some(binary)
    };
    let Some(binary) = modules.into_iter().find_map(pinned) else { return Ok(()) };
    for place in places.iter().filter(|place| !place.exists()) {
        folder::ensure(place.parent().unwrap_or(packages))?;
        // Others may run it at once: it appears whole or not at all.
        let whole = place.with_extension(random_hex(4)?);
        std::fs::hard_link(&binary, &whole).or_else(|_| std::fs::copy(&binary, &whole).map(drop))?;
        std::fs::rename(&whole, place)?;
    }
    Ok(())
}
