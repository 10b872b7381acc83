//! Which secrets a source names: `Deno.env.get("X")`, `process.env.X`, `env.X`, and destructuring of each, also under
//! other names for `Deno.env`, `process` and their `env`, and with names that are constants.
//!
//! Read from the syntax tree, so comments, texts and look-alikes do not count. A name that is put together at run time
//! cannot be found. Scopes are not told apart: rather one name too many than a missing one unsaid.

use std::collections::{BTreeMap, BTreeSet};

use domain::SecretName;
use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Argument, BindingPattern, CallExpression, ComputedMemberExpression, Expression, FormalParameters,
    ImportDeclaration, ImportDeclarationSpecifier, ObjectPattern, PropertyKey, StaticMemberExpression,
    VariableDeclarator,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::Parser;
use oxc_parser::config::RuntimeParserConfig;
use oxc_span::SourceType;

/// The names that the file at `path` reads; only such as a secret can have. `path` tells TypeScript from JavaScript.
pub(super) fn references(path: &str, text: &str) -> BTreeSet<SecretName> {
    let Ok(kind) = SourceType::from_path(path) else { return BTreeSet::new() };
    let allocator = Allocator::default();
    // What does not parse was refused by the bundler; what was read before the error still counts.
    let parsed = Parser::new(&allocator, text, kind).with_config(RuntimeParserConfig::new(false)).parse();
    let mut words = Words::default();
    words.visit_program(&parsed.program);
    let mut found = Found { words, names: BTreeSet::new() };
    found.visit_program(&parsed.program);
    found.names
}

/// What an expression is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    Deno,
    /// `Deno.env`, whose methods read.
    DenoEnv,
    Process,
    /// An object with a property for each variable. One that is named `env` may be `Deno.env` as well.
    Variables,
}

/// What the file's own names stand for.
#[derive(Default)]
struct Words {
    things: BTreeMap<String, Thing>,
    texts: BTreeMap<String, String>,
}

impl Words {
    fn thing(&self, expression: &Expression) -> Option<Thing> {
        match expression.get_inner_expression() {
            Expression::Identifier(name) => match name.name.as_str() {
                name if self.things.contains_key(name) => self.things.get(name).copied(),
                "Deno" => Some(Thing::Deno),
                "process" => Some(Thing::Process),
                "env" => Some(Thing::Variables),
                _ => None,
            },
            Expression::StaticMemberExpression(member) => self.member(member),
            Expression::CallExpression(call) => match &call.callee {
                Expression::StaticMemberExpression(callee) if callee.property.name == "toObject" => {
                    self.thing(&callee.object).filter(|thing| *thing == Thing::DenoEnv).map(|_| Thing::Variables)
                }
                _ => None,
            },
            Expression::ChainExpression(chain) => match &chain.expression {
                oxc_ast::ast::ChainElement::StaticMemberExpression(member) => self.member(member),
                _ => None,
            },
            _ => None,
        }
    }

