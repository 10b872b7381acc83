//! Rotation of PostgreSQL passwords against a real server: under load, killed at any point, and against hostile values.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _};
use tokio::net::TcpListener;

use crate::api::{App, Client, eventually, random, str};
use crate::database::Database;
use crate::postgres_user::{Postgres, logs_in, with_tls};
use crate::registry::Registry;
use crate::rotations::{becomes, rotate, stands};
use crate::scan::Scanner;
use crate::webhooks::ALLOWED;

const KEY: &str = "DATABASE_URL";
const PATH: &str = "/api/v1/secrets/DATABASE_URL";

/// What keeps a rotation that is tried again.
async fn problem(client: &Client, id: &str) -> Value {
    eventually("a try fails", async || {
        let found = stands(client, KEY, id).await;
        found.get("problem").is_some().then_some(found)
    })
    .await
}

/// Stores the URLs, a function that tells the current one, and a rotator of two roles.
async fn prepare(app: &App, postgres: &Postgres) -> Client {
    let admin = app.admin();
    admin.put_secret(KEY, &postgres.first).await;
    admin.put_secret("ADMIN_URL", &postgres.admin).await;
    let source = format!("Deno.serve(() => new Response(Deno.env.get('{KEY}')))");
    admin.deploy("show", &source, json!({ "secrets": [KEY] })).await;
    let rotator = json!({ "kind": "postgres", "admin": "ADMIN_URL" });
    let set = admin.put(&format!("{PATH}/rotator"), rotator).await.expect(201).json();
    assert_eq!(set["roles"], json!([postgres.user, postgres.other()]), "{set}");
    admin
}

async fn shown(client: &Client) -> String {
    client.get("/functions/v1/show").await.expect(200).text()
}

const CONNECTS: &str = r#"
import postgres from "npm:postgres@3.4.9";
Deno.serve(async () => {
  const sql = postgres(Deno.env.get("DATABASE_URL")!, { max: 1, connect_timeout: 20 });
  try {
    await sql`insert into orders values (1)`;
    const [row] = await sql`select session_user as who`;
    return Response.json(row);
  } catch (error) {
    return Response.json({ error: error.code ?? error.message }, { status: 502 });
  } finally {
    await sql.end();
  }
});
"#;

/// Functions connect at every invocation, without a break, while the password is rotated twenty times: none fails.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_rotations_under_load_lose_no_connection() {
    let mut postgres = Postgres::start().await;
    let registry = Registry::start();
    let resolve = format!("db.example.com={}", postgres.place);
    let app = App::start_in(&[&ALLOWED[..], &["--resolve", &resolve]].concat(), &[registry.variable()]);
    postgres.first = postgres.first.replace(&postgres.place, "db.example.com:5432");
    postgres.admin = postgres.admin.replace(&postgres.place, "db.example.com:5432");
    let admin = prepare(&app, &postgres).await;
    let here = |url: &str| url.replace("db.example.com:5432", &postgres.place);
    let mut own = AnyConnection::connect(&here(&postgres.first)).await.unwrap();
    sqlx::raw_sql("CREATE TABLE orders (n int)").execute(&mut own).await.unwrap();
    admin.deploy("orders", CONNECTS, json!({ "tcp": ["db.example.com:5432"], "access": "public" })).await;
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let (caller, stop, calls) = (app.anonymous(), Arc::clone(&stop), Arc::clone(&calls));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    caller.get("/functions/v1/orders").await.expect(200);
                    calls.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let mut current = postgres.first.clone();
    for round in 0..20 {
        let id = rotate(&admin, KEY).await;
        becomes(&admin, KEY, &id, "done").await;
        let now = shown(&admin).await;
        assert_ne!(now, current);
        assert!(logs_in(&here(&now)).await, "round {round}");
        assert!(!logs_in(&here(&current)).await, "round {round}: the password before is retired");
        current = now;
        // Callers keep up, so that every rotation is under load.
        let floor = calls.load(Ordering::SeqCst);
        eventually("the callers call", async || {
            (calls.load(Ordering::SeqCst) > floor || callers.iter().any(tokio::task::JoinHandle::is_finished))
                .then_some(())
        })
        .await;
    }
    stop.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.expect("an invocation failed");
    }
    assert!(calls.load(Ordering::SeqCst) >= 20);
    // What sessions of either role made is of one owner.
    sqlx::raw_sql("DROP TABLE orders").execute(&mut own).await.unwrap();
    own.close().await.unwrap();
    app.server.run(&["audit", "verify"]).ok();
}

