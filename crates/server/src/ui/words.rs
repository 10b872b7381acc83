//! Audit events in plain words.

use domain::audit::{AuditEvent, Outcome};
use domain::{Action, ActorKind, Scope};
use maud::{Markup, html};

use super::text::{self, visible};

/// Whether successes of an action are in the log. Reading leaves an event only when it is refused, and so
/// does sending a brokered value: what was sent is on the record of the invocation. That a function was made public is in
/// the event of its deployment.
pub(super) fn is_logged(action: Action) -> bool {
    use Action::{
        AccountList, AuditList, ClientList, ConfirmationGet, FunctionGet, FunctionInvoke, FunctionList,
        FunctionPublish, GroupList, InvocationList, IssuerList, KeyGet, MemberList, RotationList, RotatorGet,
        SecretGet, SecretList, SecretRequestGet, SecretRequestList, SecretSend, SettingsGet, TokenList, WallList,
        WebhookList,
    };
    !matches!(
        action,
        AccountList
            | AuditList
            | ClientList
            | ConfirmationGet
            | FunctionGet
            | FunctionInvoke
            | FunctionList
            | FunctionPublish
            | GroupList
            | InvocationList
            | IssuerList
            | KeyGet
            | MemberList
            | RotationList
            | RotatorGet
            | SecretGet
            | SecretList
            | SecretRequestGet
            | SecretRequestList
            | SecretSend
            | SettingsGet
            | TokenList
            | WallList
            | WebhookList
    )
}

/// What a key of an event's details is called.
pub(super) fn detail(key: &str) -> String {
    text::words(&key.replace('_', " "))
}

/// A scope as whoever gives it reads it.
pub(super) fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::SecretsRead => "See secrets: names, masks and what is known of them, never a value",
        Scope::SecretsWrite => "Store, change and delete secrets",
        Scope::SecretsInject => "Run programs on its own machine with the values of the environments below",
        Scope::SecretsRequest => "Ask people for secrets, without ever seeing a value",
        Scope::FunctionsRead => "See functions, their source, invocations and logs",
        Scope::FunctionsWrite => "Deploy, roll back and delete functions. Deployed code can use the account's secrets",
        Scope::SecretsScan => "Ask whether a text is a stored value, by its digest",
        Scope::FunctionsPublish => "Let anybody call functions, without a token",
        Scope::FunctionsInvoke => "Invoke functions that need a token",
        Scope::EnvironmentsWrite => "Make environments",
        Scope::AuditRead => "Read and export the audit log",
        Scope::TokensRead => "See which tokens there are, never their text",
        Scope::TokensWrite => "Make tokens, with no more than its own permissions, and revoke them",
        Scope::MembersRead => "See members, groups and issuers",
        Scope::MembersWrite => "Change members, groups and issuers: who may invoke what",
        Scope::SettingsRead => "See the account's settings",
        Scope::SettingsWrite => "Change the account's settings",
        Scope::SessionsWrite => "Make links that open this admin UI with its own permissions",
        Scope::AccountsWrite => "See and make other accounts",
    }
}

