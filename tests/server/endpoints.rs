//! Declared TCP endpoints, with the packages that people use: a function sends mail and asks a database, with credentials from secrets.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

use crate::api::{App, eventually, random, str};
use crate::process::forms;
use crate::registry::Registry;

/// A mail server (`tests/support/smtp.mjs`) that ends with the test.
struct MailServer {
    child: Child,
    told: BufReader<ChildStdout>,
    port: u64,
    authority: String,
    _folder: tempfile::TempDir,
}

impl MailServer {
    fn start(host: &str, user: &str, password: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (certificate_file, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&certificate_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/smtp.mjs");
        let mut child = Command::new("node")
            .args([script.as_ref(), certificate_file.as_os_str(), key_file.as_os_str(), user.as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{password}").unwrap();
        let told = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, told, port: 0, authority: authority.pem(), _folder: folder };
        server.port = server.next().as_u64().unwrap();
        server
    }

    /// What it says next: its port, and then each mail that it took.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const MAIL: &str = r#"
import nodemailer from "npm:nodemailer@10.6.1";
const { SMTP_HOST: host, SMTP_PORT: port, SMTP_USER: user, SMTP_PASSWORD: pass, SMTP_CA: ca } = process.env;
const transport = nodemailer.createTransport({ host, port: Number(port), requireTLS: true, auth: { user, pass }, tls: { ca } });
Deno.serve(async (request) => {
  const { to } = await request.json();
  console.log(`logs in as ${user} with ${pass}`);
  try {
    const { response } = await transport.sendMail({ from: "shop@example.com", to, subject: "Your order", text: "It is on its way." });
    return new Response(response);
  } catch (error) {
    console.error(error);
    return new Response("no mail: " + error.code, { status: 502 });
  }
});
"#;

#[tokio::test(flavor = "multi_thread")]
async fn nodemailer_sends_mail_over_tls() {
    let password = format!("p@ss {}", random(24));
    let mut mail = MailServer::start("smtp.example.com", "shop", &password);
    let registry = Registry::start();
    let resolve = format!("smtp.example.com=127.0.0.1:{}", mail.port);
    let app = App::start_in(&["--allow-network", "127.0.0.0/8", "--resolve", &resolve], &[registry.variable()]);
    let admin = app.admin();
    for (name, value) in [
        ("SMTP_HOST", "smtp.example.com"),
        ("SMTP_PORT", "587"),
        ("SMTP_USER", "shop"),
        ("SMTP_PASSWORD", &password),
        ("SMTP_CA", &mail.authority),
    ] {
        admin.put_secret(name, value).await;
    }
    admin.deploy("mail", MAIL, json!({ "tcp": ["smtp.example.com:587"] })).await;
    let send = async || admin.post("/functions/v1/mail", json!({ "to": "ada@example.com" })).await;
    assert!(send().await.expect(200).text().contains("taken"));
    let taken = mail.next();
    assert_eq!(
        [&taken["user"], &taken["from"], &taken["to"][0], &taken["secure"]],
        [&json!("shop"), &json!("shop@example.com"), &json!("ada@example.com"), &json!(true)]
    );
    assert!(str(&taken["text"]).contains("Subject: Your order\r\n"), "{taken}");

    // The broker saw where to and how much. What the record and the log tell is no value, not even that of the host.
    let records = eventually("the connection is on record", async || {
        let records = admin.items("/api/v1/functions/mail/egress").await;
        (!records.is_empty()).then_some(records)
    })
    .await;
    let (host, port) = (json!("[redacted SMTP_HOST]"), json!(587));
    assert_eq!((records.len(), &records[0]["host"], &records[0]["port"]), (1, &host, &port));
    let invocation = admin.invocations("mail", 1).await.remove(0);
    let logs = admin.items(&format!("/api/v1/functions/mail/invocations/{}/logs", str(&invocation["id"]))).await;
    assert_eq!(logs[0]["text"], "logs in as shop with [redacted SMTP_PASSWORD]");

    // With another password the very next mail is refused, and the one after it goes out again.
    admin.put_secret("SMTP_PASSWORD", "not this one at all").await;
    assert_eq!(send().await.expect(502).text(), "no mail: EAUTH");
    admin.put_secret("SMTP_PASSWORD", &password).await;
    send().await.expect(200);
    assert_eq!(mail.next()["user"], "shop");

    // Without its endpoint the same code reaches nobody.
    admin.deploy("mail", MAIL, json!({})).await;
    assert!(send().await.expect(502).text().starts_with("no mail: "));
    let told =
        [admin.export().await, app.server.stderr_text(), String::from_utf8_lossy(&app.transcript()).into()].concat();
    assert!(forms(&password).iter().all(|form| !told.contains(form)), "the password was told");
}

const QUERY: &str = r#"
import postgres from "npm:postgres@3.4.9";
const sql = postgres(Deno.env.get("DATABASE_URL")!, { max: 2 });
Deno.serve(async (request) => {
  const name = new URL(request.url).searchParams.get("name");
  try {
    await sql`insert into orders ${sql({ name })}`;
    const rows = await sql`select name, current_user as who from orders order by name`;
    return Response.json(rows);
  } catch (error) {
    return Response.json({ error: error.code ?? error.message }, { status: 502 });
  }
});
"#;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_asked_by_name() {
    let server = std::env::var("TRESOR_TEST_POSTGRES")
        .expect("TRESOR_TEST_POSTGRES is not set: run `make test`, or `scripts/with-postgres cargo test`");
    sqlx::any::install_default_drivers();
    let mut root = AnyConnection::connect(&server).await.unwrap();
    let (user, password) = (format!("u{}", hex::encode(random(8))), random(32));
    let mut run = async |statement: String| {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut root).await.unwrap();
    };
    run(format!("CREATE USER {user} PASSWORD '{password}'")).await;
    run(format!("CREATE DATABASE {user} OWNER {user}")).await;
    let port = server.rsplit_once('/').unwrap().0.rsplit_once(':').unwrap().1.to_owned();

    let registry = Registry::start();
    let resolve = format!("db.example.com=127.0.0.1:{port}");
    let app = App::start_in(&["--allow-network", "127.0.0.0/8", "--resolve", &resolve], &[registry.variable()]);
    let admin = app.admin();
    let url = |password: &str| format!("postgres://{user}:{password}@db.example.com:5432/{user}");
    admin.put_secret("DATABASE_URL", &url(&password)).await;
    let (head, _) = server.rsplit_once('/').unwrap();
    let mut own = AnyConnection::connect(&format!(
        "{}/{user}",
        head.replacen(head, &format!("postgres://{user}:{password}@127.0.0.1:{port}"), 1)
    ))
    .await
    .unwrap();
    sqlx::raw_sql(AssertSqlSafe("CREATE TABLE orders (name text)".to_owned())).execute(&mut own).await.unwrap();
    own.close().await.unwrap();

    admin.deploy("orders", QUERY, json!({ "tcp": ["db.example.com:5432"] })).await;
    let order = async |name: &str| admin.get(&format!("/functions/v1/orders?name={name}")).await;
    assert_eq!(order("ada").await.expect(200).json(), json!([{ "name": "ada", "who": user }]));
    assert_eq!(order("bob").await.expect(200).json().as_array().unwrap().len(), 2);

    // The password is changed in the database first: until the new one is put, nobody gets in anew; then the next one does.
    let next = random(32);
    run(format!("ALTER USER {user} PASSWORD '{next}'")).await;
    run(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{user}'")).await;
    let refused = order("carl").await.expect(502).json();
    assert!(["28P01", "CONNECTION_CLOSED"].contains(&str(&refused["error"])), "{refused}");
    admin.put_secret("DATABASE_URL", &url(&next)).await;
    assert_eq!(order("carl").await.expect(200).json().as_array().unwrap().len(), 3);

    let records = eventually("the connections are on record", async || {
        let records = admin.items("/api/v1/functions/orders/egress").await;
        (!records.is_empty()).then_some(records)
    })
    .await;
    assert!(records.iter().all(|record| record["host"] == "db.example.com"), "{records:#?}");
    root.close().await.unwrap();
}