    fn member(&self, member: &StaticMemberExpression) -> Option<Thing> {
        let inner = member.object.get_inner_expression();
        match (member.property.name.as_str(), self.thing(inner)) {
            ("env", Some(Thing::Deno)) => Some(Thing::DenoEnv),
            ("env", Some(Thing::Process)) => Some(Thing::Variables),
            ("Deno", None) if is_global(inner) => Some(Thing::Deno),
            ("process", None) if is_global(inner) => Some(Thing::Process),
            // `c.env.X` of Hono and others, `this.env.X` of classes.
            ("env", None) => match inner {
                Expression::ThisExpression(_) => Some(Thing::Variables),
                Expression::Identifier(name) => {
                    matches!(name.name.as_str(), "c" | "ctx" | "context").then_some(Thing::Variables)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// A text that is there as it stands, or by the name of a constant.
    fn text<'a>(&'a self, expression: &'a Expression) -> Option<&'a str> {
        match expression.get_inner_expression() {
            Expression::StringLiteral(text) => Some(text.value.as_str()),
            Expression::TemplateLiteral(text) if text.expressions.is_empty() => {
                text.quasis.first()?.value.cooked.as_ref().map(|text| text.as_str())
            }
            Expression::Identifier(name) => self.texts.get(name.name.as_str()).map(String::as_str),
            _ => None,
        }
    }
}

fn is_global(expression: &Expression) -> bool {
    matches!(expression, Expression::Identifier(name) if matches!(name.name.as_str(), "globalThis" | "window" | "self"))
}

/// `name` and what it is bound to: `{ name }`, `{ name: bound }`.
fn bindings<'a>(pattern: &'a ObjectPattern) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    pattern.properties.iter().filter_map(|property| {
        let name = match &property.key {
            PropertyKey::StaticIdentifier(name) if !property.computed => name.name.as_str(),
            PropertyKey::StringLiteral(name) => name.value.as_str(),
            _ => return None,
        };
        let bound = match &property.value {
            BindingPattern::BindingIdentifier(bound) => Some(bound.name.as_str()),
            BindingPattern::AssignmentPattern(assigned) => match &assigned.left {
                BindingPattern::BindingIdentifier(bound) => Some(bound.name.as_str()),
                _ => None,
            },
            _ => None,
        };
        Some((name, bound))
    })
}

impl<'a> Visit<'a> for Words {
    fn visit_import_declaration(&mut self, import: &ImportDeclaration<'a>) {
        if !matches!(import.source.value.as_str(), "node:process" | "process") {
            return;
        }
        for specifier in import.specifiers.iter().flatten() {
            let (local, thing) = match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(specifier) if specifier.imported.name() == "env" => {
                    (&specifier.local, Thing::Variables)
                }
                ImportDeclarationSpecifier::ImportSpecifier(_) => continue,
                ImportDeclarationSpecifier::ImportDefaultSpecifier(specifier) => (&specifier.local, Thing::Process),
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(specifier) => (&specifier.local, Thing::Process),
            };
            self.things.insert(local.name.to_string(), thing);
        }
    }

    fn visit_variable_declarator(&mut self, declarator: &VariableDeclarator<'a>) {
        if let Some(value) = &declarator.init {
            match &declarator.id {
                BindingPattern::BindingIdentifier(name) => {
                    if let Some(thing) = self.thing(value) {
                        self.things.insert(name.name.to_string(), thing);
                    } else if let Some(text) = self.text(value) {
                        let text = text.to_owned();
                        self.texts.insert(name.name.to_string(), text);
                    }
                }
                BindingPattern::ObjectPattern(pattern) => {
                    let thing = match self.thing(value) {
                        Some(Thing::Deno) => Thing::DenoEnv,
                        Some(Thing::Process) => Thing::Variables,
                        _ => return walk::walk_variable_declarator(self, declarator),
                    };
                    let env = bindings(pattern).filter(|(name, _)| *name == "env").filter_map(|(_, bound)| bound);
                    let bound: Vec<_> = env.map(|bound| (bound.to_owned(), thing)).collect();
                    self.things.extend(bound);
                }
                _ => {}
            }
        }
        walk::walk_variable_declarator(self, declarator);
    }
}

struct Found {
    words: Words,
    names: BTreeSet<SecretName>,
}

impl Found {
    fn add(&mut self, name: &str) {
        self.names.extend(SecretName::parse(name));
    }

    fn add_pattern(&mut self, pattern: &ObjectPattern) {
        for (name, _) in bindings(pattern) {
            self.add(name);
        }
    }

    /// Whether members of `expression` are variables, or its methods read them.
    fn reads(&self, expression: &Expression) -> bool {
        matches!(self.words.thing(expression), Some(Thing::Variables | Thing::DenoEnv))
    }
}

impl<'a> Visit<'a> for Found {
    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        if let Expression::StaticMemberExpression(callee) = &call.callee
            && matches!(callee.property.name.as_str(), "get" | "has")
            && self.reads(&callee.object)
            && let Some(name) = call.arguments.first().and_then(Argument::as_expression)
            && let Some(name) = self.words.text(name)
        {
            let name = name.to_owned();
            self.add(&name);
        }
        walk::walk_call_expression(self, call);
    }

    fn visit_static_member_expression(&mut self, member: &StaticMemberExpression<'a>) {
        if self.reads(&member.object) {
            self.add(member.property.name.as_str());
        }
        walk::walk_static_member_expression(self, member);
    }

    fn visit_computed_member_expression(&mut self, member: &ComputedMemberExpression<'a>) {
        if self.reads(&member.object)
            && let Some(name) = self.words.text(&member.expression)
        {
            let name = name.to_owned();
            self.add(&name);
        }
        walk::walk_computed_member_expression(self, member);
    }

