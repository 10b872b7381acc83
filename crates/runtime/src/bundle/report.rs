//! Turning what `deno bundle` says into an error with a place in the function's own source.

use std::path::Path;

use super::{BundleError, Source};
use crate::folder::file_url;

/// Parts of Deno's messages that are about an import.
const ABOUT_IMPORTS: [&str; 14] = [
    "Module not found",
    "Requires import access",
    "not a dependency",
    "Could not find",
    "Could not resolve",
    "Do not know how to load",
    "No matching export",
    "Relative import path",
    "Unsupported scheme",
    "npm package",
    "Import '",
    "JSR package",
    "Cannot resolve",
    "error sending request",
];

/// The first error of `stderr`; paths below `root` become relative.
pub(super) fn parse(stderr: &str, root: &Path) -> BundleError {
    let prefix = format!("{}/", file_url(root));
    let mut lines = stderr.lines().skip_while(|line| !line.starts_with("error: "));
    let Some(message) = lines.next().and_then(|line| line.strip_prefix("error: ")) else {
        return BundleError::Deno("it gave no reason".to_owned());
    };
    let place = lines.take_while(|line| !line.starts_with("error: ")).find_map(|line| line.trim().strip_prefix("at "));
    let message = message.trim().replace(&prefix, "");
    let Some((url, line, column)) = place.and_then(place_of) else {
        return BundleError::Deno(message);
    };
    let Some(file) = url.strip_prefix(&prefix) else {
        if url.starts_with("file:") && !url.contains("/npm/") {
            // What such a file says is none of the caller's business.
            return outside(String::new(), 0, 0);
        }
        return BundleError::Import { file: url.to_owned(), line, column, message };
    };
    let file = file.to_owned();
    // Said of files outside only where they do not exist; those that do are found by the bundle's source map.
    if message.contains("Cannot read file") {
        return outside(file, line, column);
    }
    if let Some((_, url)) = message.split_once("Do not know how to load path: deno:") {
        let message = format!("{url} could not be downloaded: is it right, and can the server reach it?");
        return BundleError::Import { file, line, column, message };
    }
    if ABOUT_IMPORTS.iter().any(|part| message.contains(part)) {
        // A missing file outside reads like any other outside: whether it exists is not told.
        if message.contains("\"file://") {
            return outside(file, line, column);
        }
        return BundleError::Import { file, line, column, message };
    }
    BundleError::Syntax { file, line, column, message }
}

/// The bundle took in `path`, which is none of the function's.
pub(super) fn forbidden(source: &Source, path: &Path) -> BundleError {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let found = source.files.iter().find_map(|(file, text)| {
        let (number, line) = text.lines().enumerate().find(|(_, line)| line.contains(&name))?;
        let column = line.find(&name)?;
        Some((file.clone(), u32::try_from(number + 1).ok()?, u32::try_from(column + 1).ok()?))
    });
    let (file, line, column) = found.unwrap_or((source.entry.clone(), 0, 0));
    outside(file, line, column)
}

fn outside(file: String, line: u32, column: u32) -> BundleError {
    let message = "a function may import its own files and packages only, no other file of the server".to_owned();
    BundleError::Import { file, line, column, message }
}

/// `file:///x/index.ts:4:16` in its three parts.
fn place_of(text: &str) -> Option<(&str, u32, u32)> {
    let (rest, column) = text.rsplit_once(':')?;
    let (url, line) = rest.rsplit_once(':')?;
    Some((url, line.parse().ok()?, column.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::{BundleError, parse};

    fn parsed(stderr: &str) -> BundleError {
        parse(stderr, "/w/src".as_ref())
    }

    #[test]
    fn a_syntax_error_has_its_place_and_no_excerpt() {
        let text = "⚠️  deno bundle is experimental\nerror: SyntaxError: Expected ','\n  |\n4 | };\n  | ~\n    at file:///w/src/lib/a.ts:4:1\nerror: bundling failed\n";
        let error = parsed(text);
        assert!(
            matches!(&error, BundleError::Syntax { file, line: 4, column: 1, message } if file == "lib/a.ts" && message == "SyntaxError: Expected ','"),
            "{error:?}"
        );
    }

    #[test]
    fn what_could_not_be_downloaded_is_said_so() {
        let text =
            "error: Do not know how to load path: deno:https://esm.example/x@1\n    at file:///w/src/index.ts:1:18\n";
        let error = parsed(text).to_string();
        assert!(error.starts_with("index.ts:1:18: https://esm.example/x@1 could not be downloaded"), "{error}");
    }

    #[test]
    fn files_of_the_server_are_neither_quoted_nor_confirmed() {
        let inside = parsed("error: SyntaxError: Unexpected token `s3cret`\n    at file:///etc/key:1:1\n");
        let missing = parsed("error: Module not found \"file:///etc/key\".\n    at file:///w/src/index.ts:1:8\n");
        for error in [inside, missing] {
            assert!(
                matches!(&error, BundleError::Import { message, .. } if !message.contains("key") && !message.contains("s3cret"))
            );
        }
        let own = parsed("error: Module not found \"file:///w/src/nope.ts\".\n    at file:///w/src/index.ts:1:15\n");
        assert!(
            matches!(&own, BundleError::Import { message, line: 1, .. } if message == "Module not found \"nope.ts\"."),
            "{own:?}"
        );
    }
}
