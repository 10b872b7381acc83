//! The golden policy table: every action against every typical actor. A change of policy is a diff of `policy.golden`.
//! Rewrite it with `UPDATE_GOLDEN=1 cargo test -p domain --test policy`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use domain::{AccountId, Action, Actor, ActorKind, EnvironmentName, Scope, ScopeSet, authorize};

fn actor(scopes: ScopeSet, operator_account: bool, environments: Option<Vec<EnvironmentName>>) -> Actor {
    let (id, name) = ("id".to_owned(), "name".to_owned());
    Actor { kind: ActorKind::Token, id, name, account: AccountId::new("a"), operator_account, scopes, environments }
}

#[test]
fn table() {
    let production = EnvironmentName::production();
    let test = EnvironmentName::parse("test").unwrap();
    let writer = || ScopeSet::parse(["secrets:read", "secrets:write", "functions:write"]).unwrap();
    let columns: Vec<(&str, Actor)> = vec![
        ("operator", actor(ScopeSet::operator(), true, None)),
        ("admin", actor(ScopeSet::admin(), false, None)),
        ("forged-op", actor(ScopeSet::operator(), false, None)),
        ("writer", actor(writer(), false, None)),
        ("writer-test", actor(writer(), false, Some(vec![test.clone()]))),
        ("writer-none", actor(writer(), false, Some(vec![]))),
        ("anonymous", Actor::anonymous(AccountId::new("a"))),
    ];
    let mut table = String::from("# p: in production, t: in test, *: in no particular environment; -: refused\n");
    table += &format!("{:<20}{:<20}", "action", "scope");
    table += &columns.iter().map(|(name, _)| format!("{name:<13}")).collect::<String>();
    for action in Action::ALL {
        table = table.trim_end().to_owned();
        table += &format!("\n{:<20}{:<20}", action.as_str(), action.scope().as_str());
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
    for scope in Scope::ALL {
        let actor = actor(ScopeSet::parse([scope.as_str()]).unwrap(), true, None);
        let opened: Vec<_> = Action::ALL.iter().filter(|action| authorize(&actor, **action, None).is_ok()).collect();
        assert!(
            !opened.is_empty() && opened.iter().all(|action| action.scope() == *scope),
            "{scope:?} opens {opened:?}"
        );
    }
}