/// Killed at every step as it is on record, and at moments that nobody chose: the current value always logs in, and the rotation is
/// finished by the next start.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_one_role_always_works() {
    let postgres = Postgres::start().await;
    let mut app = App::start_with(&ALLOWED);
    prepare(&app, &postgres).await;
    let mut current = postgres.first.clone();
    let mut seed = 11_u64;
    let steps = ["create", "verify", "activate", "retire"];
    for (round, step) in steps.into_iter().map(Some).chain([None; 10]).enumerate() {
        let admin = app.admin();
        let mut database = Database::open(&app.server).await;
        let id = rotate(&admin, KEY).await;
        match step {
            Some(step) => {
                let there = format!(
                    "SELECT count(*) FROM rotations WHERE id = '{id}' AND (step = '{step}' OR ended_at IS NOT NULL)"
                );
                while database.number(&there).await == 0 {}
            }
            None => {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let end = Instant::now() + Duration::from_micros(seed >> 45);
                while Instant::now() < end {
                    tokio::task::yield_now().await;
                }
            }
        }
        database.close().await;
        app = app.restart(|server| server.kill_hard(), &ALLOWED);
        let admin = app.admin();
        assert!(
            logs_in(&shown(&admin).await).await,
            "round {round}: the current value does not log in after the crash"
        );
        becomes(&admin, KEY, &id, "done").await;
        let now = shown(&admin).await;
        assert_ne!(now, current, "round {round}");
        assert!(logs_in(&now).await && !logs_in(&current).await, "round {round}");
        current = now;
    }
    app.server.run(&["audit", "verify"]).ok();
}

/// Without an admin the user changes its own password.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_changes_its_own_password_in_place() {
    let postgres = Postgres::start().await;
    let mut app = App::start_with(&ALLOWED);
    let admin = app.admin();
    admin.put_secret(KEY, &postgres.first).await;
    let source = format!("Deno.serve(() => new Response(Deno.env.get('{KEY}')))");
    admin.deploy("show", &source, json!({})).await;
    admin.put(&format!("{PATH}/rotator"), json!({ "kind": "postgres" })).await.expect(201);
    let mut current = postgres.first.clone();
    for round in 0..6_u64 {
        let admin = app.admin();
        let id = rotate(&admin, KEY).await;
        if round > 0 {
            let end = Instant::now() + Duration::from_millis(round * 12);
            while Instant::now() < end {
                tokio::task::yield_now().await;
            }
            app = app.restart(|server| server.kill_hard(), &ALLOWED);
        }
        let admin = app.admin();
        becomes(&admin, KEY, &id, "done").await;
        let now = shown(&admin).await;
        assert!(now != current && logs_in(&now).await && !logs_in(&current).await, "round {round}");
        current = now;
    }
    // Where the database cannot be reached, the password that may be the only one is not forgotten by a cancellation.
    let admin = app.admin();
    let away = current.replace(&postgres.place, "127.0.0.1:1");
    admin.put_secret(KEY, &away).await;
    let id = rotate(&admin, KEY).await;
    let found = problem(&admin, &id).await;
    assert_eq!(found["problem"], "the database cannot be reached: 127.0.0.1 accepts no connection", "{found}");
    admin.post(&format!("{PATH}/rotations/{id}/cancel"), json!({})).await.problem(409, "in_use");
    admin.put_secret(KEY, &current).await;
    admin.post(&format!("{PATH}/rotations/{id}/retry"), json!({})).await.expect(200);
    assert_eq!(becomes(&admin, KEY, &id, "cancelled").await["problem"], "another value was put meanwhile");
    assert!(logs_in(&shown(&admin).await).await);
}

