//! Members and groups: who there is, what tokens made for them may do, and who may call functions that are for a group.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::frame::{Tab, page, refused};
use crate::service::{Error, Service};
use crate::ui::ROWS;
use crate::ui::form::{Fields, Params};
use crate::ui::layout::{self, ErrorPage};
use crate::ui::secrets::fields::{Field, Problems};
use crate::ui::session::Session;
use crate::ui::text::{listed, visible};
use crate::wire::{Group, Member, Page, PutGroup, PutMember};

const PATH: &str = "/settings/people";

/// `GET /settings/people`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let known = Known::read(&service, &session, params.text("cursor")).await?;
    Ok(page(
        &session,
        Tab::People,
        &known.body(&session, params.text("cursor"), &Typed::default(), &Problems::default()),
    ))
}

/// What the forms show.
#[derive(Default)]
struct Typed {
    member: String,
    role: String,
    issuer: String,
    subject: String,
    group: String,
    members: String,
}

/// `POST /settings/people/member`
pub(in crate::ui) async fn put_member(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let text = |name| fields.text(name).unwrap_or_default().to_owned();
    let (member, role, issuer, subject) = (text("member"), text("role"), text("issuer"), text("subject"));
    let typed = Typed { member, role, issuer, subject, ..Typed::default() };
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let input = PutMember { role: given(&typed.role), issuer: given(&typed.issuer), subject: given(&typed.subject) };
    let done = service.put_member(&session.caller, &typed.member, input).await.map(drop);
    answer(&service, &session, done, typed, "member").await
}

/// `POST /settings/people/group`
pub(in crate::ui) async fn put_group(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let typed = Typed {
        group: fields.text("group").unwrap_or_default().to_owned(),
        members: fields.lines("members"),
        ..Typed::default()
    };
    let input = PutGroup { members: listed(&typed.members) };
    let done = service.put_group(&session.caller, &typed.group, input).await.map(drop);
    answer(&service, &session, done, typed, "group").await
}

