//! Which actor may do what. Deny by default: an action needs its scope, and an actor that is limited to environments
//! may touch only those. The whole table is golden in `tests/policy.golden`.

use thiserror::Error;

use crate::{Access, Actor, ActorKind, EnvironmentName, Scope};

macro_rules! actions {
    ($($variant:ident = $text:literal needs $scope:ident,)*) => {
        /// Everything that can be done, as the API, the CLI and the audit log name it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is named by its text, `resource.verb`")]
        pub enum Action {
            $($variant,)*
        }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Action] = &[$(Action::$variant,)*];

            /// `resource.verb`, as the audit log writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The scope it needs.
            pub fn scope(self) -> Scope {
                match self { $(Self::$variant => Scope::$scope,)* }
            }
        }
    };
}

actions! {
    SecretList = "secret.list" needs SecretsRead,
    SecretGet = "secret.get" needs SecretsRead,
    SecretPut = "secret.put" needs SecretsWrite,
    SecretImport = "secret.import" needs SecretsWrite,
    SecretInject = "secret.inject" needs SecretsInject,
    SecretActivate = "secret.activate" needs SecretsWrite,
    SecretShare = "secret.share" needs SecretsWrite,
    SecretDestroy = "secret.destroy" needs SecretsWrite,
    SecretDelete = "secret.delete" needs SecretsWrite,
    SecretCheck = "secret.check" needs SecretsWrite,
    SecretScan = "secret.scan" needs SecretsScan,
    SecretSend = "secret.send" needs SecretsWrite,
    SecretReturn = "secret.return" needs SecretsWrite,
    RotatorGet = "rotator.get" needs SecretsRead,
    RotatorPut = "rotator.put" needs SecretsWrite,
    RotatorDelete = "rotator.delete" needs SecretsWrite,
    RotationList = "rotation.list" needs SecretsRead,
    RotationStart = "rotation.start" needs SecretsWrite,
    RotationRetry = "rotation.retry" needs SecretsWrite,
    RotationCancel = "rotation.cancel" needs SecretsWrite,
    RotationFail = "rotation.fail" needs SecretsWrite,
    RotationFinish = "rotation.finish" needs SecretsWrite,
    SecretRequestCreate = "secret_request.create" needs SecretsRequest,
    SecretRequestList = "secret_request.list" needs SecretsRead,
    SecretRequestGet = "secret_request.get" needs SecretsRead,
    SecretRequestFulfil = "secret_request.fulfil" needs SecretsWrite,
    SecretRequestDecline = "secret_request.decline" needs SecretsWrite,
    SecretRequestCancel = "secret_request.cancel" needs SecretsWrite,
    ConfirmationCreate = "confirmation.create" needs SecretsWrite,
    ConfirmationGet = "confirmation.get" needs SecretsRead,
    ConfirmationApprove = "confirmation.approve" needs SecretsWrite,
    ConfirmationDecline = "confirmation.decline" needs SecretsWrite,
    FunctionList = "function.list" needs FunctionsRead,
    FunctionGet = "function.get" needs FunctionsRead,
    FunctionDeploy = "function.deploy" needs FunctionsWrite,
    FunctionPublish = "function.publish" needs FunctionsPublish,
    FunctionRollback = "function.rollback" needs FunctionsWrite,
    FunctionDelete = "function.delete" needs FunctionsWrite,
    FunctionInvoke = "function.invoke" needs FunctionsInvoke,
    InvocationList = "invocation.list" needs FunctionsRead,
    EnvironmentPut = "environment.put" needs EnvironmentsWrite,
    EnvironmentClone = "environment.clone" needs EnvironmentsWrite,
    EnvironmentDelete = "environment.delete" needs EnvironmentsWrite,
    AuditList = "audit.list" needs AuditRead,
    TokenList = "token.list" needs TokensRead,
    TokenCreate = "token.create" needs TokensWrite,
    TokenRevoke = "token.revoke" needs TokensWrite,
    ClientList = "client.list" needs TokensRead,
    ClientGrant = "client.grant" needs TokensWrite,
    ClientRevoke = "client.revoke" needs TokensWrite,
    MemberList = "member.list" needs MembersRead,
    MemberPut = "member.put" needs MembersWrite,
    MemberDelete = "member.delete" needs MembersWrite,
    GroupList = "group.list" needs MembersRead,
    GroupPut = "group.put" needs MembersWrite,
    GroupDelete = "group.delete" needs MembersWrite,
    IssuerList = "issuer.list" needs MembersRead,
    IssuerPut = "issuer.put" needs MembersWrite,
    IssuerDelete = "issuer.delete" needs MembersWrite,
    SettingsGet = "settings.get" needs SettingsRead,
    SettingsPut = "settings.put" needs SettingsWrite,
    WebhookList = "webhook.list" needs SettingsRead,
    WebhookPut = "webhook.put" needs SettingsWrite,
    WebhookDelete = "webhook.delete" needs SettingsWrite,
    WebhookTest = "webhook.test" needs SettingsWrite,
    WebhookRotate = "webhook.rotate" needs SettingsWrite,
    KeyGet = "key.get" needs SettingsRead,
    KeyRotate = "key.rotate" needs SettingsWrite,
    SessionCreate = "session.create" needs SessionsWrite,
    WallList = "wall.list" needs AccountsWrite,
    AccountList = "account.list" needs AccountsWrite,
    AccountCreate = "account.create" needs AccountsWrite,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Denied {
    /// The actor lacks a scope.
    #[error("this needs the scope {}", .0.as_str())]
    Scope(Scope),
    /// The actor is limited to other environments.
    #[error("this token is not for the environment {0}")]
    Environment(EnvironmentName),
    /// A limited actor asked about all environments at once.
    #[error("this token is limited to some environments: name one of them")]
    AllEnvironments,
    /// Values go only to tokens that are for named environments.
    #[error(
        "this needs a token that is limited to environments: make one with `tresor token create NAME --scope secrets:inject -e ENV`"
    )]
    Unlimited,
    /// The function is for a group that the actor is not in. Which one is not for callers to know.
    #[error("this function is for a group that you are not in: ask who manages the account to add you")]
    Group,
    /// The account's settings say that people enter values.
    #[error(
        "this account does not take values that were given in a conversation: ask a person to enter it, with `request_secret`"
    )]
    ConversationValue,
    /// What a person is asked, only a person answers.
    #[error("only a person who is logged in to the admin UI can say yes to this")]
    NotPerson,
    /// Only the account `default` can manage accounts.
    #[error("only a token of the account `default` can manage accounts")]
    NotOperator,
}