/// An action as a choice in the filter.
pub(super) fn title(action: Action) -> &'static str {
    match action {
        Action::SecretList => "Secrets listed",
        Action::SecretGet => "Secret looked up",
        Action::SecretPut => "Secret stored",
        Action::SecretImport => "Secrets imported",
        Action::SecretInject => "Secrets given to a process",
        Action::SecretActivate => "Older version used again",
        Action::SecretShare => "Secret shared",
        Action::SecretDestroy => "Version destroyed",
        Action::SecretDelete => "Secret deleted",
        Action::SecretCheck => "Secret checked with its provider",
        Action::SecretScan => "Texts compared with stored values",
        Action::SecretSend => "Placeholder refused",
        Action::SecretReturn => "Value in a response",
        Action::RotatorGet => "Rotator looked up",
        Action::RotatorPut => "Rotator set",
        Action::RotatorDelete => "Rotator removed",
        Action::RotationList => "Rotations listed",
        Action::RotationStart => "Rotation started",
        Action::RotationRetry => "Rotation retried",
        Action::RotationCancel => "Rotation cancelled",
        Action::RotationFail => "Rotation failed",
        Action::RotationFinish => "Rotation finished",
        Action::SecretRequestCreate => "Secret asked for",
        Action::SecretRequestList => "Secret requests listed",
        Action::SecretRequestGet => "Secret request looked up",
        Action::SecretRequestFulfil => "Secret request fulfilled",
        Action::SecretRequestDecline => "Secret request declined",
        Action::SecretRequestCancel => "Secret request cancelled",
        Action::ConfirmationCreate => "Confirmation asked for",
        Action::ConfirmationGet => "Confirmation looked up",
        Action::ConfirmationApprove => "Confirmation given",
        Action::ConfirmationDecline => "Confirmation refused",
        Action::FunctionList => "Functions listed",
        Action::FunctionGet => "Function looked up",
        Action::FunctionDeploy => "Function deployed",
        Action::FunctionPublish => "Function made public",
        Action::FunctionRollback => "Function rolled back",
        Action::FunctionDelete => "Function deleted",
        Action::FunctionInvoke => "Function invoked",
        Action::InvocationList => "Invocations read",
        Action::EnvironmentPut => "Environment made",
        Action::EnvironmentClone => "Environment cloned",
        Action::EnvironmentDelete => "Environment deleted",
        Action::AuditList => "Audit log read",
        Action::TokenList => "Tokens listed",
        Action::TokenCreate => "Token made",
        Action::TokenRevoke => "Token revoked",
        Action::ClientList => "Connected programs listed",
        Action::ClientGrant => "Program connected",
        Action::ClientRevoke => "Program disconnected",
        Action::MemberList => "Members listed",
        Action::MemberPut => "Member made or changed",
        Action::MemberDelete => "Member deleted",
        Action::GroupList => "Groups listed",
        Action::GroupPut => "Group made or changed",
        Action::GroupDelete => "Group deleted",
        Action::IssuerList => "Issuers listed",
        Action::IssuerPut => "Issuer made or changed",
        Action::IssuerDelete => "Issuer deleted",
        Action::SettingsGet => "Settings read",
        Action::SettingsPut => "Settings changed",
        Action::WebhookList => "Webhooks listed",
        Action::WebhookPut => "Webhook made, changed or disabled",
        Action::WebhookDelete => "Webhook deleted",
        Action::WebhookTest => "Webhook tried",
        Action::WebhookRotate => "Key of a webhook replaced",
        Action::KeyGet => "Key looked at",
        Action::KeyRotate => "Account key replaced",
        Action::SessionCreate => "Login link made or used",
        Action::WallList => "Walls listed",
        Action::AccountList => "Accounts listed",
        Action::AccountCreate => "Account made",
    }
}

/// Who did what.
pub(super) fn sentence(event: &AuditEvent) -> Markup {
    let who = match event.actor.kind {
        ActorKind::Token => html! { "token " b { (visible(&event.actor.name)) } },
        ActorKind::Session => html! { "session of " b { (visible(&event.actor.name)) } },
        ActorKind::Setup if event.actor.name == "server" => html! { "the server" },
        ActorKind::Setup => html! { "first start" },
        ActorKind::Function => html! { "the function " b { (visible(&event.actor.name)) } },
        ActorKind::Rotator => html! { "the rotator of " b { (visible(&event.actor.name)) } },
        ActorKind::Jwt => html! { "a caller with a JWT, " b { (visible(&event.actor.name)) } },
        ActorKind::Anonymous => html! { "somebody without a token" },
    };
    match event.outcome {
        Outcome::Done => html! { (who) " " (Done(event).words()) },
        Outcome::Denied => html! { (who) " was not allowed to " (wanted(event)) (place(event)) },
    }
}

fn place(event: &AuditEvent) -> Markup {
    html! { @if let Some(environment) = &event.environment { " in " (environment.as_str()) } }
}

fn name(event: &AuditEvent) -> Markup {
    html! { @if !event.resource.name.is_empty() { " " code { (visible(&event.resource.name)) } } }
}

/// Something that happened.
struct Done<'a>(&'a AuditEvent);

