//! Invariant 9 for code: what is no function, or reaches out of it, gets a precise error and changes nothing.

use serde_json::{Value, json};

use crate::api::{App, eventually, str};
use crate::bad_input::{Case, FUNCTION, SECRET, expected};

#[tokio::test(flavor = "multi_thread")]
async fn sources() {
    let case = Case::new().await;
    let marker = &case.marker;
    let serve = "Deno.serve(() => new Response());";
    for (what, body, code, field) in [
        ("neither source nor files", json!({}), "source_missing", "source"),
        ("both", json!({ "source": serve, "files": { "index.ts": serve } }), "source_missing", "source"),
        ("an empty source", json!({ "source": " \n" }), "source_empty", "source"),
        ("no entry", json!({ "files": { "main.ts": serve } }), "entry_missing", "entry"),
        (
            "over the limit",
            json!({ "source": format!("//{}\n{serve}", "x".repeat(10 * 1024 * 1024)) }),
            "source_too_large",
            "files",
        ),
        ("an unknown access", json!({ "source": serve, "access": marker }), "access_unknown", "access"),
        ("an unknown selection", json!({ "source": serve, "secrets": marker }), "secrets_unknown", "secrets"),
        ("a selection of no name", json!({ "source": serve, "secrets": ["not a name"] }), "name_invalid", "name"),
        ("no time", json!({ "source": serve, "timeout_seconds": 0 }), "out_of_range", "timeout_seconds"),
        ("too much time", json!({ "source": serve, "timeout_seconds": 901 }), "out_of_range", "timeout_seconds"),
        ("too little memory", json!({ "source": serve, "memory_mib": 31 }), "out_of_range", "memory_mib"),
        (
            "an unknown environment",
            json!({ "source": serve, "environment": "nowhere" }),
            "environment_unknown",
            "environment",
        ),
    ] {
        case.put(what, FUNCTION, body, expected(422, code, field)).await;
    }
    for path in ["../out.ts", "/etc/out.ts", "a/../../out.ts", "a\\b.ts", ""] {
        let body = json!({ "files": { "index.ts": serve, path: serve } });
        case.put(path, FUNCTION, body, expected(422, "source_invalid", "")).await;
    }
    for (what, source, line, column) in [
        ("a syntax error", format!("const {marker} = 1;\nDeno.serve(() => {{\n  return new Response(;\n}});\n"), 3, 23),
        ("a type syntax error", "let a: = 1;\nDeno.serve(() => new Response());".to_owned(), 1, 8),
    ] {
        let problem =
            case.put(what, FUNCTION, json!({ "source": source }), expected(422, "source_syntax", "index.ts")).await;
        assert_eq!(
            (&problem["errors"][0]["line"], &problem["errors"][0]["column"]),
            (&json!(line), &json!(column)),
            "{problem}"
        );
    }
    let body = json!({ "files": { "index.ts": format!("import {{ a }} from './lib/a.ts';\nconsole.log(a);\n{serve}"), "lib/a.ts": "export const a = 1;\nexport const = 2;\n" } });
    let problem =
        case.put("an error in another file", FUNCTION, body, expected(422, "source_syntax", "lib/a.ts")).await;
    assert_eq!(problem["errors"][0]["line"], 2, "{problem}");
    let imports = |path: &str| json!({ "source": format!("import x from \"{path}\";\n{serve}console.log(x);") });
    let problem =
        case.put("a missing file", FUNCTION, imports("./missing.ts"), expected(422, "source_import", "index.ts")).await;
    assert_eq!(problem["errors"][0]["line"], 1, "{problem}");
    // Fits as source, and not as bundle: each character becomes an escape of several.
    let body = json!({ "source": format!("const text = \"{}\";\nDeno.serve(() => new Response(text));", "é".repeat(4_000_000)) });
    case.put("a bundle over the limit", FUNCTION, body, expected(422, "bundle_too_large", "")).await;
    let answer = case.admin.post("/api/v1/functions/nobodys/rollback", json!({ "number": 1 })).await;
    case.refused("a rollback of nothing", answer, expected(404, "not_found", "")).await;
    drop(case.app);
}

