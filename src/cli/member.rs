//! `tresor member …`, `tresor group …` and `tresor issuer …`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    /// List members
    List,
    /// Make a member, or change one
    Put(MemberPut),
    /// Delete a member and revoke the tokens made for them
    Delete {
        /// The member
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct MemberPut {
    /// Small letters, digits and dashes
    pub(crate) name: String,
    /// What tokens for the member may at most do: user or admin
    #[arg(long, default_value = "user", value_name = "ROLE")]
    pub(crate) role: String,
    /// The issuer whose JWTs speak for the member
    #[arg(long, value_name = "ISSUER", requires = "subject")]
    pub(crate) issuer: Option<String>,
    /// The `sub` of those JWTs
    #[arg(long, value_name = "SUB", requires = "issuer")]
    pub(crate) subject: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// List groups with their members and functions
    List,
    /// Make a group, or give it other members
    Put {
        /// Small letters, digits and dashes
        name: String,
        /// All its members; none empties it
        #[arg(value_name = "MEMBER")]
        members: Vec<String>,
    },
    /// Delete a group that no active function is for
    Delete {
        /// The group
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum IssuerCommand {
    /// List issuers
    List,
    /// Make an issuer of JWTs, or replace one
    Put(IssuerPut),
    /// Delete an issuer: its JWTs stop to work
    Delete {
        /// The issuer
        name: String,
    },
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("keys").required(true)))]
pub(crate) struct IssuerPut {
    /// Small letters, digits and dashes
    pub(crate) name: String,
    /// The `iss` of its JWTs, exactly
    #[arg(long, value_name = "ISS")]
    pub(crate) issuer: String,
    /// What their `aud` must be or contain
    #[arg(long, value_name = "AUD")]
    pub(crate) audience: String,
    /// An algorithm that is taken, for example RS256; repeat for more
    #[arg(long = "algorithm", required = true, value_name = "ALG")]
    pub(crate) algorithms: Vec<String>,
    /// Address of its JWK Set
    #[arg(long, value_name = "URL", group = "keys")]
    pub(crate) jwks_url: Option<String>,
    /// File with its JWK Set
    #[arg(long, value_name = "FILE", group = "keys")]
    pub(crate) jwks: Option<PathBuf>,
    /// Name of the secret that holds the key of HS256, HS384 or HS512
    #[arg(long, value_name = "SECRET", group = "keys")]
    pub(crate) secret: Option<String>,
    /// The claim that lists the caller's groups, if the issuer may say so
    #[arg(long, value_name = "CLAIM")]
    pub(crate) groups_claim: Option<String>,
    /// Limit its callers to this environment; repeat for more
    #[arg(short, long = "environment", visible_alias = "env", value_name = "ENV")]
    pub(crate) environments: Vec<String>,
}
