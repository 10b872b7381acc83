//! Asking a person through the client: the client shows a link, the person follows it or not, and the call comes back. Only
//! where the client said that it can; others get the link as text.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, ElicitRequest, ElicitRequestParams, ElicitationAction, InputRequest, InputRequiredResult,
    JsonObject, ProtocolVersion,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use super::call::{self, WAIT, read, shown};
use crate::service::{Caller, Error, Service};
use crate::wire::SecretRequest;

/// The one question of a call.
const QUESTION: &str = "link";

/// Whether the client shows links, and the revision has a way to ask for it without keeping a connection.
pub(super) fn shows_links(context: &RequestContext<RoleServer>) -> bool {
    let modern = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    let elicitation = context.client_capabilities().and_then(|able| able.elicitation);
    modern && elicitation.is_some_and(|able| able.url.is_some())
}

/// What a call is bound to when it comes back.
pub(super) fn call_of(tool: &str, arguments: &JsonObject) -> String {
    json!([tool, arguments]).to_string()
}

/// What the client said that the person did with the link; `None` if it said nothing that can be understood.
pub(super) fn answer(request: &CallToolRequestParams) -> Option<ElicitationAction> {
    let answer = request.input_responses.as_ref()?.get(QUESTION)?;
    serde_json::from_value(answer.get("action")?.clone()).ok()
}

/// Asks the client to show a link.
pub(super) fn show(message: String, url: &str, state: String) -> InputRequiredResult {
    let params = ElicitRequestParams::UrlElicitationParams {
        meta: None,
        message,
        url: url.to_owned(),
        elicitation_id: String::new(),
    };
    let question = InputRequest::Elicitation(ElicitRequest::new(params));
    InputRequiredResult::new(Some([(QUESTION.to_owned(), question)].into()), Some(state))
}

/// Where a call goes from here: to the person, or back to whoever asks.
pub(super) enum Next {
    Ask(Box<InputRequiredResult>),
    Tell(Value),
}

fn tell(request: SecretRequest) -> Next {
    Next::Tell(shown(request))
}

/// `delete_secret`, which may wait for a person's yes.
pub(super) async fn delete(
    service: &Service,
    caller: &Caller,
    call: &str,
    request: &CallToolRequestParams,
) -> Result<Next, Error> {
    if let Some(state) = &request.request_state {
        let id = service.open_state(caller, call, state).await?;
        if answer(request) == Some(ElicitationAction::Accept) {
            service.await_confirmation(caller, &id, WAIT).await?;
        }
    }
    let done = call::delete(service, caller, read(request.arguments.clone().unwrap_or_default())?).await?;
    match &done.confirmation {
        Some(waits) if waits.status == "pending" && request.request_state.is_none() => {
            let state = service.seal_state(caller, call, &waits.id).await?;
            let message = format!("Say in Tresor whether {} in {} shall be deleted", done.name, done.environment);
            Ok(Next::Ask(Box::new(show(message, &waits.url, state))))
        }
        _ => Ok(Next::Tell(shown(done))),
    }
}

/// When the call comes first.
pub(super) async fn begin(
    service: &Service,
    caller: &Caller,
    call: &str,
    arguments: JsonObject,
) -> Result<Next, Error> {
    let request = service.create_secret_request(caller, read(arguments)?).await?.0;
    ask(service, caller, call, request).await
}

async fn ask(service: &Service, caller: &Caller, call: &str, request: SecretRequest) -> Result<Next, Error> {
    if request.status != "pending" {
        return Ok(tell(request));
    }
    let state = service.seal_state(caller, call, &request.id).await?;
    let message = format!("Enter {} for {} in Tresor", request.name, request.environment);
    Ok(Next::Ask(Box::new(show(message, &request.url, state))))
}

/// When the call has come back.
pub(super) async fn resume(
    service: &Service,
    caller: &Caller,
    call: &str,
    state: &str,
    answer: Option<ElicitationAction>,
) -> Result<Next, Error> {
    let id = service.open_state(caller, call, state).await?;
    let request = match answer {
        // To follow the link is not to have entered something yet.
        Some(ElicitationAction::Accept) => service.get_secret_request(caller, &id, WAIT).await?,
        Some(ElicitationAction::Decline) => match service.cancel_secret_request(caller, &id).await {
            Err(Error::RequestEnded(_)) => service.get_secret_request(caller, &id, Duration::ZERO).await?,
            done => done?,
        },
        Some(_) => service.get_secret_request(caller, &id, Duration::ZERO).await?,
        None => {
            let request = service.get_secret_request(caller, &id, Duration::ZERO).await?;
            return ask(service, caller, call, request).await;
        }
    };
    Ok(tell(request))
}
