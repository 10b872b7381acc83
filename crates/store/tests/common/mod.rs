//! Databases for tests, each its own, and rows to put in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, dead_code)]
#![allow(unreachable_pub, unused_imports, unused_macros)]

use std::sync::Arc;

use domain::audit::event::Outcome;
use domain::audit::{AuditEvent, EventActor, Resource};
use domain::{
    Access, AccountId, AccountName, ActorKind, Delivery, EgressPolicy, Endpoint, EnvironmentName, FunctionName,
    RequestId, ScopeSet, SecretId, SecretName, SecretSelection, Timestamp, TokenName, VersionSet,
};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use store::{
    AccountRow, DeploymentRow, EnvironmentRow, FunctionRow, InvocationRow, Location, LogRow, SecretRow, SessionRow,
    Store, StoreError, TokenRow, ValueFacts,
};

/// One write, in little space.
macro_rules! tx {
    ($store:expr, |$tx:ident| $body:expr) => {
        $store.write(move |$tx| Box::pin(async move { $body })).await
    };
}
pub(crate) use tx;

/// Each test on each database.
macro_rules! on_both {
    ($($test:ident,)*) => {
        mod sqlite {$(
            #[tokio::test]
            async fn $test() {
                super::$test(crate::common::Database::sqlite()).await;
            }
        )*}
        mod postgres {$(
            #[tokio::test]
            async fn $test() {
                super::$test(crate::common::Database::postgres().await).await;
            }
        )*}
    };
}
pub(crate) use on_both;

pub struct Database {
    pub location: Location,
    url: String,
    _folder: tempfile::TempDir,
}

impl Database {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("100% a?b#c.db"); // no character of a path may mean anything
        let url = format!("sqlite://{}/100%25%20a%3Fb%23c.db", folder.path().display());
        Self { location: Location::Sqlite(path), url, _folder: folder }
    }

    pub async fn postgres() -> Self {
        let server = std::env::var("TRESOR_TEST_POSTGRES")
            .expect("TRESOR_TEST_POSTGRES is not set: run `make test`, or `scripts/with-postgres cargo test`");
        let name = format!("t{}", uuid::Uuid::new_v4().simple());
        sqlx::any::install_default_drivers();
        let mut admin = AnyConnection::connect(&server).await.unwrap();
        // A collation that orders unlike bytes do, as many servers have.
        let create = format!("CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        Self { location: Location::Postgres(url.clone()), url, _folder: tempfile::tempdir().unwrap() }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.location, Location::Sqlite(_))
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.location).await.unwrap()
    }

    /// Runs SQL behind the store's back.
    pub async fn raw(&self, sql: impl Into<String>) {
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Every row of every table, in an order that does not depend on the database.
    pub async fn dump(&self) -> Vec<String> {
        const TABLES: &[&str] = &[
            "server_state",
            "accounts",
            "account_keys",
            "environments",
            "tokens",
            "sessions",
            "import_drafts",
            "login_codes",
            "secrets",
            "secret_versions",
            "secret_overlaps",
            "secret_reminders",
            "rotators",
            "rotations",
            "webhooks",
            "webhook_messages",
            "functions",
            "bundles",
            "deployments",
            "active",
            "invocations",
            "version_sets",
            "secret_requests",
            "logs",
            "idempotency",
            "audit_logs",
            "audit_events",
            "audit_nodes",
            "audit_checkpoints",
        ];
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        let mut lines = Vec::new();
        for table in TABLES {
            let select = AssertSqlSafe(format!("SELECT * FROM {table}"));
            for row in sqlx::query(select).fetch_all(&mut connection).await.unwrap() {
                // Only one of the databases types its NULLs.
                let values = row.values.iter().map(|value| match format!("{:?}", value.kind) {
                    null if null.starts_with("Null(") => "NULL".to_owned(),
                    text => text,
                });
                lines.push(format!("{table}: {}", values.collect::<Vec<_>>().join(", ")));
            }
        }
        connection.close().await.unwrap();
        lines.sort();
        lines
    }
}

pub fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub fn account_id(text: &str) -> AccountId {
    AccountId::new(text)
}

pub fn environment(text: &str) -> EnvironmentName {
    EnvironmentName::parse(text).unwrap()
}

pub fn secret_name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

pub fn function_name(text: &str) -> FunctionName {
    FunctionName::parse(text).unwrap()
}

/// An account `name` whose id is its name, with the environments `production` and `test`.
pub async fn account(store: &Store, name: &str) -> AccountId {
    let row = account_row(name);
    let id = row.id.clone();
    tx!(store, |tx| {
        tx.insert_account(&row).await?;
        for name in ["production", "test"] {
            let environment = EnvironmentRow { name: environment(name), created_at: time(1) };
            tx.insert_environment(&row.id, &environment).await?;
        }
        Ok::<_, store::StoreError>(())
    })
    .unwrap();
    id
}

pub fn account_row(name: &str) -> AccountRow {
    AccountRow { id: account_id(name), name: AccountName::parse(name).unwrap(), created_at: time(1) }
}

pub fn token_row(account: &AccountId, id: &str) -> TokenRow {
    TokenRow {
        id: id.to_owned(),
        account: account.clone(),
        name: TokenName::parse("ci").unwrap(),
        hash: format!("hash-of-{id}"),
        scopes: ScopeSet::admin(),
        member: None,
        environments: None,
        created_at: time(10),
        created_by: "setup".to_owned(),
        expires_at: Some(time(1_000_000)),
        revoked_at: None,
        last_used_at: None,
    }
}