/// `POST /settings/people/member/{name}/delete`
pub(in crate::ui) async fn delete_member(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Response, ErrorPage> {
    service.delete_member(&session.caller, &name).await.map_err(|error| session.failed(error))?;
    Ok(Redirect::to(PATH).into_response())
}

/// `POST /settings/people/group/{name}/delete`
pub(in crate::ui) async fn delete_group(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Response, ErrorPage> {
    let done = service.delete_group(&session.caller, &name).await;
    answer(&service, &session, done, Typed::default(), "group").await
}

async fn answer(
    service: &Service,
    session: &Session,
    done: Result<(), Error>,
    typed: Typed,
    name: &'static str,
) -> Result<Response, ErrorPage> {
    let problems = match done {
        Ok(()) => return Ok(Redirect::to(PATH).into_response()),
        Err(Error::InUse { detail }) => Problems::other(axum::http::StatusCode::CONFLICT, html! { (detail) "." }),
        Err(error) => Problems::of(error).map_err(|error| session.failed(error))?.about("name", name),
    };
    let known = Known::read(service, session, None).await?;
    Ok(refused(session, Tab::People, &problems, &known.body(session, None, &typed, &problems)))
}

struct Known {
    members: Page<Member>,
    groups: Vec<Group>,
}

impl Known {
    async fn read(service: &Service, session: &Session, cursor: Option<&str>) -> Result<Self, ErrorPage> {
        let failed = |error| session.failed(error);
        let members = service.list_members(&session.caller, cursor, ROWS).await.map_err(failed)?;
        let groups = service.list_groups(&session.caller).await.map_err(failed)?.items;
        Ok(Self { members, groups })
    }

    fn body(&self, session: &Session, cursor: Option<&str>, typed: &Typed, problems: &Problems) -> Markup {
        html! {
            (problems.summary_of("Nothing was changed."))
            p.lead { "A member is a person for whom you make tokens, or whom an issuer of JWTs speaks for. A group is a set of members that a function can be for." }
            div.columns {
                section {
                    h2 { "Members" }
                    @if self.members.items.is_empty() { p.muted { "None yet. You do not need any to work alone." } } @else { (self.member_table(session)) }
                    (layout::pager(PATH, &[], cursor, self.members.next_cursor.as_deref()))
                }
                (member_form(typed, problems))
            }
            div.columns {
                section {
                    h2 { "Groups" }
                    @if self.groups.is_empty() { p.muted { "None yet." } } @else { (self.group_table()) }
                }
                (group_form(typed, problems))
            }
        }
    }

    fn member_table(&self, session: &Session) -> Markup {
        html! {
            div.table-box {
                table.cards {
                    caption.unseen { "Members" }
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Role" } th scope="col" { "Groups" } th scope="col" { "Made" } th scope="col" { span.unseen { "Delete" } } } }
                    tbody { @for member in &self.members.items {
                        tr {
                            th scope="row" { span.name { (member.name) } @if let (Some(issuer), Some(subject)) = (&member.issuer, &member.subject) { span.by { (visible(subject)) " at " (issuer) } } }
                            td data-label="Role" { @if member.role == "admin" { "Administrator" } @else { "User" } }
                            td data-label="Groups" { @if member.groups.is_empty() { span.muted { "None" } } (member.groups.join(", ")) }
                            td data-label="Made" { (session.ago(&member.created_at)) }
                            td data-label="Delete" { (delete(&format!("{PATH}/member/{}/delete", member.name), &member.name, "All tokens made for this member are revoked.")) }
                        }
                    } }
                }
            }
        }
    }

    fn group_table(&self) -> Markup {
        html! {
            div.table-box {
                table.cards {
                    caption.unseen { "Groups" }
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Members" } th scope="col" { "Functions for it" } th scope="col" { span.unseen { "Delete" } } } }
                    tbody { @for group in &self.groups {
                        tr {
                            th scope="row" { span.name { (group.name) } }
                            td data-label="Members" { @if group.members.is_empty() { span.muted { "None" } } (group.members.join(", ")) }
                            td data-label="Functions for it" { span.links { @if group.functions.is_empty() { span.muted { "None" } } @for name in &group.functions { a href=(format!("/functions/{name}")) { (name) } " " } } }
                            td data-label="Delete" { (delete(&format!("{PATH}/group/{}/delete", group.name), &group.name, "Nobody is in it any more.")) }
                        }
                    } }
                }
            }
        }
    }
}

/// A button behind a question.
pub(super) fn delete(action: &str, name: &str, what: &str) -> Markup {
    html! {
        details {
            summary aria-label=(format!("Delete {name} …")) { "Delete …" }
            form method="post" action=(action) {
                p.small { (what) }
                button.danger type="submit" { "Delete " (name) }
            }
        }
    }
}

fn member_form(typed: &Typed, problems: &Problems) -> Markup {
    let name = Field::new(
        "member",
        "Name",
        html! { "Small letters, digits and hyphens. A name that is there is changed." },
        problems,
    );
    let issuer = Field::new(
        "issuer",
        "Issuer (optional)",
        html! { "The name of an issuer of JWTs, from the next page." },
        problems,
    );
    let subject = Field::new(
        "subject",
        "Its name for the member (optional)",
        html! { "The " code { "sub" } " of the JWTs." },
        problems,
    );
    let input = |id: &'static str, text: &str, field: &Field<'_>| {
        html! { input.mono id=(id) name=(id) value=(visible(text)) autocapitalize="off" autocomplete="off" spellcheck="false" aria-describedby=(field.described_by()) aria-invalid=[field.invalid()]; }
    };
    html! {
        form.sheet method="post" action=(format!("{PATH}/member")) aria-labelledby="put-member" {
            h2 #put-member { "Make or change a member" }
            (name.around(&input("member", &typed.member, &name)))
            div.field {
                label for="role" { "Role" }
                select #role name="role" {
                    option value="user" { "User: tokens look and invoke at most" }
                    option value="admin" selected[typed.role == "admin"] { "Administrator: tokens may hold any scope" }
                }
            }
            details open[!typed.issuer.is_empty() || problems.is_about("issuer") || problems.is_about("subject")] {
                summary { "Signs in somewhere else" }
                (issuer.around(&input("issuer", &typed.issuer, &issuer)))
                (subject.around(&input("subject", &typed.subject, &subject)))
            }
            p.actions { button.primary type="submit" { "Save member" } }
        }
    }
}

fn group_form(typed: &Typed, problems: &Problems) -> Markup {
    let name = Field::new(
        "group",
        "Name",
        html! { "Small letters, digits and hyphens. A group that is there gets the members below, and no others." },
        problems,
    );
    let members = Field::new("members", "Members", html! { "Names, parted by spaces, commas or lines." }, problems);
    html! {
        form.sheet method="post" action=(format!("{PATH}/group")) aria-labelledby="put-group" {
            h2 #put-group { "Make or change a group" }
            (name.around(&html! { input.mono #group name="group" value=(visible(&typed.group)) autocapitalize="off" autocomplete="off" spellcheck="false" aria-describedby=(name.described_by()) aria-invalid=[name.invalid()]; }))
            (members.around(&html! { textarea.mono #members name="members" rows="3" autocapitalize="off" spellcheck="false" aria-describedby=(members.described_by()) aria-invalid=[members.invalid()] { "\n" (typed.members) } }))
            p.actions { button.primary type="submit" { "Save group" } }
        }
    }
}
