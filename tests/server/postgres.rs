//! The main job on PostgreSQL: the same product, another database.

use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

use crate::api::{App, Client, str};
use crate::scan::{Scanner, canary};

/// A new database on the server that the tests were given.
pub async fn database() -> String {
    let server = std::env::var("TRESOR_TEST_POSTGRES")
        .expect("TRESOR_TEST_POSTGRES is not set: run `make test`, or `scripts/with-postgres cargo test`");
    sqlx::any::install_default_drivers();
    let name = format!("s{}", hex::encode(crate::api::random(8)));
    let mut admin = AnyConnection::connect(&server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

async fn show(caller: &Client) -> String {
    caller.get("/functions/v1/show").await.expect(200).text()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job() {
    let (first, second) = (canary("sk-C", false), canary("sk-D", true));
    let url = database().await;
    let args = ["--database-url", url.as_str()];
    let app = App::start_with(&args);
    let admin = app.admin();
    admin.put_secret("KEY", &first).await.expect(201);
    admin
        .deploy(
            "show",
            "Deno.serve(() => { console.log(Deno.env.get('KEY')); return new Response(Deno.env.get('KEY')); })",
            json!({}),
        )
        .await;
    assert_eq!(show(&admin).await, first);
    let rotated = admin.put_secret("KEY", &second).await.expect(200).json();
    assert_eq!(
        (&rotated["version"], str(&rotated["mask"])),
        (&json!(2), format!("sk-D****{}", &second[36..]).as_str())
    );
    assert_eq!(show(&admin).await, second);
    let other = app.account("other").await;
    other.get("/api/v1/secrets/KEY").await.problem(404, "not_found");
    other.get("/functions/v1/show").await.problem(404, "not_found");
    admin.invocations("show", 2).await;
    app.server.run(&["audit", "verify"]).ok();
    let before = admin.state().await;

    // Killed, it loses nothing; stopped, neither.
    let app = app.restart(|server| server.kill_hard(), &args);
    assert_eq!(app.admin().state().await, before);
    let app = app.restart(|server| assert_eq!(server.stop(), 0), &args);
    let admin = app.admin();
    assert_eq!(admin.state().await, before);
    assert_eq!(show(&admin).await, second);
    assert_eq!(admin.put_secret("KEY", &first).await.json()["version"], 3);
    assert_eq!(show(&admin).await, first);
    app.server.run(&["audit", "verify"]).ok();
    assert!(!app.server.data_dir().join("tresor.db").exists());

    // Everything that the database holds, as text.
    let scanner = Scanner::new(&[&first, &second]);
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert!(tables.len() > 15, "{tables:?}");
    for table in tables {
        let rows: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT string_agg(t::text, ' ') FROM \"{table}\" t")))
                .fetch_one(&mut connection)
                .await
                .unwrap();
        scanner.assert_absent(&table, rows.unwrap_or_default().as_bytes());
    }
    scanner.assert_absent_below(app.server.home());
}
