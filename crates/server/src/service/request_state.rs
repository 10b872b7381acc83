//! What a client keeps between two requests of a tool and sends back: authenticated by the account's key, for one actor,
//! one call and some time. It is no permission: what it names is looked up as the actor that sends it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Invalid, Timestamp};
use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::{Caller, Error, Service, show};
use crate::clock;

/// How long a client may take to come back.
const MILLIS: i64 = 60 * 60 * 1000;

impl Service {
    /// `subject`, to be given to the caller's client. `call` is what it must come back with: the tool and its arguments.
    pub(crate) async fn seal_state(&self, caller: &Caller, call: &str, subject: &str) -> Result<String, Error> {
        let until = clock::now().plus_millis(MILLIS).as_millis();
        let body = format!("{until}.{subject}");
        let tag = self.state_tag(caller, call, &body).await?;
        Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(body), hex::encode(tag)))
    }

    /// The subject of a state that [`Service::seal_state`] made for this caller and call, not too long ago.
    pub(crate) async fn open_state(&self, caller: &Caller, call: &str, state: &str) -> Result<String, Error> {
        let invalid = || Invalid::new("requestState", "request_state_invalid", "is of another call, or too old");
        let (body, tag) = state.split_once('.').ok_or_else(invalid)?;
        let body =
            URL_SAFE_NO_PAD.decode(body).ok().and_then(|body| String::from_utf8(body).ok()).ok_or_else(invalid)?;
        let tag = hex::decode(tag).map_err(|_| invalid())?;
        let expected = self.state_tag(caller, call, &body).await?;
        if !bool::from(expected.as_slice().ct_eq(&tag)) {
            return Err(invalid().into());
        }
        Ok(subject(&body, clock::now()).ok_or_else(invalid)?.to_owned())
    }

    async fn state_tag(&self, caller: &Caller, call: &str, body: &str) -> Result<[u8; 32], Error> {
        let actor = &caller.actor;
        let key = self.keyring.account(&self.store, &actor.account).await?;
        // JSON, so that no two lists of texts are one.
        let bound = json!([show::actor_kind(actor.kind), actor.id, call, body]).to_string();
        Ok(key.fingerprint("mcp request state", bound.as_bytes()))
    }
}

/// What an authentic body says, until its time is over.
fn subject(body: &str, now: Timestamp) -> Option<&str> {
    let (until, subject) = body.split_once('.')?;
    (until.parse::<i64>().ok()? > now.as_millis()).then_some(subject)
}

#[cfg(test)]
mod tests {
    use super::subject;
    use domain::Timestamp;

    #[test]
    fn a_state_ends() {
        assert_eq!(subject("10.a.b", Timestamp::from_millis(9)), Some("a.b"));
        assert_eq!(subject("10.a.b", Timestamp::from_millis(10)), None);
        assert_eq!(subject("x.a", Timestamp::from_millis(0)), None);
    }
}
