//! `tresor scan` against a real server and real repositories. Keys are put together as the tests run: none is written down.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Finished, TestServer, run, tresor};

/// Random-looking, and no two alike.
fn key(seed: u64) -> String {
    let hash = domain::token::hash(&format!("scan test {seed}"));
    hash.chars().take(32).enumerate().map(|(at, c)| if at % 3 == 0 { c.to_ascii_uppercase() } else { c }).collect()
}

fn stripe(mode: &str, seed: u64) -> String {
    format!("sk_{mode}_{}", key(seed))
}

struct Repo(tempfile::TempDir);

impl Repo {
    fn new() -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        repo.git(&["init", "-q", "-b", "main"]);
        for (name, value) in [("user.name", "a"), ("user.email", "a@example.com"), ("commit.gpgsign", "false")] {
            repo.git(&["config", name, value]);
        }
        repo
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn git(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(args).current_dir(self.path()).env("HOME", self.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }
}

/// Paths, lines and rules.
fn told(finished: &Finished) -> Vec<String> {
    let report = finished.json();
    let line = |found: &Value| {
        format!("{}:{} {}", found["path"].as_str().unwrap(), found["line"], found["rule"].as_str().unwrap())
    };
    report["findings"].as_array().unwrap().iter().map(line).collect()
}

fn offline(path: &Path, args: &[&str]) -> Finished {
    let mut all = vec!["scan", ".", "--offline"];
    all.extend(args);
    let mut command = tresor(path, &all);
    command.env("HOME", path);
    run(command, None)
}

#[test]
fn stored_values_and_keys_in_a_folder() {
    let server = TestServer::start();
    let repo = Repo::new();
    let (stored, strange) = (key(1), stripe("live", 2));
    server.run_with(&["secret", "put", "API_KEY"], stored.as_bytes()).ok();
    server.run_with(&["secret", "put", "API_KEY"], format!("{}-new", key(3)).as_bytes()).ok();
    server.run_with(&["secret", "put", "WEAK"], b"hunter2hunter2hunter2").ok();
    repo.write("src/config.ts", &format!("// settings\nexport const url = \"https://x/?k={stored}\";\n"));
    repo.write(".env.example", &format!("A=1\nSTRIPE_SECRET_KEY={strange}\nPASSWORD=hunter2hunter2hunter2\n"));
    repo.write("picture.png", &format!("\0{strange}"));
    repo.write(".gitignore", ".env\n");
    repo.write(".env", &format!("KEY={stored}\n"));
    repo.write(".tresorscanignore", "vendor/\n");
    repo.write("vendor/lib.js", &strange);
    repo.write("allowed.txt", &format!("{strange} # tresor:allow\n"));

    let scan = |args: &[&str]| {
        let mut command = server.cli(&["scan", repo.path().to_str().unwrap()]);
        command.args(args);
        run(command, None)
    };
    let finished = scan(&[]);
    assert_eq!(finished.code, 1, "{finished:?}");
    let shown = |value: &str| format!("{}****{}", &value[..4], &value[value.len() - 4..]);
    assert_eq!(
        finished.stdout,
        format!(
            ".env.example:2:19  stripe/STRIPE_SECRET_KEY  {}  Stripe: Secret or restricted key\n\
             .env.example:3:10  assigned-secret  hunt****ter2  A value assigned to a name for secrets\n\
             src/config.ts:2:34  stored-value  {}  the value of API_KEY in production (version 1, not current)\n",
            shown(&strange),
            shown(&stored)
        )
    );
    for part in ["candidates compared with stored values", "1 stored values are too easy to guess", "3 findings"] {
        assert!(finished.stderr.contains(part), "{part}: {}", finished.stderr);
    }
    assert!(!finished.stdout.contains(&stored) && !finished.stderr.contains(&stored));

    assert_eq!(
        told(&scan(&["--json"])),
        [".env.example:2 stripe/STRIPE_SECRET_KEY", ".env.example:3 assigned-secret", "src/config.ts:2 stored-value"]
    );
    let all = told(&scan(&["--json", "--no-ignore"]));
    assert!(
        all.contains(&".env:1 stored-value".to_owned()) && !all.iter().any(|line| line.starts_with("vendor")),
        "{all:?}"
    );
    assert_eq!(
        told(&scan(&["--json", "--offline"])),
        [".env.example:2 stripe/STRIPE_SECRET_KEY", ".env.example:3 assigned-secret"]
    );
    assert_eq!(scan(&["--json"]).json()["findings"][2]["secrets"][0]["name"], "API_KEY");

    // The server saw digests and names only, and has it on record.
    let log = server.run(&["audit", "list", "--json"]).ok().stdout;
    assert!(log.contains("secret.scan") && log.contains("\"found\": \"API_KEY\"") && !log.contains(&stored), "{log}");
}

#[test]
fn a_token_for_scanning_is_enough_and_another_is_not() {
    let server = TestServer::start();
    let repo = Repo::new();
    server.run_with(&["secret", "put", "API_KEY"], key(1).as_bytes()).ok();
    repo.write("a", &key(1));
    let scan = |scope: &str| {
        let token = server.run(&["token", "create", "ci", "--scope", scope]).ok().stdout;
        let mut command = server.cli(&["scan", repo.path().to_str().unwrap(), "--json"]);
        command.env("TRESOR_TOKEN", token.trim());
        run(command, None)
    };
    assert_eq!(told(&scan("secrets:scan")), ["a:1 stored-value"]);
    let refused = scan("secrets:read");
    assert_eq!((refused.code, refused.stderr.contains("secrets:scan")), (3, true), "{refused:?}");
    let nobody = run(tresor(repo.path(), &["scan", "--url", "http://127.0.0.1:1"]), None);
    assert_eq!((nobody.code, nobody.stderr.contains("--offline")), (69, true), "{nobody:?}");
}

#[test]
fn whole_history() {
    let repo = Repo::new();
    repo.write("a b/é.txt", "one\n");
    repo.commit("first");
    repo.write("a b/é.txt", &format!("one\ntwo {}\nthree\n", stripe("live", 1)));
    repo.commit("second");
    repo.write("a b/é.txt", "one\n");
    repo.commit("taken out");
    repo.git(&["checkout", "-q", "-b", "side", "HEAD~2"]);
    repo.write("side", &format!("key = {}\n", stripe("live", 2)));
    repo.commit("on a branch");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "--no-commit", "side"]);
    // What only the merge brings.
    repo.write("side", &format!("key = {}\nevil = {}\n", stripe("live", 2), stripe("live", 3)));
    repo.commit("merge");
    repo.write("stashed", &stripe("live", 4));
    repo.git(&["add", "-A"]);
    repo.git(&["stash", "-q"]);
    repo.write("picture.png", &format!("\0{}", stripe("live", 5)));
    repo.commit("binary");
    std::fs::remove_file(repo.path().join("picture.png")).unwrap();

    let finished = offline(repo.path(), &["--git", "--json"]);
    let rule = "stripe/STRIPE_SECRET_KEY";
    assert_eq!(
        told(&finished),
        [
            format!("a b/é.txt:2 {rule}"),
            format!("side:1 {rule}"),
            format!("side:2 {rule}"),
            format!("stashed:1 {rule}")
        ]
    );
    let second = repo.git(&["rev-parse", "HEAD~2~1"]);
    let commit = finished.json()["findings"][0]["commit"].as_str().unwrap().to_owned();
    assert_eq!(repo.git(&["log", "-1", "--format=%s", &commit]).trim(), "second", "{second}");
    assert!(offline(repo.path(), &[]).code == 1, "the merge's own line is in the tree");
    let nowhere = tempfile::tempdir().unwrap();
    let refused = offline(nowhere.path(), &["--git"]);
    assert_eq!((refused.code, refused.stderr.contains("not a git repository")), (1, true), "{refused:?}");
}