/// Names that would be SQL if they were not quoted.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_is_a_name() {
    let mark = format!("m{}", hex::encode(random(5)));
    let user = format!("{mark}\"; ALTER ROLE {mark}_admin SUPERUSER; --\\'");
    let mut postgres = Postgres::with_user(&user, &mark).await;
    let app = App::start_with(&ALLOWED);
    let admin = prepare(&app, &postgres).await;
    for _ in 0..3 {
        let before = shown(&admin).await;
        let id = rotate(&admin, KEY).await;
        becomes(&admin, KEY, &id, "done").await;
        let now = shown(&admin).await;
        assert!(logs_in(&now).await && !logs_in(&before).await);
    }
    let made = format!("SELECT count(*)::text FROM pg_roles WHERE starts_with(rolname, '{mark}')");
    assert_eq!(postgres.text(&made).await, "3", "the user, the other one and the admin");
    let grown = format!("SELECT count(*)::text FROM pg_roles WHERE starts_with(rolname, '{mark}') AND rolsuper");
    assert_eq!(postgres.text(&grown).await, "0");
    // Nor is a superuser made one of the two, whoever names it.
    postgres.run(format!("CREATE ROLE {mark}_root SUPERUSER LOGIN")).await;
    let rotator = json!({ "kind": "postgres", "admin": "ADMIN_URL", "roles": [shown_user(&admin).await, format!("{mark}_root")] });
    admin.put(&format!("{PATH}/rotator"), rotator).await.expect(200);
    let id = rotate(&admin, KEY).await;
    let failed = becomes(&admin, KEY, &id, "failed").await;
    assert!(str(&failed["problem"]).contains("is a superuser"), "{failed}");
    assert!(logs_in(&shown(&admin).await).await);
}

async fn shown_user(client: &Client) -> String {
    let url = shown(client).await;
    let user = url.strip_prefix("postgres://").unwrap().split(':').next().unwrap().to_owned();
    percent_encoding::percent_decode_str(&user).decode_utf8().unwrap().into_owned()
}

