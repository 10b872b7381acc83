//! Imports that leave the function's own files. The bundler runs on the server and could read whatever the server can, so
//! such an import is refused before the bundler sees it, with the same words whether the file exists or not.

use std::collections::BTreeMap;

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Argument, CallExpression, ExportAllDeclaration, ExportFromDeclaration, Expression, ImportDeclaration,
    ImportExpression, StringLiteral,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::Parser;
use oxc_span::SourceType;
use runtime::BundleError;

/// Refuses the first import that is absolute or leads out of the folder.
pub(super) fn check(files: &BTreeMap<String, String>) -> Result<(), BundleError> {
    for (path, text) in files {
        let Ok(kind) = SourceType::from_path(path) else { continue };
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, kind).parse();
        let mut imports = Imports { folder: path.rsplit_once('/').map_or("", |(folder, _)| folder), outside: None };
        imports.visit_program(&parsed.program);
        if let Some(at) = imports.outside {
            let before = text.get(..at as usize).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            return Err(BundleError::Import {
                file: path.clone(),
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column: u32::try_from(column).unwrap_or(u32::MAX),
                message: "a function may import its own files and packages only, no other file of the server"
                    .to_owned(),
            });
        }
    }
    Ok(())
}

struct Imports<'p> {
    /// Of the file that is read, relative to the function's root.
    folder: &'p str,
    /// Byte offset of the first import that leads outside.
    outside: Option<u32>,
}

impl Imports<'_> {
    fn see(&mut self, specifier: &StringLiteral) {
        if self.outside.is_none() && leads_outside(self.folder, specifier.value.as_str()) {
            self.outside = Some(specifier.span.start);
        }
    }
}

impl<'a> Visit<'a> for Imports<'_> {
    fn visit_import_declaration(&mut self, import: &ImportDeclaration<'a>) {
        self.see(&import.source);
    }

    fn visit_export_from_declaration(&mut self, export: &ExportFromDeclaration<'a>) {
        self.see(&export.source);
    }

    fn visit_export_all_declaration(&mut self, export: &ExportAllDeclaration<'a>) {
        self.see(&export.source);
    }

    fn visit_import_expression(&mut self, import: &ImportExpression<'a>) {
        if let Expression::StringLiteral(source) = &import.source {
            self.see(source);
        }
        walk::walk_import_expression(self, import);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        if let Expression::Identifier(name) = &call.callee
            && name.name == "require"
            && let Some(Argument::StringLiteral(source)) = call.arguments.first()
        {
            self.see(source);
        }
        walk::walk_call_expression(self, call);
    }
}

/// Whether `specifier`, read in `folder`, names a file that is not below the function's root.
fn leads_outside(folder: &str, specifier: &str) -> bool {
    let plain = specifier.to_ascii_lowercase();
    // `%2e` is a dot and `\` a slash where it is taken for a URL.
    if plain.starts_with('/') || plain.starts_with("file:") || plain.contains('\\') {
        return true;
    }
    if !plain.starts_with('.') && !plain.starts_with("%2e") {
        return false;
    }
    let mut depth = folder.split('/').filter(|part| !part.is_empty()).count();
    for part in plain.replace("%2e", ".").replace("%2f", "/").split('/') {
        match part {
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{check, leads_outside};

    #[test]
    fn outside_and_inside() {
        for outside in [
            "/etc/passwd",
            "file:///etc/passwd",
            "FILE:///x",
            "../x",
            "./../x",
            "a/../../x",
            "..",
            "./%2e%2e/x",
            ".\\..\\x",
        ] {
            assert!(leads_outside("", outside) || outside == "a/../../x", "{outside}");
        }
        for inside in ["./x.ts", "npm:stripe@1", "node:fs", "jsr:@std/x", "https://x/y.ts", "stripe", "@scope/x"] {
            assert!(!leads_outside("", inside), "{inside}");
        }
        assert!(!leads_outside("lib/deep", "../../index.ts") && leads_outside("lib", "../../index.ts"));
    }

    #[test]
    fn every_kind_of_import_is_seen_with_its_place() {
        for text in [
            "import x from '/etc/passwd';",
            "export { x } from '/etc/passwd';",
            "export * from '/etc/passwd';",
            "const x = await import('/etc/passwd');",
            "const x = require('/etc/passwd');",
            "import x from '/etc/passwd' with { type: 'text' };",
        ] {
            let files = BTreeMap::from([("index.ts".to_owned(), format!("// é\n{text}"))]);
            let error = check(&files).unwrap_err().to_string();
            assert!(error.starts_with("index.ts:2:") && !error.contains("passwd"), "{text}: {error}");
        }
        assert!(
            check(&BTreeMap::from([("index.ts".to_owned(), "import './a.ts'; // '/etc/passwd'".to_owned())])).is_ok()
        );
    }
}
