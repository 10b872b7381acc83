//! The function's own import map: `imports` and `scopes` of its `deno.json`, or its `import_map.json`.
//!
//! Only these two are taken, and only what leads to the function's own files or to packages: a configuration could tell Deno
//! much else, and this one comes from whoever deploys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BundleError, Source};

/// Where it may be, in the order in which it is looked for.
const PLACES: [&str; 2] = ["deno.json", "import_map.json"];

type Targets = BTreeMap<String, String>;

/// The map as it is handed to Deno.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ImportMap {
    #[serde(default)]
    imports: Targets,
    #[serde(default)]
    scopes: BTreeMap<String, Targets>,
}

/// The function's import map, if it has one.
///
/// # Errors
/// [`BundleError::Syntax`] if it is no JSON of that shape, [`BundleError::Import`] if it leads elsewhere.
pub(super) fn of(source: &Source) -> Result<Option<ImportMap>, BundleError> {
    let Some((file, text)) = PLACES.iter().find_map(|file| Some((*file, source.files.get(*file)?))) else {
        return Ok(None);
    };
    let mut map: ImportMap = serde_json::from_str(text).map_err(|error| BundleError::Syntax {
        file: file.to_owned(),
        line: u32::try_from(error.line()).unwrap_or(u32::MAX),
        column: u32::try_from(error.column()).unwrap_or(u32::MAX),
        message: "must be JSON with `imports` and `scopes` of texts".to_owned(),
    })?;
    for (name, target) in map.imports.iter().chain(map.scopes.values().flatten()) {
        if !is_allowed(target) {
            return Err(elsewhere(file, text, name));
        }
    }
    if let Some(scope) = map.scopes.keys().find(|scope| !stays_inside(scope)) {
        return Err(elsewhere(file, text, scope));
    }
    for targets in std::iter::once(&mut map.imports).chain(map.scopes.values_mut()) {
        with_subpaths(targets);
    }
    let empty = map.imports.is_empty() && map.scopes.is_empty();
    Ok(Some(map).filter(|_| !empty))
}

fn elsewhere(file: &str, text: &str, name: &str) -> BundleError {
    let quoted = serde_json::to_string(name).unwrap_or_default();
    let at = text.find(&quoted).unwrap_or(0);
    let before = text.get(..at).unwrap_or_default();
    BundleError::Import {
        file: file.to_owned(),
        line: u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX),
        column: u32::try_from(before.rsplit('\n').next().unwrap_or_default().chars().count() + 1).unwrap_or(u32::MAX),
        message: format!(
            "{quoted} must lead to a file of the function, like ./lib/mail.ts, or to an npm:, jsr: or node: package"
        ),
    }
}

fn is_allowed(target: &str) -> bool {
    ["npm:", "jsr:", "node:", "https://"].iter().any(|kind| target.starts_with(kind)) || stays_inside(target)
}

/// `./…` without a way up.
fn stays_inside(path: &str) -> bool {
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
    plain.starts_with("./") && !plain.contains('\\') && plain.split('/').all(|part| part != "..")
}

/// What Deno does for a package in `deno.json`: `"x": "npm:x@1"` also stands for `x/sub`.
fn with_subpaths(targets: &mut Targets) {
    let mut more = Targets::new();
    for (name, target) in &*targets {
        let package = target.strip_prefix("npm:").map(|rest| ("npm", rest));
        let package = package.or_else(|| target.strip_prefix("jsr:").map(|rest| ("jsr", rest)));
        if let Some((kind, rest)) = package.filter(|_| !name.ends_with('/')) {
            more.insert(format!("{name}/"), format!("{kind}:/{}/", rest.trim_matches('/')));
        }
    }
    for (name, target) in more {
        targets.entry(name).or_insert(target);
    }
}

#[cfg(test)]
mod tests {
    use super::{ImportMap, of};
    use crate::bundle::{BundleError, Source};

    fn map(text: &str) -> Result<Option<ImportMap>, BundleError> {
        let mut source = Source::single("index.ts", "");
        source.files.insert("deno.json".to_owned(), text.to_owned());
        of(&source)
    }

    #[test]
    fn packages_and_own_files_with_what_lies_below() {
        let made = map(r#"{"imports":{"a":"npm:a@1","b/":"./lib/","c":"jsr:@s/c@2"},"tasks":{"x":"rm -rf /"}}"#);
        let imports = made.unwrap_or_default().unwrap_or_default().imports;
        let imports: Vec<_> = imports.iter().map(|(name, target)| (name.as_str(), target.as_str())).collect();
        assert_eq!(
            imports,
            [("a", "npm:a@1"), ("a/", "npm:/a@1/"), ("b/", "./lib/"), ("c", "jsr:@s/c@2"), ("c/", "jsr:/@s/c@2/")]
        );
        assert!(matches!(map("{}"), Ok(None)) && matches!(of(&Source::single("index.ts", "")), Ok(None)));
    }

    #[test]
    fn nothing_leads_elsewhere() {
        for target in [
            "/etc/passwd",
            "file:///etc/passwd",
            "../x",
            "./a/../../x",
            "./%2e%2e/x",
            "./a\\..\\x",
            "http://x/",
            "data:,x",
            "",
            "..",
            "./..",
            "blob:x",
        ] {
            let text = format!("{{\n  \"imports\": {{ \"x\": {} }}\n}}", serde_json::Value::from(target));
            let Err(BundleError::Import { line, column, .. }) = map(&text) else { panic!("{target}") };
            assert_eq!((line, column), (2, 16), "{target}");
            let scoped = format!(r#"{{"scopes":{{"./lib/":{{"x":{}}}}}}}"#, serde_json::Value::from(target));
            assert!(matches!(map(&scoped), Err(BundleError::Import { .. })), "{target}");
        }
        assert!(matches!(map(r#"{"scopes":{"file:///etc/":{"x":"./y"}}}"#), Err(BundleError::Import { .. })));
        assert!(matches!(map("{\n \"imports\": 3 }"), Err(BundleError::Syntax { line: 2, .. })));
    }
}