impl Done<'_> {
    fn detail(&self, key: &str) -> Markup {
        html! { @if let Some(text) = self.0.details.get(key) { (visible(text)) } }
    }

    fn members(&self, what: &str) -> Markup {
        html! { @if self.0.details.get(what).is_some_and(|names| !names.is_empty()) { ", " (what) " " (self.detail(what)) } }
    }

    fn words(&self) -> Markup {
        let event = self.0;
        let (name, place) = (name(event), place(event));
        match event.action.as_str() {
            "secret.import" if event.details.get("dry_run").is_some_and(|dry| dry == "true") => {
                html! { "looked at what importing a file would change" (place) }
            }
            "secret.import" => {
                html! { "imported a file" (place) ": " (self.detail("new")) " new, " (self.detail("changed")) " changed, " (self.detail("same")) " the same" }
            }
            "secret.put" => match event.details.get("outcome").map(String::as_str) {
                Some("settings") => html! { "changed the settings of" (name) (place) },
                Some("same") => html! { "stored the value that" (name) " had already" (place) },
                _ => html! { "stored" (name) " version " (self.detail("version")) (place) },
            },
            "secret.inject" => {
                html! { "ran " code { (self.detail("command")) } " with " (self.detail("count")) " secrets" (place) }
            }
            "secret.activate" => {
                html! { "went from version " (self.detail("previous_version")) " to version " (self.detail("version")) " of" (name) (place) }
            }
            "secret.share" => {
                html! { "shared" (name) " from " (self.detail("from")) " with " @if let Some(to) = &event.environment { (to.as_str()) } }
            }
            "secret.destroy" => html! { "destroyed version " (self.detail("version")) " of" (name) (place) },
            "secret.delete" => html! { "deleted" (name) (place) },
            "secret.check" => html! {
                "checked" (name) (place) @if event.details.contains_key("host") { " with " code { (self.detail("host")) } }
            },
            "secret_request.create" => html! { "asked for" (name) (place) },
            "secret_request.fulfil" => html! { "stored" (name) (place) ", which had been asked for" },
            "secret_request.decline" => html! { "declined the request for" (name) (place) },
            "secret_request.cancel" => html! { "cancelled the request for" (name) (place) },
            "confirmation.create" => html! { "asked whether it may delete" (name) (place) },
            "confirmation.approve" => {
                html! { "said yes to " (self.detail("asked_by")) ", which wants to delete" (name) (place) }
            }
            "confirmation.decline" => {
                html! { "said no to " (self.detail("asked_by")) ", which wants to delete" (name) (place) }
            }
            "function.deploy" if event.details.get("active").is_some_and(|active| active == "false") => {
                html! { "stored" (name) " as deployment " (self.detail("number")) ", not active yet" }
            }
            "secret.scan" => html! {
                "compared " (self.detail("digests")) " texts with stored values" (place)
                @if event.details.contains_key("found") { " and found " code { (self.detail("found")) } }
            },
            "secret.return" => html! { "returned the value of" (name) " to a caller" (place) },
            "function.deploy" => html! { "deployed" (name) " as deployment " (self.detail("number")) (place) },
            "function.rollback" => html! { "rolled" (name) " back to deployment " (self.detail("number")) (place) },
            "function.delete" => html! { "deleted the function" (name) (place) },
            "environment.put" => html! { "made the environment" (name) },
            "environment.clone" => {
                html! { "copied the names of" (name) " to " code { (self.detail("to")) } ", without values" }
            }
            "environment.delete" => {
                html! { "deleted the environment" (name) " with " (self.detail("secrets")) " secrets" }
            }
            "token.create" => html! { "made the token" (name) },
            "token.revoke" => html! { "revoked the token " code { (self.detail("name")) } },
            "client.grant" => html! { "let the program" (name) " act with " (self.detail("scopes")) },
            "client.revoke" if event.details.contains_key("reason") => {
                html! { "used a code or token of the program" (name) " again, which disconnected it" }
            }
            "client.revoke" => html! { "disconnected the program" (name) },
            "member.put" => html! { "made the member" (name) " a " (self.detail("role")) },
            "member.delete" => html! { "deleted the member" (name) },
            "group.put" => html! { "set who is in the group" (name) (self.members("added")) (self.members("removed")) },
            "group.delete" => html! { "deleted the group" (name) },
            "issuer.put" => html! { "trusts JWTs of " code { (self.detail("issuer")) } " as" (name) },
            "issuer.delete" => html! { "no longer trusts the issuer" (name) },
            "key.rotate" => {
                html! { "replaced the account's key and encrypted " (self.detail("versions")) " versions anew" }
            }
            "settings.put" => {
                html! { "set " @for (n, (name, text)) in event.details.iter().enumerate() { @if n > 0 { ", " } code { (visible(name)) } " to " (visible(text)) } }
            }
            "rotator.put" => match event.details.get("function") {
                Some(_) => {
                    html! { "made the function " code { (self.detail("function")) } " the rotator of" (name) (place) }
                }
                None => html! { "set the rotator of" (name) (place) },
            },
            "rotator.delete" => html! { "removed the rotator of" (name) (place) },
            "rotation.start" => html! { "began to rotate" (name) (place) },
            "rotation.retry" => html! { "retried the rotation of" (name) (place) },
            "rotation.cancel" => html! { "gave up the rotation of" (name) (place) },
            "rotation.fail" => {
                html! { "could not rotate" (name) (place) ", and stopped at the step " (self.detail("step")) }
            }
            "rotation.finish" => html! { "rotated" (name) (place) ": the value before is retired" },
            "webhook.put" if event.details.contains_key("disabled") => {
                html! { "disabled the webhook" (name) ", which took nothing any more" }
            }
            "webhook.put" => html! { "set the webhook" (name) " to " code { (self.detail("host")) } },
            "webhook.delete" => html! { "deleted the webhook" (name) },
            "webhook.test" => html! { "tried the webhook" (name) },
            "webhook.rotate" => html! { "gave the webhook" (name) " another key" },
            "session.create" if event.details.get("link").is_some_and(|link| link == "used") => {
                html! { "began with a login link" }
            }
            "session.create" => html! { "made a login link" },
            "account.create" => html! { "made the account" (name) },
            other => html! { "did " code { (visible(other)) } (name) (place) },
        }
    }
}

