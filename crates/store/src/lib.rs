//! Persistence in SQLite or PostgreSQL. It cannot decrypt: it does not link envelope.