/// Settings of a repository that came from somewhere name programs; none of them runs.
#[test]
fn a_hostile_repository_runs_nothing() {
    let repo = Repo::new();
    repo.write("a", &stripe("live", 1));
    repo.write(".gitattributes", "* diff=evil filter=evil\n");
    repo.commit("first");
    repo.write("a", &stripe("live", 2));
    let mark = repo.path().join("ran");
    let evil = format!("touch {} #", mark.display());
    for name in [
        "core.fsmonitor",
        "diff.external",
        "diff.evil.command",
        "diff.evil.textconv",
        "core.pager",
        "core.sshCommand",
        "pager.diff",
    ] {
        repo.git(&["config", name, &evil]);
    }
    repo.git(&["config", "core.quotepath", "true"]);
    repo.git(&["config", "diff.noprefix", "true"]);
    repo.git(&["config", "color.ui", "always"]);
    let _ = std::fs::remove_file(&mark);
    repo.git(&["-c", "core.fsmonitor=false", "add", "a"]);
    // What would run when a file is added or checked out, when an index is written, when a signature is looked at.
    for name in ["filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "gpg.program", "credential.helper"] {
        repo.git(&["config", name, &evil]);
    }
    repo.git(&["config", "filter.evil.required", "true"]);
    repo.git(&["config", "log.showSignature", "true"]);
    repo.write("more", &format!("[diff \"evil\"]\n\tcommand = {evil}\n"));
    repo.git(&["config", "include.path", "../more"]);
    let hooks = repo.path().join("hooks");
    for hook in ["post-index-change", "pre-commit", "fsmonitor-watchman", "reference-transaction", "post-checkout"] {
        use std::os::unix::fs::PermissionsExt as _;
        let file = repo.write(&format!("hooks/{hook}"), &format!("#!/bin/sh\ntouch {}\n", mark.display()));
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    repo.git(&["config", "core.hooksPath", &hooks.display().to_string()]);
    let _ = std::fs::remove_file(&mark);
    for (args, count) in [(&["--git"][..], 1), (&["--staged"], 1), (&[], 1)] {
        let finished = offline(repo.path(), &[args, &["--json"]].concat());
        assert_eq!(told(&finished).len(), count, "{args:?}: {finished:?}");
        assert!(!mark.exists(), "{args:?} ran a program of the repository's");
    }
}

/// A clone that lacks objects names where to get them, and with which program: nothing is fetched.
#[test]
fn a_partial_clone_fetches_nothing() {
    let repo = Repo::new();
    repo.write("a", &stripe("live", 1));
    repo.commit("first");
    let blob = repo.git(&["rev-parse", "HEAD:a"]);
    repo.write("a", "nothing\n");
    repo.commit("second");
    let upstream = tempfile::tempdir().unwrap();
    let mark = repo.path().join("ran");
    for (name, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", &upstream.path().display().to_string()),
        ("remote.origin.uploadpack", &format!("touch {}; git-upload-pack", mark.display())),
    ] {
        repo.git(&["config", name, value]);
    }
    let (folder, file) = blob.trim().split_at(2);
    std::fs::remove_file(repo.path().join(".git/objects").join(folder).join(file)).unwrap();
    for args in [&["--git"][..], &["--staged"], &[]] {
        offline(repo.path(), args);
        assert!(!mark.exists(), "{args:?} ran a program of the repository's");
    }
    // Git itself does: the test would see it.
    let _ = repo.command(&["cat-file", "-p", blob.trim()]).output().unwrap();
    assert!(mark.exists());
}

#[test]
fn the_hook_stops_a_commit() {
    let repo = Repo::new();
    let bin = Path::new(support::TRESOR).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let installed = offline(repo.path(), &["--install-hook"]).ok();
    assert!(installed.stderr.contains("Installed") && installed.stderr.contains("pre-commit"), "{installed:?}");
    offline(repo.path(), &["--install-hook"]).ok();
    let commit = || {
        repo.git(&["add", "-A"]);
        repo.command(&["commit", "-q", "-m", "x"]).env("PATH", &path).output().unwrap()
    };
    repo.write("a", "nothing\n");
    assert!(commit().status.success());
    repo.write("a", &format!("nothing\n{}\n", stripe("live", 1)));
    let refused = commit();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a:2:1  stripe/STRIPE_SECRET_KEY"), "{refused:?}");
    // What is only in the work tree is not of the commit.
    repo.git(&["reset", "-q"]);
    repo.write("b", "harmless\n");
    repo.git(&["add", "b"]);
    assert!(repo.command(&["commit", "-q", "-m", "x"]).env("PATH", &path).output().unwrap().status.success());
    std::fs::write(repo.path().join(".git/hooks/pre-commit"), "#!/bin/sh\nexit 0\n").unwrap();
    let other = offline(repo.path(), &["--install-hook"]);
    assert_eq!((other.code, other.stderr.contains("another pre-commit hook")), (5, true), "{other:?}");
}

#[test]
fn a_baseline_lets_be_what_is_known() {
    let repo = Repo::new();
    repo.write("a", &stripe("live", 1));
    repo.write("b", &stripe("live", 2));
    offline(repo.path(), &["--write-baseline", "known.json"]).ok();
    let text = std::fs::read_to_string(repo.path().join("known.json")).unwrap();
    assert!(!text.contains(&key(1)) && !text.contains(&key(1)[..8]), "{text}");
    let known = ["--baseline", "known.json"];
    offline(repo.path(), &known).ok();
    // It moved, which does not matter; another key in the same file does.
    repo.write("a", &format!("\n\n{}\n{}", stripe("live", 1), stripe("live", 3)));
    let found = offline(repo.path(), &["--baseline", "known.json", "--json"]);
    assert_eq!((told(&found), &found.json()["accepted"]), (vec!["a:4 stripe/STRIPE_SECRET_KEY".to_owned()], &2.into()));
    repo.write("known.json", "{}");
    assert_eq!(offline(repo.path(), &known).code, 1);
}

#[test]
fn sarif_names_rules_and_places() {
    let repo = Repo::new();
    repo.write("a b/é.txt", &format!("\n  {}\n", stripe("test", 1)));
    let finished = offline(repo.path(), &["--sarif"]);
    assert_eq!(finished.code, 1);
    let log = finished.json();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let result = &run["results"][0];
    assert_eq!(run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize]["id"], result["ruleId"]);
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%A9.txt");
    assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&2.into(), &3.into()));
    assert_eq!((&result["level"], &result["ruleId"]), (&"note".into(), &"stripe/STRIPE_SECRET_KEY".into()));
    assert!(!finished.stdout.contains(&key(1)));
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(offline(empty.path(), &["--sarif"]).ok().json()["runs"][0]["results"], serde_json::json!([]));
}
