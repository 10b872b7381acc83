//! What is known of the log's integrity, and how to know it without this server.

use maud::{Markup, html};

use crate::service::{Error, Service};
use crate::ui::layout::{ErrorPage, snippet};
use crate::ui::session::Session;
use crate::ui::text::count;
use crate::wire::SignedCheckpoint;

/// Up to here every visit verifies the whole log; a longer one is verified when asked.
const VERIFIED_AT_ONCE: u64 = 2_000;

/// What was found.
pub(super) enum Proof {
    Verified(SignedCheckpoint),
    NotAsked(SignedCheckpoint),
    Broken(&'static str),
}

impl Proof {
    pub(super) async fn read(service: &Service, session: &Session, asked: bool) -> Result<Self, ErrorPage> {
        let signed = match service.audit_checkpoint(&session.caller).await {
            Ok(signed) => signed,
            Err(Error::Broken(why)) => return Ok(Self::broken(why)),
            Err(error) => return Err(session.failed(error)),
        };
        if signed.size > VERIFIED_AT_ONCE && !asked {
            return Ok(Self::NotAsked(signed));
        }
        match service.verify_audit(&session.caller).await {
            Ok(_) => Ok(Self::Verified(signed)),
            Err(Error::Broken(why)) => Ok(Self::broken(why)),
            Err(error) => Err(session.failed(error)),
        }
    }

    fn broken(why: &'static str) -> Self {
        tracing::error!(why, "the audit log does not verify");
        Self::Broken(why)
    }

    pub(super) fn card(&self) -> Markup {
        html! {
            section.card aria-labelledby="proof" {
                @match self {
                    Self::Verified(signed) => {
                        h2 #proof { span.badge.good { "Verified now" } " " (events(signed.size)) }
                        p { "Each event was hashed again just now, and together they give the signed checkpoint: nothing was changed, dropped or reordered." }
                        (how(signed))
                    }
                    Self::NotAsked(signed) => {
                        h2 #proof { (events(signed.size)) }
                        p { a.button href="/audit?verify=1" { "Verify them now" } " " span.muted { "This may take some seconds." } }
                        (how(signed))
                    }
                    Self::Broken(why) => {
                        h2 #proof { span.badge.bad { "Does not verify" } }
                        div.notice.bad role="alert" {
                            p { b { "The log is not the one that was signed: " (why) "." } }
                            p { "Somebody may have changed the database. Keep a copy of it as it is, and compare with a checkpoint or an export that you kept elsewhere:" }
                        }
                        (snippet("Command that verifies the log", "tresor audit verify"))
                    }
                }
            }
        }
    }
}

fn events(size: u64) -> String {
    count(usize::try_from(size).unwrap_or(usize::MAX), "event", "events")
}

fn how(signed: &SignedCheckpoint) -> Markup {
    html! {
        details {
            summary { "Verify it yourself" }
            p { "This checks the whole log on your machine, with no trust in this server:" }
            (snippet("Command that verifies the log", "tresor audit verify"))
            p { "An export checks without a server at all:" }
            (snippet("Command that verifies an export", "tresor audit verify audit.jsonl"))
            p { "Keep this checkpoint and its key somewhere else. Whoever changes the log later cannot also change your copy." }
            (snippet("Signed checkpoint", &signed.checkpoint))
            (snippet("Key that checks it", &signed.verifier_key))
        }
    }
}