/// Whether `actor` may do `action` in `environment` (`None`: in no particular one, or in all).
///
/// That the resource is of the actor's account is not asked here: services look resources up *within*
/// `actor.account`, so another account's are not found.
///
/// # Errors
/// Which rule refuses.
pub fn authorize(actor: &Actor, action: Action, environment: Option<&EnvironmentName>) -> Result<(), Denied> {
    if !actor.scopes.contains(action.scope()) {
        return Err(Denied::Scope(action.scope()));
    }
    if action.scope() == Scope::AccountsWrite && !actor.operator_account {
        return Err(Denied::NotOperator);
    }
    if action == Action::SecretInject && (actor.kind != ActorKind::Token || actor.environments.is_none()) {
        return Err(Denied::Unlimited);
    }
    if matches!(action, Action::ConfirmationApprove | Action::ClientGrant) && actor.kind != ActorKind::Session {
        return Err(Denied::NotPerson);
    }
    if let Some(allowed) = &actor.environments {
        match environment {
            Some(environment) if allowed.contains(environment) => {}
            Some(environment) => return Err(Denied::Environment(environment.clone())),
            None => return Err(Denied::AllEnvironments),
        }
    }
    Ok(())
}

/// Whether `actor` may invoke a function with this access in `environment`.
///
/// # Errors
/// Which rule refuses.
pub fn authorize_invoke(actor: &Actor, access: &Access, environment: &EnvironmentName) -> Result<(), Denied> {
    let group = match access {
        Access::Public => return Ok(()),
        Access::Authenticated => None,
        Access::Group(group) => Some(group),
    };
    authorize(actor, Action::FunctionInvoke, Some(environment))?;
    match group {
        Some(group) if !actor.groups.contains(group) => Err(Denied::Group),
        _ => Ok(()),
    }
}
