//! Programs that ask to act for the account, by OAuth: the page where a person lets one. Where that ends is in `settings`.

pub(super) mod consent;

use domain::Scope;

/// What a scope lets a program do, in plain words.
pub(super) fn words(scope: Scope) -> &'static str {
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
