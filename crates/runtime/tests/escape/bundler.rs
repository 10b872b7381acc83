//! The bundler's process, if what it reads or loads could make it do as it likes: it has the network, and the walls otherwise.

use std::path::Path;

use super::{CANARY, deno, walls};
use crate::Sandbox;
use crate::folder::{ensure, hand_over, write_private};
use crate::launch::{Launch, Spawner, dev_null};

/// What a Deno behind these walls prints that runs `code` with all permissions.
async fn run(sandbox: &Sandbox, dir: &Path, code: &str) -> String {
    let (packages, folder) = (dir.join("deno"), dir.join("work"));
    ensure(&packages.join("dl")).unwrap();
    ensure(&folder).unwrap();
    write_private(&folder.join("code.mjs"), code.as_bytes()).unwrap();
    // The second time they are of whoever was the bundler the first time.
    for path in [&packages, &folder] {
        hand_over(path, sandbox.keeper()).unwrap();
    }
    let launch = Launch {
        args: ["run", "-A", "--quiet", "--no-config", "code.mjs"].map(Into::into).into(),
        env: vec![("DENO_DIR", packages.clone().into()), ("NO_COLOR", "1".into())],
        dir: folder.clone(),
        memory_bytes: 4 << 30,
        resident_bytes: 4 << 30,
        stdin: dev_null().unwrap(),
        rules: crate::bundle::rules(sandbox, &packages, &folder),
    };
    let spawner = Spawner::start(sandbox.clone()).unwrap();
    let output = spawner.spawn(launch).await.unwrap().wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundler_has_the_network_and_its_folders_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let outside = dir.join("outside");
    ensure(&outside).unwrap();
    write_private(&outside.join("root.key"), CANARY.as_bytes()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let (server, outside) = (std::process::id(), outside.display());
    let code = format!(
        r#"
        const seen = {{}};
        const attempt = async (name, action) => {{
            try {{
                await action();
                seen[name] = "reached";
            }} catch (error) {{
                seen[name] = "stopped";
            }}
        }};
        await attempt("network", () => Deno.connect({{ hostname: "127.0.0.1", port: {port} }}));
        await attempt("own", () => Deno.writeTextFileSync("new", "x"));
        await attempt("cache", () => Deno.writeTextFileSync("../deno/new", "x"));
        await attempt("key", () => Deno.readTextFileSync("{outside}/root.key"));
        await attempt("write", () => Deno.openSync("{outside}/new", {{ write: true, create: true }}));
        await attempt("list", () => Deno.readDirSync("{outside}").next());
        await attempt("passwd", () => Deno.readTextFileSync("/etc/passwd"));
        await attempt("signal", () => Deno.kill({server}, "SIGURG"));
        await attempt("shell", () => new Deno.Command("/bin/sh", {{ args: ["-c", "true"] }}).outputSync());
        console.log(Object.entries(seen).map(([name, what]) => `${{name}} ${{what}}`).join(", "));
        "#
    );
    let open = Sandbox::none(&deno().await);
    for sandbox in [walls(&dir).await, open] {
        let holds = sandbox.walls().stands(crate::Wall::Mount);
        let seen = run(&sandbox, &dir, &code).await;
        let others = if holds { "stopped" } else { "reached" };
        let others =
            ["key", "write", "list", "passwd", "signal", "shell"].map(|name| format!("{name} {others}")).join(", ");
        assert_eq!(seen.trim(), format!("network reached, own reached, cache reached, {others}"));
    }
}
