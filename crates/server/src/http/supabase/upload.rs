//! A deployment as the `supabase` command line sends it: files and a part of metadata, in one multipart body. Paths are
//! those of the working folder (`supabase/functions/hello/index.ts`), and stay so: errors name them.

use std::collections::BTreeMap;

use axum::extract::multipart::{Field, Multipart};
use axum::http::StatusCode;
use domain::{Invalid, limits};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::http::body;
use crate::http::problem::{ApiError, ApiResult};
use crate::service::Upload;

/// Where our bundler looks for a function's import map.
const IMPORT_MAP: &str = "deno.json";

/// What it says beside the files; more is passed over.
#[derive(Deserialize)]
struct Metadata {
    entrypoint_path: String,
    import_map_path: Option<String>,
    verify_jwt: Option<bool>,
}

/// Reads the body.
pub(super) async fn read(mut parts: Multipart) -> ApiResult<Upload> {
    let (mut files, mut metadata) = (BTreeMap::new(), None);
    let mut bytes = 0;
    while let Some(part) = parts.next_field().await.map_err(|_| incomplete())? {
        match part.name() {
            Some("metadata") => metadata = Some(body::parse::<Metadata>(&content(part, &mut bytes).await?)?),
            Some("file") => {
                let path = relative(part.file_name().unwrap_or_default());
                let text = String::from_utf8(content(part, &mut bytes).await?).map_err(|_| {
                    Invalid::new(
                        "file",
                        "file_not_text",
                        format!("{path} must be text in UTF-8: other files cannot be deployed"),
                    )
                })?;
                files.insert(path, text);
            }
            _ => {}
        }
    }
    let metadata =
        metadata.ok_or_else(|| Invalid::new("metadata", "metadata_missing", "must be a part of the body"))?;
    if let Some(path) = metadata.import_map_path.as_deref().map(relative).filter(|path| !path.is_empty()) {
        at_root(&mut files, &path)?;
    }
    Ok(Upload { files, entry: relative(&metadata.entrypoint_path), authenticated: metadata.verify_jwt })
}

async fn content(mut part: Field<'_>, bytes: &mut usize) -> ApiResult<Vec<u8>> {
    let mut content = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|_| incomplete())? {
        *bytes += chunk.len();
        if *bytes > limits::BUNDLE_BYTES {
            let rule = format!("must be at most {} bytes together", limits::BUNDLE_BYTES);
            return Err(Invalid::new("file", "source_too_large", rule).into());
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

fn incomplete() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "body_incomplete",
        "The body is larger than allowed, no multipart body, or not whole.",
    )
}

/// A path below the working folder. One that leads out of it is refused later, as one of any deployment.
fn relative(path: &str) -> String {
    let path = path.replace('\\', "/");
    path.trim_start_matches("./").to_owned()
}

