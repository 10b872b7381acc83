//! The SQLite file, behind the server's back.

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

use crate::support::TestServer;

/// A connection to a server's database.
pub struct Database(AnyConnection);

impl Database {
    pub async fn open(server: &TestServer) -> Self {
        sqlx::any::install_default_drivers();
        let mut connection =
            AnyConnection::connect(&format!("sqlite://{}", server.data_dir().join("tresor.db").display()))
                .await
                .unwrap();
        sqlx::raw_sql("PRAGMA busy_timeout = 10000").execute(&mut connection).await.unwrap();
        Self(connection)
    }

    pub async fn run(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.0).await.unwrap();
    }

    /// Runs a statement that must change `rows` rows.
    pub async fn change(&mut self, rows: u64, sql: &str) {
        let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut self.0).await.unwrap();
        assert_eq!(done.rows_affected(), rows, "{sql}");
    }

    pub async fn number(&mut self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut self.0).await.unwrap()
    }

    /// Every column that holds bytes, with its table.
    pub async fn blobs(&mut self) -> Vec<(String, String)> {
        let columns = "SELECT m.name || '.' || p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND p.type = 'BLOB'";
        let columns: Vec<String> = sqlx::query_scalar(columns).fetch_all(&mut self.0).await.unwrap();
        assert!(columns.len() > 5, "{columns:?}");
        columns
            .iter()
            .map(|column| column.split_once('.').map(|(t, c)| (t.to_owned(), c.to_owned())).unwrap())
            .collect()
    }

    pub async fn close(self) {
        self.0.close().await.unwrap();
    }
}
