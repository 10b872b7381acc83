//! One definition of a read, callable on the pool and inside a write.

/// Turns `pub async fn name(conn, args…) -> Result<T> { … }` into a method of `Store`, on a connection of the read pool,
/// and one of `Tx`, which sees what the write has done so far.
macro_rules! reads {
    ($(
        $(#[$doc:meta])*
        pub async fn $name:ident($conn:ident $(, $arg:ident: $ty:ty)* $(,)?) -> $out:ty $body:block
    )*) => {
        $(async fn $name($conn: &mut sqlx::AnyConnection $(, $arg: $ty)*) -> $out $body)*

        impl crate::Store {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// The database's, or that what is stored cannot be read.
            pub async fn $name(&self $(, $arg: $ty)*) -> $out {
                $name(&mut *self.reader().await? $(, $arg)*).await
            }
        )*}

        impl crate::Tx {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// The database's, or that what is stored cannot be read.
            pub async fn $name(&mut self $(, $arg: $ty)*) -> $out {
                $name(self.reading().await? $(, $arg)*).await
            }
        )*}
    };
}
