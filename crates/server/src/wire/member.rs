//! Members, groups and issuers over HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A person in an account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The name.
    pub name: String,
    /// `admin` or `user`: what tokens made for the member may at most do.
    pub role: String,
    /// The issuer whose JWTs speak for the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The `sub` of those JWTs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The groups the member is in.
    pub groups: Vec<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Who made it.
    pub created_by: String,
}

/// Makes a member or changes one: what is left out is as for a new one.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutMember {
    /// `admin`, or `user` if left out. A `user`'s tokens have `secrets:read`, `functions:read` and `functions:invoke` at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// With `subject`: the name of an issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// With `issuer`: the `sub` of the JWTs that speak for the member, 1 to 1,024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// A named set of members, which the access `group:NAME` of functions means.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// The name.
    pub name: String,
    /// Names of members.
    pub members: Vec<String>,
    /// The functions that only it may invoke, as they are active somewhere.
    pub functions: Vec<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Who made it.
    pub created_by: String,
}

/// Makes a group or gives it other members.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutGroup {
    /// Names of members; at most 1,000. Without any, nobody is in it but whom an issuer's `groups_claim` puts there.
    pub members: Vec<String>,
}

/// An issuer of JSON Web Tokens that may invoke the account's functions.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Issuer {
    /// The name.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub settings: PutIssuer,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Who made it.
    pub created_by: String,
}

/// Makes an issuer or replaces one. Exactly one of `jwks_url`, `jwks` and `secret` tells what verifies its tokens, which must
/// have `iss`, `aud`, `exp` and `sub`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutIssuer {
    /// The `iss` of its tokens, compared exactly; 1 to 1,024 bytes, of one issuer of the account only.
    pub issuer: String,
    /// What their `aud` must be or contain; 1 to 1,024 bytes.
    pub audience: String,
    /// The algorithms that are taken, of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA.
    pub algorithms: Vec<String>,
    /// `https://` address of a JWK Set, at most 64 KiB. It is fetched at once, every ten minutes, and when a token names a
    /// key that it did not have. `http://` only to networks that the operator allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// A JWK Set of public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    /// Name of the secret that holds the key of HS256, HS384 or HS512: its value in the function's environment, as bytes of
    /// UTF-8, at least as long as the hash (32, 48 or 64 bytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The claim that lists the caller's groups, if the issuer may say who is in a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_claim: Option<String>,
    /// Where its callers may invoke functions; everywhere if left out; an empty list is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
}
