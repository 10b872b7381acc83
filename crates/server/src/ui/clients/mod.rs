//! Programs that act for the account by OAuth: the page where a person lets one, and the list where that ends.

pub(super) mod consent;
pub(super) mod list;

use domain::Scope;

/// What a scope lets a program do, in plain words.
fn words(scope: Scope) -> &'static str {
    match scope {
        Scope::SecretsRead => "See names, masks and notes of secrets. Never a value.",
        Scope::SecretsWrite => "Store, replace and delete secrets, and have them checked with their providers.",
        Scope::SecretsRequest => "Ask you for secrets, which you enter here.",
        Scope::FunctionsRead => "See functions, their source and their logs.",
        Scope::FunctionsWrite => {
            "Deploy, roll back and delete functions. Code that it deploys can use the secrets it is given, and can send them away unless they are brokered."
        }
        Scope::FunctionsPublish => "Let anybody on the network call a function.",
        Scope::FunctionsInvoke => "Call functions.",
        Scope::AuditRead => "Read who did what.",
        other => other.as_str(),
    }
}