/// Puts the import map where the bundler finds it, with its relative paths counted from there.
fn at_root(files: &mut BTreeMap<String, String>, path: &str) -> Result<(), Invalid> {
    let unreadable =
        |file: &str, rule: &str| Invalid::new("import_map_path", "import_map_invalid", format!("{file} {rule}"));
    let read = |files: &BTreeMap<String, String>, file: &str| -> Result<Map<String, Value>, Invalid> {
        let text = files.get(file).ok_or_else(|| unreadable(file, "is not among the files"))?;
        serde_json::from_str(text).map_err(|error| {
            let rule = format!("must be JSON without comments: line {}, column {}", error.line(), error.column());
            unreadable(file, &rule)
        })
    };
    let mut map = read(files, path)?;
    let mut folder = folder_of(path).to_owned();
    if let (Some(Value::String(other)), None) = (map.get("importMap"), map.get("imports")) {
        let other = joined(&folder, other);
        map = read(files, &other)?;
        folder = folder_of(&other).to_owned();
    }
    let mut root = Map::new();
    if let Some(Value::Object(imports)) = map.get("imports") {
        root.insert("imports".to_owned(), Value::Object(rebased(imports, &folder)));
    }
    if let Some(Value::Object(scopes)) = map.get("scopes") {
        let scopes = scopes.iter().filter_map(|(scope, targets)| {
            Some((from_root(&folder, scope), Value::Object(rebased(targets.as_object()?, &folder))))
        });
        root.insert("scopes".to_owned(), Value::Object(scopes.collect()));
    }
    files.insert(IMPORT_MAP.to_owned(), Value::Object(root).to_string());
    Ok(())
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn rebased(targets: &Map<String, Value>, folder: &str) -> Map<String, Value> {
    let target = |value: &Value| match value {
        Value::String(text) => Value::String(from_root(folder, text)),
        other => other.clone(),
    };
    targets.iter().map(|(name, value)| (from_root(folder, name), target(value))).collect()
}

/// `./x` and `../x` as `./` and the path from the root; anything else as it is.
fn from_root(folder: &str, text: &str) -> String {
    if text.starts_with("./") || text.starts_with("../") {
        format!("./{}", joined(folder, text))
    } else {
        text.to_owned()
    }
}

/// `text` from `folder`, without `.` and `..`. What leads out of the root keeps its way up, and is refused for it.
fn joined(folder: &str, text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(text.split('/')).filter(|part| *part != ".") {
        match part {
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            "" if parts.is_empty() => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::{at_root, from_root, relative};

    #[test]
    fn paths_are_counted_from_the_root() {
        let folder = "supabase/functions/hello";
        for (text, expected) in [
            ("./shout.ts", "./supabase/functions/hello/shout.ts"),
            ("../_shared/", "./supabase/functions/_shared/"),
            ("./", "./supabase/functions/hello/"),
            ("../../../../etc/passwd", "./../etc/passwd"),
            ("npm:zod@4", "npm:zod@4"),
            ("zod", "zod"),
            ("/abs", "/abs"),
        ] {
            assert_eq!(from_root(folder, text), expected);
        }
        assert_eq!(from_root("", "./a.ts"), "./a.ts");
        assert_eq!(relative(".\\supabase\\functions\\a\\index.ts"), "supabase/functions/a/index.ts");
    }

    fn map(files: &[(&str, Value)], path: &str) -> Result<Value, &'static str> {
        let mut files: BTreeMap<_, _> =
            files.iter().map(|(path, json)| ((*path).to_owned(), json.to_string())).collect();
        at_root(&mut files, path).map_err(|invalid| invalid.code)?;
        Ok(serde_json::from_str(&files["deno.json"]).unwrap())
    }

    #[test]
    fn the_import_map_is_found_wherever_it_lies() {
        let own = json!({ "imports": { "shout": "./shout.ts", "zod": "npm:zod@4", "@/": "../_shared/" }, "tasks": {} });
        let expected =
            json!({ "imports": { "@/": "./f/_shared/", "shout": "./f/hello/shout.ts", "zod": "npm:zod@4" } });
        assert_eq!(map(&[("f/hello/deno.json", own)], "f/hello/deno.json"), Ok(expected));
        let scoped = json!({ "scopes": { "./lib/": { "a": "./a.ts" } } });
        let expected = json!({ "scopes": { "./f/lib/": { "a": "./f/a.ts" } } });
        assert_eq!(map(&[("f/import_map.json", scoped)], "f/import_map.json"), Ok(expected));
        let pointing = [
            ("f/deno.json", json!({ "importMap": "../map.json" })),
            ("map.json", json!({ "imports": { "a": "./a.ts" } })),
        ];
        assert_eq!(map(&pointing, "f/deno.json"), Ok(json!({ "imports": { "a": "./a.ts" } })));
        assert_eq!(map(&[("f/deno.json", json!([]))], "f/deno.json"), Err("import_map_invalid"));
        assert_eq!(map(&[], "f/deno.json"), Err("import_map_invalid"));
    }
}