pub fn session_row(account: &AccountId, id: &str, token: Option<&str>) -> SessionRow {
    SessionRow {
        id: id.to_owned(),
        account: account.clone(),
        hash: format!("hash-of-{id}"),
        token_id: token.map(ToOwned::to_owned),
        name: "browser".to_owned(),
        scopes: ScopeSet::default(),
        environments: Some(vec![environment("production"), environment("test")]),
        created_at: time(10),
        expires_at: time(1000),
    }
}

pub fn secret_row(account: &AccountId, env: &str, name: &str) -> SecretRow {
    SecretRow {
        id: SecretId::new(format!("{account}/{env}/{name}")),
        account: account.clone(),
        environment: environment(env),
        name: secret_name(name),
        version: 1,
        shared: None,
        mask: "sk-p****z789".to_owned(),
        facts: ValueFacts {
            note: "ü".to_owned(),
            fingerprint: Some(vec![7; 32]),
            findings: "wrong_format".to_owned(),
            mode: "test".to_owned(),
            rotate_by: Some(time(9_000)),
            publishable: true,
        },
        value_at: time(100),
        revision: 0,
        delivery: Delivery::Env,
        hosts: vec!["api.example.com".to_owned()],
        note: "ü, \"quoted\"".to_owned(),
        rotate_after_days: Some(90),
        overlap: None,
        previous: None,
        created_at: time(100),
        created_by: "ci".to_owned(),
        updated_at: time(100),
        updated_by: "ci".to_owned(),
        last_used_at: None,
    }
}

pub fn function_row(account: &AccountId, name: &str) -> FunctionRow {
    FunctionRow {
        id: format!("{account}/{name}"),
        account: account.clone(),
        name: function_name(name),
        created_at: time(100),
        updated_at: time(100),
    }
}

pub fn deployment_row(function_id: &str, digest: &str) -> DeploymentRow {
    DeploymentRow {
        function_id: function_id.to_owned(),
        number: 0,
        digest: digest.to_owned(),
        entry: "index.ts".to_owned(),
        access: Access::Public,
        egress: EgressPolicy::parse(["api.example.com", "*.example.org:8443"]).unwrap(),
        tcp: vec![Endpoint::parse("db.example.com:5432").unwrap()],
        response_guard: Some(domain::ResponseGuard::Block),
        secrets: SecretSelection::Only([secret_name("A"), secret_name("B")].into()),
        limits_json: "{}".to_owned(),
        cors_origins: domain::CorsOrigins::parse(["https://app.example", "http://localhost:3000"]).unwrap(),
        referenced: None,
        created_at: time(200),
        created_by: "ci".to_owned(),
    }
}

pub fn invocation_row(account: &AccountId, function_id: &str, id: &str, started_at: i64) -> InvocationRow {
    InvocationRow {
        id: id.to_owned(),
        account: account.clone(),
        function_id: function_id.to_owned(),
        environment: environment("production"),
        deployment: 1,
        started_at: time(started_at),
        duration_us: 1500,
        status: 200,
        outcome: "ok".to_owned(),
        cold: true,
        worker: "w1".to_owned(),
        actor_kind: "token".to_owned(),
        actor_name: "ci".to_owned(),
        method: "POST".to_owned(),
        path: "/x".to_owned(),
        versions: versions(1),
        error: None,
    }
}

/// Version `number` of a secret `A`.
pub fn versions(number: u64) -> Arc<VersionSet> {
    Arc::new(VersionSet::new(&[(SecretName::parse("A").unwrap(), number)].into()))
}

pub fn log_row(account: &AccountId, function_id: &str, invocation: Option<&str>, seq: u64, at: i64) -> LogRow {
    LogRow {
        account: account.clone(),
        function_id: function_id.to_owned(),
        invocation: invocation.map(ToOwned::to_owned),
        seq,
        time: time(at),
        stream: "stdout".to_owned(),
        text: format!("line {seq}"),
    }
}

pub fn event(account: &AccountId, action: &str, name: &str, number: u64) -> AuditEvent {
    AuditEvent {
        account: account.clone(),
        action: action.to_owned(),
        actor: EventActor { id: format!("actor{}", number % 3), kind: ActorKind::Token, name: "ci".to_owned() },
        details: [("number".to_owned(), number.to_string())].into(),
        environment: None,
        outcome: if number.is_multiple_of(2) { Outcome::Done } else { Outcome::Denied },
        request_id: RequestId::new(format!("r{number}")),
        resource: Resource { kind: action.split('.').next().unwrap().to_owned(), name: name.to_owned() },
        salt: format!("{number:032x}"),
        time: time(i64::try_from(number).unwrap()),
        v: 1,
    }
}

pub async fn deploy(store: &Store, row: DeploymentRow, account: &AccountId) -> Result<u64, StoreError> {
    let account = account.clone();
    tx!(store, |tx| {
        tx.insert_bundle_if_absent(&account, &row.digest, row.digest.as_bytes()).await?;
        let files = std::collections::BTreeMap::from([("index.ts".to_owned(), "code \"ü\" \0".to_owned())]);
        tx.insert_deployment(&account, &row, &files).await
    })
}

pub async fn set_active(
    store: &Store,
    account: &AccountId,
    function: &str,
    env: &str,
    number: u64,
    at: i64,
) -> Result<(), StoreError> {
    let account = account.clone();
    let row = store::ActiveRow {
        function_id: function.to_owned(),
        environment: environment(env),
        number,
        updated_at: time(at),
    };
    tx!(store, |tx| tx.set_active(&account, &row).await)
}
