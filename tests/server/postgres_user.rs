//! Users of a real PostgreSQL, whose passwords are rotated, and TLS before it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::api::random;
use crate::upstream::authority;

/// A database of its own, with a user, and an admin who is no superuser.
pub struct Postgres {
    pub root: AnyConnection,
    /// `127.0.0.1:port`.
    pub place: String,
    pub name: String,
    pub user: String,
    pub first: String,
    pub admin: String,
}

pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl Postgres {
    pub async fn start() -> Self {
        let name = format!("u{}", hex::encode(random(6)));
        Self::with_user(&name.clone(), &name).await
    }

    pub async fn with_user(user: &str, name: &str) -> Self {
        let server = std::env::var("TRESOR_TEST_POSTGRES")
            .expect("TRESOR_TEST_POSTGRES is not set: run `make test`, or `scripts/with-postgres cargo test`");
        sqlx::any::install_default_drivers();
        let root = AnyConnection::connect(&server).await.unwrap();
        let place = server.rsplit_once('/').unwrap().0.rsplit_once('@').unwrap().1.to_owned();
        let (password, admin) = (random(32), random(32));
        let url = |user: &str, password: &str| format!("postgres://{}:{password}@{place}/{name}", encoded(user));
        let admin_user = format!("{name}_admin");
        let (first, admin) = (url(user, &password), url(&admin_user, &admin));
        let mut postgres = Self { root, place, name: name.to_owned(), user: user.to_owned(), first, admin };
        let user = user.replace('"', "\"\"");
        postgres.run(format!("CREATE ROLE \"{user}\" LOGIN PASSWORD '{password}'")).await;
        postgres.run(format!("CREATE DATABASE {name} OWNER \"{user}\"")).await;
        let admin = postgres.admin.rsplit_once('@').unwrap().0.rsplit_once(':').unwrap().1.to_owned();
        postgres.run(format!("CREATE ROLE {admin_user} LOGIN CREATEROLE PASSWORD '{admin}'")).await;
        postgres.run(format!("GRANT \"{user}\" TO {admin_user} WITH ADMIN OPTION")).await;
        postgres
    }

    pub async fn run(&mut self, sql: impl Into<String>) {
        sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(&mut self.root).await.unwrap();
    }

    pub async fn text(&mut self, sql: &str) -> String {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut self.root).await.unwrap()
    }

    /// The other role, once it is there.
    pub fn other(&self) -> String {
        format!("{}_b", self.user)
    }
}

pub async fn logs_in(url: &str) -> bool {
    match AnyConnection::connect(url).await {
        Ok(connection) => {
            connection.close().await.unwrap();
            true
        }
        Err(_) => false,
    }
}

/// Speaks TLS for a PostgreSQL server that does not, as one that does.
pub async fn with_tls(place: &str, name: &str) -> (u16, tempfile::NamedTempFile) {
    let (acceptor, file) = authority(&[name]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let place = place.to_owned();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (acceptor, place) = (acceptor.clone(), place.clone());
            tokio::spawn(async move {
                let mut asked = [0; 8];
                stream.read_exact(&mut asked).await?;
                assert_eq!(asked, [0, 0, 0, 8, 4, 210, 22, 47], "SSLRequest");
                stream.write_all(b"S").await?;
                let mut secured = acceptor.accept(stream).await?;
                let mut server = TcpStream::connect(place).await?;
                tokio::io::copy_bidirectional(&mut secured, &mut server).await
            });
        }
    });
    (port, file)
}
