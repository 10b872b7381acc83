//! Files: the host's, the server's, other workers', and what could be left behind.

use serde_json::json;

use super::{CANARY, Scene, stopped, try_all};

/// Each way that JavaScript has to read, with those by which Deno's own checks were passed once.
#[tokio::test(flavor = "multi_thread")]
async fn no_way_of_reading_reaches_a_file_of_the_host() {
    let attacks = |scene: &Scene| {
        let (key, json, env) = (scene.path("root.key"), scene.path("canary.json"), scene.path("canary.env"));
        vec![
            ("read", json!({ "path": key })),
            ("read", json!({ "path": "/etc/passwd" })),
            ("read", json!({ "path": "/proc/self/environ" })),
            ("read", json!({ "path": "/proc/self/maps" })),
            ("read", json!({ "path": "/proc/self/status" })),
            ("read", json!({ "path": format!("/proc/self/root{key}") })),
            ("read", json!({ "path": "/sys/kernel/mm/transparent_hugepage/enabled" })),
            ("read_node", json!({ "path": key })),
            ("stat", json!({ "path": key })),
            ("list", json!({ "path": scene.outside })),
            ("list", json!({ "path": "/etc" })),
            ("list", json!({ "path": "/dev" })),
            ("link", json!({ "path": key })),
            ("hard_link", json!({ "path": key })),
            ("climb", json!({ "path": key })),
            ("load_env", json!({ "path": env })),
            ("require", json!({ "path": json })),
            ("import", json!({ "path": json })),
            ("import_relative", json!({ "path": json })),
            ("fetch_file", json!({ "path": key })),
        ]
    };
    let ways = [
        "NotFound",
        "ENOENT",
        "no such file",
        "No such file",
        "not found",
        "NotSupported",
        "os error 38",
        "os error 2",
        "PermissionDenied",
        "NetworkError",
        "TypeError",
        "Cannot find module",
    ];
    try_all(attacks, &ways).await;
    // Of these the server's user keeps its own from a process without capabilities, so they fail without walls too.
    let others = |_: &Scene| {
        let of = |file: &str| ("read", json!({ "path": format!("/proc/{}/{file}", std::process::id()) }));
        vec![of("environ"), of("mem"), of("maps"), of("root/etc/passwd"), of("cwd/Cargo.toml")]
    };
    stopped(&Scene::walled().await, others, &["NotFound"]).await;
}

/// What lies there is what was put there.
#[tokio::test(flavor = "multi_thread")]
async fn the_file_tree_holds_deno_and_the_workers_folder_only() {
    let scene = Scene::walled().await;
    let root = scene.attack("list", json!({ "path": "/" })).await;
    // Landlock lets it list only its own folder; who gets past that sees what the mount view has.
    assert!(root.as_ref().is_err_and(|how| how.contains("denied")), "{root:?}");
    let pid = scene.pid("thief");
    let mut seen: Vec<_> = std::fs::read_to_string(format!("/proc/{pid}/mountinfo"))
        .unwrap()
        .lines()
        .map(|line| {
            let mut fields = line.split(' ');
            (fields.nth(4).unwrap().to_owned(), fields.next().unwrap().to_owned())
        })
        .collect();
    seen.sort();
    let own = scene.folder("thief").to_str().unwrap().to_owned();
    for (path, options) in &seen {
        let has = |option| options.split(',').any(|own| own == option);
        assert!(has("nosuid") && has("nodev"), "{path} {options}");
        assert_eq!(has("ro"), *path != own, "{path} {options}");
        let known = path == "/"
            || *path == own
            || path.ends_with("/deno")
            || path.contains("/lib")
            || path.ends_with("bootstrap.mjs");
        let certificates = std::env::var_os("SSL_CERT_DIR").into_iter().chain(std::env::var_os("SSL_CERT_FILE"));
        assert!(known || certificates.into_iter().any(|named| named.to_str() == Some(path)), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_anywhere() {
    let attacks = |scene: &Scene| {
        vec![
            ("write", json!({ "path": scene.path("root.key") })),
            ("write", json!({ "path": scene.path("new") })),
            ("write", json!({ "path": scene.dir.path().join("r/bootstrap.mjs") })),
            ("make", json!({ "name": "more" })),
            ("folder", json!({ "name": "sub" })),
            ("temporary", json!({})),
            ("chmod", json!({ "path": scene.path("root.key") })),
        ]
    };
    let ways = [
        "NotFound",
        "ENOENT",
        "PermissionDenied",
        "ReadOnly",
        "Read-only",
        "unable to open",
        "NotSupported",
        "os error",
        "not a directory",
        "Not a directory",
    ];
    try_all(attacks, &ways).await;
    // These would be ended by the limit on a file's size without walls.
    let others = |scene: &Scene| {
        vec![
            ("sqlite", json!({ "path": scene.path("new.db") })),
            ("kv", json!({ "path": scene.path("new.kv") })),
            ("storage", json!({})),
            ("cache", json!({})),
        ]
    };
    stopped(&Scene::walled().await, others, &["unable to open", "Error"]).await;
}

/// The module graph of a function is loaded without any of Deno's checks.
#[tokio::test(flavor = "multi_thread")]
async fn a_static_import_reads_no_file_of_the_host() {
    for (scene, holds) in [(Scene::walled().await, true), (Scene::open().await, false)] {
        for (path, kind) in [("root.key", "text"), ("canary.json", "json")] {
            let code = format!(
                "import got from \"file://{}\" with {{ type: \"{kind}\" }};\n\
                 Deno.serve(() => Response.json({{ reached: JSON.stringify(got) }}));",
                scene.path(path)
            );
            let seen = scene.send(&format!("import-{kind}"), &code, json!({})).await.unwrap();
            match seen {
                Err(how) => assert!(holds && !how.contains(CANARY), "{kind}: {how}"),
                Ok(got) => assert!(!holds && got.to_string().contains(CANARY), "{kind}: {got}"),
            }
        }
    }
}

/// Another worker's code, sockets and values.
#[tokio::test(flavor = "multi_thread")]
async fn another_worker_is_out_of_reach() {
    let victim = "Deno.serve(() => Response.json({ reached: Deno.env.get(\"CANARY_KEY\") }));";
    for (scene, holds) in [(Scene::walled().await, true), (Scene::open().await, false)] {
        assert_eq!(scene.send("victim", victim, json!({})).await.unwrap().unwrap(), CANARY);
        let folder = scene.folder("victim");
        let pid = scene.pid("victim");
        let attacks = [
            ("read", json!({ "path": folder.join("main.mjs") })),
            ("list", json!({ "path": folder })),
            ("list", json!({ "path": folder.parent() })),
            ("unix", json!({ "path": folder.join("s") })),
            ("unix", json!({ "path": folder.join("e") })),
            ("read", json!({ "path": format!("/proc/{pid}/environ") })),
            ("kill", json!({ "pid": pid })),
        ];
        for (attack, args) in attacks {
            let seen = scene.attack(attack, args.clone()).await;
            assert_eq!(seen.is_err(), holds, "{attack} {args}: {seen:?}");
        }
    }
}