/// A connection goes where a function's could, and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn no_value_leads_into_the_private_network() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let app = App::start();
    let admin = app.admin();
    for host in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        "169.254.169.254:80".to_owned(),
        "10.0.0.1".to_owned(),
        format!("0x7f.1:{port}"),
    ] {
        let password = random(24);
        admin.put_secret(KEY, &format!("postgres://app:{password}@{host}/app")).await;
        admin.put(&format!("{PATH}/rotator"), json!({ "kind": "postgres" })).await;
        let id = rotate(&admin, KEY).await;
        let failed = becomes(&admin, KEY, &id, "failed").await;
        let problem = str(&failed["problem"]);
        assert!(problem.contains("not public") || problem.contains("must be written plainly"), "{host}: {problem}");
        assert!(!problem.contains(&password));
        // What nothing was done with yet can be given up by another value.
        admin.put_secret(KEY, "postgres://app:other@db.example.com/app").await;
        admin.post(&format!("{PATH}/rotations/{id}/retry"), json!({})).await.expect(200);
        becomes(&admin, KEY, &id, "cancelled").await;
    }
    // With an admin, his host is the one that counts for him.
    admin.put_secret("ADMIN_URL", &format!("postgres://root:pw@127.0.0.1:{port}/app")).await;
    admin.put(&format!("{PATH}/rotator"), json!({ "kind": "postgres", "admin": "ADMIN_URL" })).await.expect(200);
    let id = rotate(&admin, KEY).await;
    let failed = becomes(&admin, KEY, &id, "failed").await;
    assert!(str(&failed["problem"]).starts_with("with ADMIN_URL: "), "{failed}");
    assert_eq!(reached.load(Ordering::SeqCst), 0);
    // The server's own listener is out of reach even where its network is not.
    let app = App::start_with(&ALLOWED);
    let admin = app.admin();
    admin.put_secret(KEY, &format!("postgres://app:pw@{}/app", app.server.address())).await;
    admin.put(&format!("{PATH}/rotator"), json!({ "kind": "postgres" })).await.expect(201);
    let id = rotate(&admin, KEY).await;
    assert!(str(&becomes(&admin, KEY, &id, "failed").await["problem"]).contains("the server itself"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_is_in_no_log_not_even_of_the_database() {
    let mut postgres = Postgres::start().await;
    postgres.run(format!("ALTER ROLE {}_admin SET log_statement = 'all'", postgres.name)).await;
    postgres.run(format!("ALTER ROLE {} SET log_statement = 'all'", postgres.name)).await;
    let app = App::start_with(&ALLOWED);
    let admin = prepare(&app, &postgres).await;
    let id = rotate(&admin, KEY).await;
    becomes(&admin, KEY, &id, "done").await;
    let (in_show, before) = (shown(&admin).await, app.transcript().len());
    admin.put(&format!("{PATH}/rotator"), json!({ "kind": "postgres" })).await.expect(200);
    let id = rotate(&admin, KEY).await;
    becomes(&admin, KEY, &id, "done").await;
    let password = |url: &str| url.rsplit_once('@').unwrap().0.rsplit_once(':').unwrap().1.to_owned();
    let second = shown(&admin).await;
    let (first, second) = (password(&in_show), password(&second));
    assert_eq!((first.len(), second.len()), (43, 43));
    // The scanner wants forty bytes with four in front.
    let scanner = Scanner::new(&[&first[..40], &second[..40]]);
    let folder = postgres.text("SHOW data_directory").await;
    let log = std::fs::read(std::path::Path::new(&folder).parent().unwrap().join("server.log")).unwrap();
    let told = String::from_utf8_lossy(&log);
    assert!(told.contains(&postgres.name) && told.contains("PASSWORD 'SCRAM-SHA-256$4096:"), "statements are logged");
    scanner.assert_absent("the database's log", &log);
    scanner.assert_absent("the audit log", admin.export().await.as_bytes());
    admin.get(&format!("{PATH}/rotations")).await.expect(200);
    admin.get(PATH).await.expect(200);
    scanner.assert_absent_below(app.server.home());
    // The function that shows it is the only one that did.
    let transcript = app.transcript();
    assert!(scanner.find(&transcript[before..]).is_some());
    for line in String::from_utf8_lossy(&transcript).lines().filter(|line| !line.starts_with("postgres://")) {
        scanner.assert_absent("an answer", line.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_leaves_the_value_before_working() {
    let mut postgres = Postgres::start().await;
    let app = App::start_with(&ALLOWED);
    let admin = prepare(&app, &postgres).await;
    // The other role is there, and nobody gets in as it.
    let other = postgres.other();
    postgres.run(format!("CREATE ROLE {other} LOGIN CONNECTION LIMIT 0")).await;
    postgres.run(format!("GRANT {other} TO {}_admin WITH ADMIN OPTION", postgres.name)).await;
    let id = rotate(&admin, KEY).await;
    let found = problem(&admin, &id).await;
    let told = (&found["step"], &found["problem"]);
    assert_eq!(told, (&json!("verify"), &json!("the database has too many connections")), "{found}");
    assert_eq!(shown(&admin).await, postgres.first);
    assert!(logs_in(&postgres.first).await);
    postgres.run(format!("ALTER ROLE {other} CONNECTION LIMIT -1")).await;
    admin.post(&format!("{PATH}/rotations/{id}/retry"), json!({})).await.expect(200);
    becomes(&admin, KEY, &id, "done").await;
    assert_eq!(shown_user(&admin).await, other);
    // One that cannot log in is said so at once.
    let user = postgres.user.clone();
    postgres.run(format!("ALTER ROLE {user} NOLOGIN")).await;
    let id = rotate(&admin, KEY).await;
    let failed = becomes(&admin, KEY, &id, "failed").await;
    assert!(str(&failed["problem"]).contains("cannot log in"), "{failed}");
    admin.post(&format!("{PATH}/rotations/{id}/cancel"), json!({})).await.expect(200);
    // An admin who may not is told so.
    postgres.run(format!("ALTER ROLE {user} LOGIN")).await;
    postgres.run(format!("ALTER ROLE {}_admin NOCREATEROLE", postgres.name)).await;
    let id = rotate(&admin, KEY).await;
    assert_eq!(problem(&admin, &id).await["problem"], "the database does not let the user do that");
    admin.post(&format!("{PATH}/rotations/{id}/cancel"), json!({})).await.expect(200);
    assert!(logs_in(&shown(&admin).await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotator_of_postgres_is_set_only_with_what_it_needs() {
    let app = App::start();
    let admin = app.admin();
    let refused = async |body: Value, code: &str, field: &str| {
        let answer = admin.put(&format!("{PATH}/rotator"), body.clone()).await;
        let problem = answer.problem(422, code);
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    };
    for value in [
        "hunter2",
        "https://app:hunter2@db.example.com/app",
        "postgres://db.example.com/app",
        "postgres://app@h/d?password=hunter2",
    ] {
        admin.put_secret(KEY, value).await;
        refused(json!({ "kind": "postgres" }), "value_not_postgres", "name").await;
    }
    admin.put_secret(KEY, "postgres://app:hunter2@db.example.com/app").await;
    admin.put_secret("ADMIN_URL", "postgres://root:hunter2@db.example.com/app").await;
    admin.put_secret("NO_URL", "hunter2hunter2").await;
    refused(json!({ "kind": "postgres", "function": "f" }), "not_of_kind", "function").await;
    refused(json!({ "kind": "function", "function": "f", "admin": "ADMIN_URL" }), "not_of_kind", "admin").await;
    refused(json!({ "kind": "postgres", "roles": ["app", "b"] }), "admin_missing", "roles").await;
    refused(json!({ "kind": "postgres", "admin": KEY }), "admin_itself", "admin").await;
    refused(json!({ "kind": "postgres", "admin": "NOBODYS_URL" }), "admin_unknown", "admin").await;
    refused(json!({ "kind": "postgres", "admin": "NO_URL" }), "value_not_postgres", "admin").await;
    for roles in [
        json!(["app"]),
        json!(["app", "app"]),
        json!(["app", ""]),
        json!(["app", "x".repeat(64)]),
        json!(["app", "a\u{0}b"]),
    ] {
        refused(json!({ "kind": "postgres", "admin": "ADMIN_URL", "roles": roles }), "roles_invalid", "roles").await;
    }
    refused(json!({ "kind": "postgres", "admin": "ADMIN_URL", "roles": ["a", "b"] }), "roles_without_user", "roles")
        .await;
    admin.get(&format!("{PATH}/rotator")).await.problem(404, "not_found");
}

/// `sslmode` means what libpq says.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_as_safe_as_their_sslmode() {
    let postgres = Postgres::start().await;
    let (right, authority) = with_tls(&postgres.place, "localhost").await;
    let (misnamed, other_authority) = with_tls(&postgres.place, "db.example.com").await;
    let (unknown, _) = with_tls(&postgres.place, "localhost").await;
    let plain = postgres.place.rsplit_once(':').unwrap().1.parse().unwrap();
    let (authority, other) = (authority.path().to_str().unwrap(), other_authority.path().to_str().unwrap());
    let allow = ["--allow-network", "127.0.0.1/32", "--allow-network", "::1/128", "--resolve", "localhost=127.0.0.1"];
    let app = App::start_with(&[&["--trust", authority, "--trust", other], &allow[..]].concat());
    let admin = app.admin();
    let mut password = postgres.first.rsplit_once('@').unwrap().0.rsplit_once(':').unwrap().1.to_owned();
    let source = format!("Deno.serve(() => new Response(Deno.env.get('{KEY}')))");
    admin.deploy("show", &source, json!({})).await;
    for (port, mode, works) in [
        (plain, "disable", true),
        (plain, "prefer", true),
        (plain, "require", false),
        (plain, "verify-full", false),
        (right, "prefer", true),
        (right, "require", true),
        (right, "verify-ca", true),
        (right, "verify-full", true),
        (misnamed, "require", true),
        (misnamed, "verify-ca", true),
        (misnamed, "verify-full", false),
        (unknown, "require", true),
        (unknown, "verify-ca", false),
        (unknown, "verify-full", false),
    ] {
        let port: u16 = port;
        let url = format!("postgres://{}:{password}@localhost:{port}/{}?sslmode={mode}", postgres.user, postgres.name);
        admin.put_secret(KEY, &url).await;
        admin.put(&format!("{PATH}/rotator"), json!({ "kind": "postgres" })).await;
        let id = rotate(&admin, KEY).await;
        if works {
            becomes(&admin, KEY, &id, "done").await;
            let now = shown(&admin).await;
            password = now.rsplit_once('@').unwrap().0.rsplit_once(':').unwrap().1.to_owned();
            assert!(now.ends_with(&format!("/{}?sslmode={mode}", postgres.name)));
        } else {
            let found = problem(&admin, &id).await;
            let told = "the connection to the database failed, or is not encrypted as its sslmode asks";
            assert_eq!(found["problem"], told, "{port} {mode}");
            admin.put_secret(KEY, &url.replace(mode, "disable")).await;
            admin.post(&format!("{PATH}/rotations/{id}/retry"), json!({})).await.expect(200);
            becomes(&admin, KEY, &id, "cancelled").await;
        }
    }
}
