//! The only meeting point of store, keys and runtime: services, HTTP, UI.