/// What somebody was not allowed to do.
fn wanted(event: &AuditEvent) -> Markup {
    let name = name(event);
    match event.action.as_str() {
        "secret.list" => html! { "list secrets" },
        "secret.get" => html! { "look up" (name) },
        "secret.put" => html! { "store" (name) },
        "secret.import" => html! { "import secrets" },
        "secret.inject" => html! { "run a program with secrets" },
        "secret.activate" => html! { "use another version of" (name) },
        "secret.share" => html! { "share" (name) },
        "secret.destroy" => html! { "destroy a version of" (name) },
        "secret.delete" => html! { "delete" (name) },
        "secret.check" => html! { "check" (name) " with its provider" },
        "secret.scan" => html! { "compare texts with stored values" },
        "secret.send" => {
            html! { "send" (name) @if let Some(host) = event.details.get("host") { " to " code { (visible(host)) } } }
        }
        "rotator.get" => html! { "look up the rotator of" (name) },
        "rotator.put" => html! { "set the rotator of" (name) },
        "rotator.delete" => html! { "remove the rotator of" (name) },
        "rotation.list" => html! { "list the rotations of" (name) },
        "rotation.start" | "rotation.finish" => html! { "rotate" (name) },
        "rotation.retry" => html! { "retry the rotation of" (name) },
        "rotation.cancel" | "rotation.fail" => html! { "give up the rotation of" (name) },
        "secret_request.create" => html! { "ask for" (name) },
        "secret_request.list" => html! { "list secret requests" },
        "secret_request.get" => html! { "look up a secret request" },
        "secret_request.fulfil" => html! { "answer a secret request" },
        "secret_request.decline" => html! { "decline the request for" (name) },
        "secret_request.cancel" => html! { "cancel the request for" (name) },
        "secret.return" => html! { "return the value of" (name) " to a caller" },
        "confirmation.create" => html! { "ask whether it may delete" (name) },
        "confirmation.get" => html! { "look up a confirmation" },
        "confirmation.approve" => html! { "say yes to deleting" (name) },
        "confirmation.decline" => html! { "say no to deleting" (name) },
        "function.list" => html! { "list functions" },
        "function.get" => html! { "look up the function" (name) },
        "function.deploy" => html! { "deploy" (name) },
        "function.publish" => html! { "make" (name) " public" },
        "function.rollback" => html! { "roll back" (name) },
        "function.delete" => html! { "delete the function" (name) },
        "function.invoke" => html! { "invoke" (name) },
        "invocation.list" => html! { "read the invocations of" (name) },
        "environment.put" => html! { "make the environment" (name) },
        "environment.clone" => html! { "clone the environment" (name) },
        "environment.delete" => html! { "delete the environment" (name) },
        "audit.list" => html! { "read the audit log" },
        "token.list" => html! { "list tokens" },
        "token.create" => html! { "make the token" (name) },
        "token.revoke" => html! { "revoke a token" },
        "client.list" => html! { "list connected programs" },
        "client.grant" => html! { "let the program" (name) " act for the account" },
        "client.revoke" => html! { "disconnect a program" },
        "member.list" => html! { "list members" },
        "member.put" => html! { "change the member" (name) },
        "member.delete" => html! { "delete the member" (name) },
        "group.list" => html! { "list groups" },
        "group.put" => html! { "change the group" (name) },
        "group.delete" => html! { "delete the group" (name) },
        "issuer.list" => html! { "list issuers" },
        "issuer.put" => html! { "change the issuer" (name) },
        "issuer.delete" => html! { "delete the issuer" (name) },
        "settings.get" => html! { "read the settings" },
        "settings.put" => html! { "change the settings" },
        "webhook.list" => html! { "list webhooks" },
        "webhook.put" => html! { "set the webhook" (name) },
        "webhook.delete" => html! { "delete the webhook" (name) },
        "webhook.test" => html! { "try the webhook" (name) },
        "webhook.rotate" => html! { "give the webhook" (name) " another key" },
        "key.get" => html! { "look at the account's key" },
        "key.rotate" => html! { "replace the account's key" },
        "session.create" => html! { "make a login link" },
        "wall.list" => html! { "list the walls around functions" },
        "account.list" => html! { "list accounts" },
        "account.create" => html! { "make the account" (name) },
        other => html! { "do " code { (visible(other)) } (name) },
    }
}