/// Nor does the refusal tell which files the server has, or where.
#[tokio::test(flavor = "multi_thread")]
async fn imports_do_not_leave_the_function() {
    let app = App::start();
    let admin = app.admin();
    let mut told = Vec::new();
    // The fourth is this server's root key, seen from where the bundler works.
    for path in [
        "file:///etc/passwd",
        "/etc/passwd",
        "/etc/no-such-file",
        "../../../../root.key",
        "../../../../no-such.key",
        "../index.ts",
    ] {
        for with in ["", " with { type: 'text' }", " with { type: 'json' }"] {
            let source = format!("import x from \"{path}\"{with};\nDeno.serve(() => new Response(x));");
            let answer = admin.put(FUNCTION, json!({ "source": source })).await;
            let problem = answer.problem(422, "source_import");
            let text = answer.text();
            assert!(
                !text.contains("root:") && !text.contains("tresor-root-key") && !text.contains("/tmp"),
                "{path}{with}: {text}"
            );
            assert!(!str(&problem["detail"]).starts_with(':'), "{path}{with}: {text}");
            told.push((path, str(&problem["detail"]).to_owned()));
        }
    }
    let of = |wanted: &str| {
        told.iter().filter(|(path, _)| *path == wanted).map(|(_, detail)| detail.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of("/etc/passwd"), of("/etc/no-such-file"), "it is told which files the server has");
    assert_eq!(of("../../../../root.key"), of("../../../../no-such.key"), "it is told which files the server has");
    assert_eq!(admin.items("/api/v1/functions").await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_do_not_load() {
    let app = App::start();
    let admin = app.admin();
    for (name, source, code, outcome, says) in [
        (
            "throws",
            "import \"node:fs\";\nconst key = undefined;\nconsole.log(key.length);\nDeno.serve(() => new Response());",
            "function_boot_error",
            "boot_error",
            "index.ts:3",
        ),
        (
            "rejects",
            "await Promise.reject(new Error('not today'));\nDeno.serve(() => new Response());",
            "function_boot_error",
            "boot_error",
            "not today",
        ),
        ("exits", "Deno.exit(3);\nDeno.serve(() => new Response());", "function_boot_error", "boot_error", ""),
        ("no-handler", "export const answer = 42;", "function_no_handler", "boot_error", ""),
    ] {
        admin.deploy(name, source, json!({})).await;
        let answer = admin.get(&format!("/functions/v1/{name}")).await;
        let problem = answer.problem(502, code);
        assert!(
            !answer.header("x-tresor-invocation").is_empty() && str(&problem["detail"]).contains("log"),
            "{name}: {problem}"
        );
        let recorded = &admin.invocations(name, 1).await[0];
        assert_eq!(
            (&recorded["status"], &recorded["outcome"], &recorded["id"]),
            (&json!(502), &json!(outcome), &json!(answer.header("x-tresor-invocation")))
        );
        assert!(recorded["error"].as_str().is_some_and(|error| error.contains(says)), "{name}: {recorded}");
        if !says.is_empty() {
            let logs = format!("/api/v1/functions/{name}/invocations/{}/logs", str(&recorded["id"]));
            eventually("the log tells where", async || admin.get(&logs).await.text().contains(says).then_some(()))
                .await;
        }
        // The next deployment is not held back by the one before.
        admin.deploy(name, "Deno.serve(() => new Response('better'));", json!({})).await;
        assert_eq!(admin.get(&format!("/functions/v1/{name}")).await.expect(200).text(), "better");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_deno_secrets_still_work() {
    let app = App::start_with(&["--deno", "/nonexistent/deno"]);
    let admin = app.admin();
    let problem = admin
        .put(FUNCTION, json!({ "source": "Deno.serve(() => new Response())" }))
        .await
        .problem(503, "runtime_unavailable");
    let detail = str(&problem["detail"]);
    assert!(detail.contains("/nonexistent/deno") && detail.contains("npm ci"), "{detail}");
    let ready = admin.get("/readyz").await.expect(503).text();
    assert!(ready.contains("npm ci"), "{ready}");
    assert_eq!(admin.get("/healthz").await.expect(200).text(), "ok\n");
    admin.get("/functions/v1/fn").await.problem(404, "not_found");
    admin.put_secret("KEY", "a-value-as-good-as-ever").await.expect(201);
    assert_eq!(admin.get(SECRET).await.expect(200).json()["mask"], "a-va****ever");
    assert_eq!(admin.items("/api/v1/functions").await.len(), 0);

    // What was deployed before says the same.
    let app = App::start();
    app.admin().deploy("fn", "Deno.serve(() => new Response('ok'))", json!({ "access": "public" })).await;
    let app = app.restart(|server| assert_eq!(server.stop(), 0), &["--deno", "/nonexistent/deno"]);
    let problem = app.anonymous().get("/functions/v1/fn").await.problem(503, "runtime_unavailable");
    assert!(!str(&problem["detail"]).is_empty());
    let app = app.restart(|server| assert_eq!(server.stop(), 0), &[]);
    app.anonymous().get("/functions/v1/fn").await.expect(200);
}