    fn visit_variable_declarator(&mut self, declarator: &VariableDeclarator<'a>) {
        if let (BindingPattern::ObjectPattern(pattern), Some(value)) = (&declarator.id, &declarator.init) {
            if self.reads(value) {
                self.add_pattern(pattern);
            } else if self.words.thing(value) == Some(Thing::Process) {
                // `const { env: { X } } = process`
                for property in &pattern.properties {
                    if let (PropertyKey::StaticIdentifier(name), BindingPattern::ObjectPattern(inner)) =
                        (&property.key, &property.value)
                        && name.name == "env"
                    {
                        self.add_pattern(inner);
                    }
                }
            }
        }
        walk::walk_variable_declarator(self, declarator);
    }

    /// `fetch(request, { API_KEY }, context)`: the second parameter of a handler is the environment.
    fn visit_formal_parameters(&mut self, parameters: &FormalParameters<'a>) {
        if let [request, environment, ..] = parameters.items.as_slice()
            && matches!(&request.pattern, BindingPattern::BindingIdentifier(name) if matches!(name.name.as_str(), "request" | "req" | "_request" | "_req" | "_"))
            && let BindingPattern::ObjectPattern(pattern) = &environment.pattern
        {
            self.add_pattern(pattern);
        }
        walk::walk_formal_parameters(self, parameters);
    }
}

#[cfg(test)]
mod tests {
    use super::references;

    fn found(text: &str) -> Vec<String> {
        references("index.ts", text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_way_of_reading() {
        let text = r#"
            const a: string = Deno.env.get("A_GET")!;
            if (Deno.env.has("B_HAS")) globalThis.Deno.env.get('C_GLOBAL');
            process.env.D_DOT; process.env["E_BRACKET"]; process.env?.F_OPTIONAL;
            const { G_DESTRUCTURED, H_RENAMED: h = "x", ...rest } = process.env;
            const { I_OBJECT } = Deno.env.toObject();
            export default { async fetch(request: Request, env: Env, ctx) { return new Response(env.J_PARAM + (env as any).K_CAST); } };
            const handler = (req: Request, { L_PATTERN }: Env) => L_PATTERN;
        "#;
        assert_eq!(
            found(text),
            [
                "A_GET",
                "B_HAS",
                "C_GLOBAL",
                "D_DOT",
                "E_BRACKET",
                "F_OPTIONAL",
                "G_DESTRUCTURED",
                "H_RENAMED",
                "I_OBJECT",
                "J_PARAM",
                "K_CAST",
                "L_PATTERN"
            ]
        );
    }

    #[test]
    fn other_names_for_the_environment() {
        let text = r#"
            import process, { env as variables } from "node:process";
            import * as node from "process";
            const denoEnv = Deno.env;
            denoEnv.get("A_ALIAS");
            const { env: e } = Deno;
            e.get(`B_TEMPLATE`);
            const NAME = "C_CONSTANT";
            Deno.env.get(NAME);
            variables.D_IMPORTED; node.env.E_NAMESPACE;
            const { env: { F_NESTED } } = process;
            const settings = process.env; settings[NAME_2]; settings["G_ALIAS"];
            const NAME_2 = "H_LATER" as const;
            const all = Deno.env.toObject(); all.I_ALL;
            app.get("/", (c) => c.json({ key: c.env.J_HONO }));
            class Service { run() { return this.env.K_CLASS; } }
            globalThis.process.env.L_GLOBAL; (Deno.env as any)?.get("M_CAST");
            const { N_DEFAULT = "x" } = settings;
            const { env } = process; env.O_SHORT;
        "#;
        let names = [
            "A_ALIAS",
            "B_TEMPLATE",
            "C_CONSTANT",
            "D_IMPORTED",
            "E_NAMESPACE",
            "F_NESTED",
            "G_ALIAS",
            "H_LATER",
            "I_ALL",
            "J_HONO",
            "K_CLASS",
            "L_GLOBAL",
            "M_CAST",
            "N_DEFAULT",
            "O_SHORT",
        ];
        assert_eq!(found(text), names);
    }

    #[test]
    fn look_alikes() {
        let text = r#"
            // Deno.env.get("COMMENT")
            const text = "process.env.TEXT"; const other = { env: 1 }; other.get("OTHER"); map.get("MAP");
            Deno.env.get(name); process.argv.X; my.process_env.Y; cache.env.Z_NOT_PROCESS;
        "#;
        assert_eq!(found(text), Vec::<String>::new());
    }
}