#[cfg(test)]
mod tests {
    use super::sentence;
    use domain::audit::{AuditEvent, Outcome};
    use domain::{AccountId, Action, Actor, ActorKind, EnvironmentName, RequestId, Timestamp};

    fn event(action: Action, outcome: Outcome) -> AuditEvent {
        let actor = Actor { kind: ActorKind::Token, name: "admin".to_owned(), ..Actor::anonymous(AccountId::new("a")) };
        let (time, request) = (Timestamp::from_millis(0), RequestId::new("r"));
        AuditEvent::new(&actor, action, "OPENAI_API_KEY", outcome, time, &request, [0; 16])
    }

    fn plain(event: &AuditEvent) -> String {
        let mut text = sentence(event).into_string();
        for tag in ["<b>", "</b>", "<code>", "</code>"] {
            text = text.replace(tag, "");
        }
        text
    }

    #[test]
    fn events_read_as_sentences() {
        let stored =
            event(Action::SecretPut, Outcome::Done).environment(&EnvironmentName::production()).detail("version", 2);
        assert_eq!(plain(&stored), "token admin stored OPENAI_API_KEY version 2 in production");
        let denied = event(Action::SecretDelete, Outcome::Denied).environment(&EnvironmentName::production());
        assert_eq!(plain(&denied), "token admin was not allowed to delete OPENAI_API_KEY in production");
    }

    #[test]
    fn every_action_has_words() {
        for action in Action::ALL {
            let words = plain(&event(*action, Outcome::Denied));
            assert!(!words.contains(action.as_str()), "{words}");
            if super::is_logged(*action) {
                let words = plain(&event(*action, Outcome::Done));
                assert!(!words.contains(action.as_str()), "{words}");
            }
        }
    }
}
