//! Rebuilds when a migration is added: `sqlx::migrate!` by itself sees only changes to those it read last.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
