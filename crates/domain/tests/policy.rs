//! The golden policy table: every action against every typical actor. A change of policy is a diff of `policy.golden`.
//! Rewrite it with `UPDATE_GOLDEN=1 cargo test -p domain --test policy`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use domain::{
    Access, AccountId, Action, Actor, ActorKind, Denied, EnvironmentName, GroupName, Role, Scope, ScopeSet, authorize,
    authorize_invoke,
};

fn actor(scopes: ScopeSet, operator_account: bool, environments: Option<Vec<EnvironmentName>>) -> Actor {
    let (id, name) = ("id".to_owned(), "name".to_owned());
    let nobody = Actor::anonymous(AccountId::new("a"));
    Actor { kind: ActorKind::Token, id, name, operator_account, scopes, environments, ..nobody }
}

#[test]
fn table() {
    let production = EnvironmentName::production();
    let test = EnvironmentName::parse("test").unwrap();
    let writer = || ScopeSet::parse(["secrets:read", "secrets:write", "functions:write"]).unwrap();
    let runner = || ScopeSet::parse(["secrets:inject"]).unwrap();
    let columns: Vec<(&str, Actor)> = vec![
        ("operator", actor(ScopeSet::operator(), true, None)),
        ("admin", actor(ScopeSet::admin(), false, None)),
        ("forged-op", actor(ScopeSet::operator(), false, None)),
        ("writer", actor(writer(), false, None)),
        ("writer-test", actor(writer(), false, Some(vec![test.clone()]))),
        ("writer-none", actor(writer(), false, Some(vec![]))),
        ("user", actor(Role::User.scopes(), false, None)),
        ("runner-test", actor(runner(), false, Some(vec![test.clone()]))),
        ("runner-all", actor(runner(), false, None)),
        ("anonymous", Actor::anonymous(AccountId::new("a"))),
    ];
    let mut table = String::from("# p: in production, t: in test, *: in no particular environment; -: refused\n");
    table += &format!("{:<24}{:<20}", "action", "scope");
    table += &columns.iter().map(|(name, _)| format!("{name:<13}")).collect::<String>();
    for action in Action::ALL {
        table = table.trim_end().to_owned();
        table += &format!("\n{:<24}{:<20}", action.as_str(), action.scope().as_str());
        for (_, actor) in &columns {
            let allowed =
                |environment, letter| if authorize(actor, *action, environment).is_ok() { letter } else { "-" };
            let cell = [allowed(Some(&production), "p"), allowed(Some(&test), "t"), allowed(None, "*")].concat();
            table += &format!("{cell:<13}");
        }
    }
    let table = format!("{}\n", table.trim_end());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/policy.golden");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    assert_eq!(
        table,
        std::fs::read_to_string(path).unwrap_or_default(),
        "policy changed: look at the diff, then UPDATE_GOLDEN=1"
    );
}

#[test]
fn every_scope_opens_at_least_one_action_and_only_its_own() {
    let production = EnvironmentName::production();
    for scope in Scope::ALL {
        let actor = actor(ScopeSet::parse([scope.as_str()]).unwrap(), true, Some(vec![production.clone()]));
        let may = |action: &&Action| authorize(&actor, **action, Some(&production)).is_ok();
        let opened: Vec<_> = Action::ALL.iter().filter(may).collect();
        assert!(
            !opened.is_empty() && opened.iter().all(|action| action.scope() == *scope),
            "{scope:?} opens {opened:?}"
        );
    }
}

/// Not a browser's session, and nobody without a limit.
#[test]
fn values_go_to_limited_tokens_only() {
    let production = EnvironmentName::production();
    let scopes = || ScopeSet::parse(["secrets:inject"]).unwrap();
    let runner = actor(scopes(), false, Some(vec![production.clone()]));
    let inject = |actor: &Actor, environment| authorize(actor, Action::SecretInject, environment);
    assert_eq!(inject(&runner, Some(&production)), Ok(()));
    assert_eq!(inject(&runner, None), Err(Denied::AllEnvironments));
    for kind in [ActorKind::Session, ActorKind::Function, ActorKind::Jwt, ActorKind::Anonymous, ActorKind::Setup] {
        assert_eq!(inject(&Actor { kind, ..runner.clone() }, Some(&production)), Err(Denied::Unlimited));
    }
    assert_eq!(inject(&actor(scopes(), false, None), Some(&production)), Err(Denied::Unlimited));
    assert_eq!(
        inject(&actor(scopes(), false, Some(vec![])), Some(&production)),
        Err(Denied::Environment(production.clone()))
    );
}

#[test]
fn access_policies() {
    let production = EnvironmentName::production();
    let test = EnvironmentName::parse("test").unwrap();
    let group = |name| GroupName::parse(name).unwrap();
    let nobody = Actor::anonymous(AccountId::new("a"));
    let invoker = actor(ScopeSet::parse(["functions:invoke"]).unwrap(), false, Some(vec![production.clone()]));
    let billing = Actor { groups: [group("billing")].into(), ..invoker.clone() };
    let powerless = Actor { scopes: ScopeSet::default(), ..billing.clone() };
    let may = |actor: &Actor, access: &Access| authorize_invoke(actor, access, &production).is_ok();
    let for_billing = Access::Group(group("billing"));
    for (actor, public, authenticated, grouped) in [
        (&nobody, true, false, false),
        (&invoker, true, true, false),
        (&billing, true, true, true),
        (&powerless, true, false, false),
    ] {
        let seen = [may(actor, &Access::Public), may(actor, &Access::Authenticated), may(actor, &for_billing)];
        assert_eq!(seen, [public, authenticated, grouped], "{actor:?}");
    }
    assert_eq!(authorize_invoke(&billing, &Access::Group(group("bill")), &production), Err(Denied::Group));
    assert_eq!(authorize_invoke(&billing, &for_billing, &test), Err(Denied::Environment(test)));
}
