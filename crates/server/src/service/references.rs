//! Which secrets a source names: `Deno.env.get("X")`, `process.env.X`, `env.X`, and destructuring of each.
//!
//! Read from the syntax tree, so comments, texts and look-alikes do not count. A name that is put together at run time
//! cannot be found.

use std::collections::BTreeSet;

use domain::SecretName;
use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Argument, BindingPattern, CallExpression, ComputedMemberExpression, Expression, FormalParameters, ObjectPattern,
    PropertyKey, StaticMemberExpression, VariableDeclarator,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::Parser;
use oxc_span::SourceType;

/// The names that the file at `path` reads; only such as a secret can have. `path` tells TypeScript from JavaScript.
pub(super) fn references(path: &str, text: &str) -> BTreeSet<SecretName> {
    let Ok(kind) = SourceType::from_path(path) else { return BTreeSet::new() };
    let allocator = Allocator::default();
    // What does not parse was refused by the bundler; what was read before the error still counts.
    let parsed = Parser::new(&allocator, text, kind).parse();
    let mut found = Found::default();
    found.visit_program(&parsed.program);
    found.names
}

#[derive(Default)]
struct Found {
    names: BTreeSet<SecretName>,
}

impl Found {
    fn add(&mut self, name: &str) {
        self.names.extend(SecretName::parse(name));
    }

    fn add_pattern(&mut self, pattern: &ObjectPattern) {
        for property in &pattern.properties {
            match &property.key {
                PropertyKey::StaticIdentifier(name) if !property.computed => self.add(name.name.as_str()),
                PropertyKey::StringLiteral(name) => self.add(name.value.as_str()),
                _ => {}
            }
        }
    }
}

impl<'a> Visit<'a> for Found {
    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        if let Expression::StaticMemberExpression(callee) = &call.callee
            && matches!(callee.property.name.as_str(), "get" | "has")
            && is_member(&callee.object, "Deno", "env")
            && let Some(Argument::StringLiteral(name)) = call.arguments.first()
        {
            self.add(name.value.as_str());
        }
        walk::walk_call_expression(self, call);
    }

    fn visit_static_member_expression(&mut self, member: &StaticMemberExpression<'a>) {
        if is_environment(&member.object) {
            self.add(member.property.name.as_str());
        }
        walk::walk_static_member_expression(self, member);
    }

    fn visit_computed_member_expression(&mut self, member: &ComputedMemberExpression<'a>) {
        if is_environment(&member.object)
            && let Expression::StringLiteral(name) = &member.expression
        {
            self.add(name.value.as_str());
        }
        walk::walk_computed_member_expression(self, member);
    }

    fn visit_variable_declarator(&mut self, declarator: &VariableDeclarator<'a>) {
        if let (BindingPattern::ObjectPattern(pattern), Some(value)) = (&declarator.id, &declarator.init)
            && is_environment(value)
        {
            self.add_pattern(pattern);
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

/// `process.env`, `Deno.env.toObject()`, or a variable named `env`.
fn is_environment(expression: &Expression) -> bool {
    match expression.get_inner_expression() {
        Expression::Identifier(name) => name.name == "env",
        Expression::StaticMemberExpression(_) => is_member(expression, "process", "env"),
        Expression::CallExpression(call) => match &call.callee {
            Expression::StaticMemberExpression(callee) => {
                callee.property.name == "toObject" && is_member(&callee.object, "Deno", "env")
            }
            _ => false,
        },
        _ => false,
    }
}

/// `object.property`, also as `globalThis.object.property`.
fn is_member(expression: &Expression, object: &str, property: &str) -> bool {
    let Expression::StaticMemberExpression(member) = expression.get_inner_expression() else { return false };
    let named = match &member.object {
        Expression::Identifier(name) => name.name == object,
        Expression::StaticMemberExpression(outer) => outer.property.name == object,
        _ => false,
    };
    named && member.property.name == property
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
    fn look_alikes() {
        let text = r#"
            // Deno.env.get("COMMENT")
            const text = "process.env.TEXT"; const other = { env: 1 }; other.get("OTHER"); map.get("MAP");
            Deno.env.get(name); process.argv.X; my.process_env.Y; cache.env.Z_NOT_PROCESS;
        "#;
        assert_eq!(found(text), Vec::<String>::new());
    }
}
