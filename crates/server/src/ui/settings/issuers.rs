//! Issuers: whose JSON Web Tokens may invoke functions.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::frame::{Tab, page, refused};
use super::people::delete as delete_button;
use crate::service::{Error, Service};
use crate::ui::form::Fields;
use crate::ui::layout::ErrorPage;
use crate::ui::secrets::fields::{Field, Problems};
use crate::ui::session::Session;
use crate::ui::text::visible;
use crate::wire::{Issuer, PutIssuer};

const PATH: &str = "/settings/issuers";

/// What the form shows.
#[derive(Default)]
struct Typed {
    name: String,
    issuer: String,
    audience: String,
    algorithms: String,
    jwks_url: String,
    secret: String,
    groups_claim: String,
}

/// `GET /settings/issuers`
pub(in crate::ui) async fn show(State(service): State<Service>, session: Session) -> Result<Response, ErrorPage> {
    let issuers = read(&service, &session).await?;
    Ok(page(&session, Tab::Issuers, &body(&session, &issuers, &Typed::default(), &Problems::default())))
}

/// `POST /settings/issuers`
pub(in crate::ui) async fn put(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let text = |name| fields.text(name).unwrap_or_default().to_owned();
    let typed = Typed {
        name: text("name"),
        issuer: text("issuer"),
        audience: text("audience"),
        algorithms: text("algorithms"),
        jwks_url: text("jwks_url"),
        secret: text("secret"),
        groups_claim: text("groups_claim"),
    };
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let algorithms = typed.algorithms.split([' ', ',']).filter(|word| !word.is_empty());
    let input = PutIssuer {
        issuer: typed.issuer.clone(),
        audience: typed.audience.clone(),
        algorithms: algorithms.map(str::to_owned).collect(),
        jwks_url: given(&typed.jwks_url),
        secret: given(&typed.secret),
        groups_claim: given(&typed.groups_claim),
        ..PutIssuer::default()
    };
    match service.put_issuer(&session.caller, &typed.name, input).await {
        Ok(_) => Ok(Redirect::to(PATH).into_response()),
        Err(error @ (Error::Invalid(_) | Error::Limit { .. })) => {
            let problems = Problems::of(error).map_err(|error| session.failed(error))?;
            let issuers = read(&service, &session).await?;
            Ok(refused(&session, Tab::Issuers, &problems, &body(&session, &issuers, &typed, &problems)))
        }
        Err(error) => Err(session.failed(error)),
    }
}

/// `POST /settings/issuers/{name}/delete`
pub(in crate::ui) async fn delete(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Response, ErrorPage> {
    service.delete_issuer(&session.caller, &name).await.map_err(|error| session.failed(error))?;
    Ok(Redirect::to(PATH).into_response())
}

async fn read(service: &Service, session: &Session) -> Result<Vec<Issuer>, ErrorPage> {
    Ok(service.list_issuers(&session.caller).await.map_err(|error| session.failed(error))?.items)
}

fn body(session: &Session, issuers: &[Issuer], typed: &Typed, problems: &Problems) -> Markup {
    html! {
        (problems.summary_of("Nothing was changed."))
        p.lead { "Functions that need a token can also be called with a JSON Web Token of an issuer that you trust: your sign-in service, Supabase, Auth0 and others." }
        @if issuers.is_empty() { p.muted { "None yet: only tokens of this account are taken." } } @else { (table(session, issuers)) }
        (form(typed, problems))
    }
}

fn table(session: &Session, issuers: &[Issuer]) -> Markup {
    html! {
        div.table-box {
            table.cards {
                caption.unseen { "Issuers" }
                thead { tr { th scope="col" { "Name" } th scope="col" { "Issuer" } th scope="col" { "Audience" } th scope="col" { "Keys" } th scope="col" { "Made" } th scope="col" { span.unseen { "Delete" } } } }
                tbody { @for issuer in issuers {
                    tr {
                        th scope="row" { span.name { (issuer.name) } span.by { (issuer.settings.algorithms.join(", ")) } }
                        td data-label="Issuer" { code.address { (visible(&issuer.settings.issuer)) } }
                        td data-label="Audience" { (visible(&issuer.settings.audience)) }
                        td data-label="Keys" { @match (&issuer.settings.jwks_url, &issuer.settings.secret) {
                            (Some(url), _) => code.address { (visible(url)) },
                            (None, Some(name)) => { "The secret " code { (name) } },
                            (None, None) => "A fixed set of public keys",
                        } }
                        td data-label="Made" { (session.ago(&issuer.created_at)) }
                        td data-label="Delete" { (delete_button(&format!("{PATH}/{}/delete", issuer.name), &issuer.name, "Its tokens are refused from now on.")) }
                    }
                } }
            }
        }
    }
}

fn form(typed: &Typed, problems: &Problems) -> Markup {
    let field = |id, label, hint| Field::new(id, label, hint, problems);
    let input = |field: &Field<'_>, text: &str| {
        html! { input.mono id=(field.id) name=(field.id) value=(visible(text)) autocapitalize="off" autocomplete="off" spellcheck="false" aria-describedby=(field.described_by()) aria-invalid=[field.invalid()]; }
    };
    let fields = [
        (field("name", "Name", html! { "For you: small letters, digits and hyphens." }), &typed.name),
        (field("issuer", "Issuer", html! { "The " code { "iss" } " of its tokens, exactly." }), &typed.issuer),
        (field("audience", "Audience", html! { "What their " code { "aud" } " must be or contain." }), &typed.audience),
        (
            field(
                "algorithms",
                "Algorithms",
                html! { "For example " code { "RS256" } " or " code { "ES256" } ", parted by spaces." },
            ),
            &typed.algorithms,
        ),
        (
            field(
                "jwks_url",
                "Address of its keys",
                html! { "A JWK Set: " code { "https://…/.well-known/jwks.json" } ". Leave it empty if it signs with a secret." },
            ),
            &typed.jwks_url,
        ),
        (
            field(
                "secret",
                "Or the secret it signs with",
                html! { "The name of a secret here, for HS256, HS384 or HS512." },
            ),
            &typed.secret,
        ),
        (
            field(
                "groups_claim",
                "Claim with groups (optional)",
                html! { "If the issuer may say who is in which group." },
            ),
            &typed.groups_claim,
        ),
    ];
    html! {
        form.sheet.narrow method="post" action=(PATH) aria-labelledby="put-issuer" {
            h2 #put-issuer { "Trust an issuer" }
            @for (field, text) in &fields { (field.around(&input(field, text))) }
            p.actions { button.primary type="submit" { "Save issuer" } }
        }
    }
}
