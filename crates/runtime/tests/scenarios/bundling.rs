//! From source to bundle: places of errors, and what a bundle may not take in.

use std::time::Duration;

use runtime::{BundleError, Bundler, Source};

use crate::harness::{Function, Host, bundle, deno, sandbox, source};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_source_gives_the_same_digest() {
    let (one, two) = (bundle("shape_serve").await.unwrap(), bundle("shape_serve").await.unwrap());
    assert_eq!(one, two);
    assert_eq!(one.digest.len(), 64);
    assert_ne!(one.digest, bundle("shape_fetch").await.unwrap().digest);
    // Paths of this machine would make it differ elsewhere.
    assert!(!one.code.contains(env!("CARGO_TARGET_TMPDIR")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_syntax_error_names_file_line_and_column() {
    let error = bundle("syntax_error").await.unwrap_err();
    assert!(matches!(&error, BundleError::Syntax { file, line: 4, column: 1, .. } if file == "index.ts"), "{error:?}");
    assert_eq!(error.to_string(), "index.ts:4:1: SyntaxError: Expected ',', got '}'");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_cannot_be_resolved_has_its_place() {
    for (scenario, line) in [("unresolved", 2), ("remote", 1)] {
        let error = bundle(scenario).await.unwrap_err();
        assert!(
            matches!(&error, BundleError::Import { file, line: at, .. } if file == "index.ts" && *at == line),
            "{error:?}"
        );
        assert!(!error.to_string().contains(env!("CARGO_TARGET_TMPDIR")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_takes_in_no_file_of_the_server() {
    let error = bundle("steals").await.unwrap_err();
    assert!(
        matches!(&error, BundleError::Import { line: 1, message, .. } if message.contains("no other file")),
        "{error:?}"
    );

    // `require` is resolved by the bundler, behind Deno's back.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.json");
    std::fs::write(&file, r#"{"key":"canary"}"#).unwrap();
    let mut source = source("steals_by_require");
    for text in source.files.values_mut() {
        *text = text.replace("/etc/passwd.json", file.to_str().unwrap());
    }
    let cache = tempfile::tempdir().unwrap();
    let error = bundler(cache.path(), 60_000).await.bundle(&source).await.unwrap_err();
    assert!(
        matches!(&error, BundleError::Import { line: 2, message, .. } if message.contains("no other file")),
        "{error:?}"
    );
    let left: Vec<_> = std::fs::read_dir(cache.path().join("work")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_sizes_are_checked_before_anything_is_written() {
    let cache = tempfile::tempdir().unwrap();
    let bundler = bundler(cache.path(), 60_000).await;
    for path in ["../x.ts", "/x.ts", "a/../../x.ts", "", "a\0.ts", "a\\b.ts"] {
        let error = bundler.bundle(&Source::single(path, "export default 1")).await.unwrap_err();
        assert!(matches!(error, BundleError::Path { .. }), "{path:?}: {error:?}");
    }
    let mut source = Source::single("index.ts", "");
    source.entry = "other.ts".to_owned();
    assert!(matches!(bundler.bundle(&source).await.unwrap_err(), BundleError::Path { .. }));
    let huge = Source::single("index.ts", " ".repeat(domain::limits::BUNDLE_BYTES + 1));
    assert!(matches!(bundler.bundle(&huge).await.unwrap_err(), BundleError::TooLarge { .. }));
    assert!(std::fs::read_dir(cache.path()).unwrap().next().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundler_is_ended_when_its_time_is_up() {
    let cache = tempfile::tempdir().unwrap();
    let error = bundler(cache.path(), 1).await.bundle(&source("shape_serve")).await.unwrap_err();
    assert!(matches!(error, BundleError::Timeout { .. }), "{error:?}");
}

async fn bundler(cache: &std::path::Path, millis: u64) -> Bundler {
    Bundler::with_timeout(deno().await, sandbox().await, cache.to_path_buf(), Duration::from_millis(millis)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_and_an_import_map() {
    let host = Host::new().await;
    let function = Function::new("import_map").await;
    assert_eq!(host.get(&function, "/").await.unwrap().text, "HELLO WORLD");

    // Another bundler, in another folder, at another depth, makes the same of the same.
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("deeper/still");
    let bundle = bundler(&cache, 60_000).await.bundle(&source("import_map")).await.unwrap();
    assert_eq!(bundle.code, &*function.code);

    // A map cannot lead out, neither by itself nor by what is added to it.
    let secret = folder.path().join("secret.ts");
    std::fs::write(&secret, "export const greet = 'sk-canary-outside';").unwrap();
    for (map, import) in [
        (r#"{"imports":{"greet":"../../../../../../secret.ts"}}"#.to_owned(), "greet"),
        (format!(r#"{{"imports":{{"greet":"{}"}}}}"#, secret.display()), "greet"),
        (r#"{"imports":{"lib/":"./lib/"}}"#.to_owned(), "lib/../../../../../../../secret.ts"),
        (r#"{"imports":{"lib/":"./lib/"}}"#.to_owned(), "lib/%2e%2e/%2e%2e/%2e%2e/secret.ts"),
    ] {
        let mut hostile = source("import_map");
        hostile.files.insert("deno.json".to_owned(), map.clone());
        let text = format!("import {{ greet }} from \"{import}\";\nDeno.serve(() => new Response(greet));");
        hostile.files.insert("index.ts".to_owned(), text);
        let error = bundler(&cache, 60_000).await.bundle(&hostile).await.unwrap_err().to_string();
        assert!(!error.contains("sk-canary"), "{map} {import}: {error}");
    }
}
