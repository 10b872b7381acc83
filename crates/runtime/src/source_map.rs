//! The source map inside a bundle: which files the bundle was made of, and under which names errors show them.

use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

const MARKER: &str = "//# sourceMappingURL=data:application/json;base64,";

/// A bundle took in a file from outside of its source and of the packages' cache.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MapError {
    /// There is no readable map, so nothing is known of where the code is from.
    Unreadable,
    /// The file.
    Forbidden(PathBuf),
}

/// Checks that everything in `code` is from `source` or `cache`, and rewrites the map: names that start at the
/// function's own root instead of this machine's, and no copy of the sources, which would triple what a worker loads.
/// `dir` is the folder of the bundle, to which the map's paths are relative.
pub(crate) fn rewrite(code: &str, dir: &Path, source: &Path, cache: &Path) -> Result<String, MapError> {
    let (body, map) = code.rsplit_once(MARKER).ok_or(MapError::Unreadable)?;
    let map = STANDARD.decode(map.trim_end()).map_err(|_| MapError::Unreadable)?;
    let mut map: Json = serde_json::from_slice(&map).map_err(|_| MapError::Unreadable)?;
    let sources = map.get_mut("sources").and_then(Json::as_array_mut).ok_or(MapError::Unreadable)?;
    for entry in sources {
        let name = entry.as_str().ok_or(MapError::Unreadable)?;
        if name.starts_with("https://") {
            continue;
        }
        let path = resolve(dir, name);
        let inside = path.strip_prefix(source).or_else(|_| path.strip_prefix(cache));
        let inside = inside.map_err(|_| MapError::Forbidden(path.clone()))?;
        // Likewise without the registry.
        let inside: PathBuf = match inside.strip_prefix("npm") {
            Ok(package) => Path::new("npm").join(package.components().skip(1).collect::<PathBuf>()),
            Err(_) => inside.to_path_buf(),
        };
        *entry = Json::String(crate::folder::file_url(&Path::new("/").join(inside)));
    }
    if let Some(map) = map.as_object_mut() {
        map.remove("sourcesContent");
    }
    Ok(format!("{body}{MARKER}{}\n", STANDARD.encode(map.to_string())))
}

/// `code` without the names of the registries that packages came from. Deno's cache has a folder for each, which esbuild
/// writes into comments and names of modules; the same packages from a mirror must make the same bundle.
pub(crate) fn without_registries(code: &str, cache: &Path) -> String {
    let folders = std::fs::read_dir(cache.join("npm")).into_iter().flatten().flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    names.fold(code.to_owned(), |code, name| code.replace(&format!("/deno/npm/{name}/"), "/deno/npm/"))
}

/// `relative` seen from `dir`, without `.` and `..`; nothing is looked up.
fn resolve(dir: &Path, relative: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for component in dir.join(relative).components() {
        match component {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use std::path::Path;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::{MARKER, MapError, rewrite};

    fn rewritten(sources: &str) -> Result<String, MapError> {
        let map = format!(r#"{{"version":3,"sources":{sources},"sourcesContent":["x"],"mappings":"AAAA"}}"#);
        let code = format!("code();\n{MARKER}{}", STANDARD.encode(map));
        let new = rewrite(&code, Path::new("/c/work/r"), Path::new("/c/work/r/src"), Path::new("/c/deno"))?;
        let map = new.strip_prefix("code();\n").unwrap().strip_prefix(MARKER).unwrap();
        Ok(String::from_utf8(STANDARD.decode(map.trim_end()).unwrap()).unwrap())
    }

    #[test]
    fn names_start_at_the_functions_root() {
        let map = rewritten(r#"["src/lib/a b.ts","../../deno/npm/host/p/1/i.js","https://esm.sh/y"]"#).unwrap();
        assert!(map.contains(r#"["file:///lib/a%20b.ts","file:///npm/p/1/i.js","https://esm.sh/y"]"#), "{map}");
        assert!(!map.contains("sourcesContent"));
    }

    #[test]
    fn a_mirror_of_the_registry_makes_the_same_bundle() {
        let bundle = |host: &str| {
            let cache = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(cache.path().join("npm").join(host)).unwrap();
            let code =
                format!("// ../../../deno/npm/{host}/p/1.0.0/i.js\nx(\"../../../deno/npm/{host}/p/1.0.0/i.js\");");
            super::without_registries(&code, cache.path())
        };
        assert_eq!(bundle("registry.example"), bundle("mirror.example_8443"));
        assert!(bundle("registry.example").contains("\"../../../deno/npm/p/1.0.0/i.js\""));
    }

    #[test]
    fn files_from_elsewhere_are_refused() {
        for outside in
            ["../../../etc/passwd", "src/../../other/src/a.ts", "/etc/passwd", "../../deno/../key", "srcs/a.ts"]
        {
            let error = rewritten(&format!(r#"["src/index.ts","{outside}"]"#)).unwrap_err();
            assert!(matches!(error, MapError::Forbidden(_)), "{outside}");
        }
        assert_eq!(rewrite("code()", "/a".as_ref(), "/b".as_ref(), "/c".as_ref()), Err(MapError::Unreadable));
    }
}
