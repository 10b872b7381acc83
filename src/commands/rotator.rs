//! `tresor secret rotate`, `tresor secret rotator …` and `tresor secret rotation …`.

use std::time::Duration;

use reqwest::Method;
use server::wire::{PutRotator, RotateSecret, Rotation, Rotator};

use super::Context;
use crate::cli::{InEnvironment, Named, Rotate, RotationCommand, RotatorCommand, RotatorSet, Which};
use crate::client::{Client, segment};
use crate::failure::{Done, Exit, Failure};
use crate::output::clean;
use crate::table::{Table, fields};
use crate::time::ago;

/// How often a rotation is looked at that is waited for.
const LOOK: Duration = Duration::from_millis(300);

pub(super) async fn rotate(context: &Context, args: Rotate) -> Done {
    let client = context.client()?;
    let Rotate { named: Named { name, place }, wait } = args;
    let rotation: Rotation = client.call(Method::POST, &format!("{}/rotate", path(&name)?), &body(&place)).await?;
    if wait {
        return follow(context, &client, rotation).await;
    }
    context.output.show(&rotation, |rotation| {
        format!("Rotating {} in {}: {}", clean(&rotation.secret), clean(&rotation.environment), clean(&rotation.id))
    })?;
    context.output.hint(&format!("see how it goes: tresor secret rotator show {}", clean(&rotation.secret)));
    Ok(())
}

pub(super) async fn run(context: &Context, command: RotatorCommand) -> Done {
    let client = context.client()?;
    match command {
        RotatorCommand::Set(args) => set(context, &client, args).await,
        RotatorCommand::Show(Named { name, place }) => {
            let rotator = get(&client, &name, &place).await?;
            context.output.show(&rotator, detail)
        }
        RotatorCommand::Remove(Named { name, place }) => {
            let path = format!("{}/rotator", path(&name)?);
            client.delete(&path, &[("environment", place.environment.as_deref())]).await?;
            context.output.note(&format!("Removed the rotator of {}", clean(&name)));
            Ok(())
        }
    }
}

pub(super) async fn rotations(context: &Context, command: RotationCommand) -> Done {
    let client = context.client()?;
    match command {
        RotationCommand::List(Named { name, place }) => {
            let path = format!("{}/rotations", path(&name)?);
            let page =
                client.list::<Rotation>(&path, &[("environment", place.environment.as_deref())], Some(100)).await?;
            if page.items.is_empty() {
                context.output.note(&format!("{} was not rotated yet", clean(&name)));
            }
            context.output.show(&page, |page| {
                let mut table = Table::new(["STATUS", "STEP", "VERSION", "STARTED", "BY", "PROBLEM", "ID"]);
                for rotation in &page.items {
                    table.row([
                        rotation.status.clone(),
                        rotation.step.clone(),
                        rotation.version.map(|version| version.to_string()).unwrap_or_default(),
                        ago(&rotation.started_at),
                        rotation.started_by.clone(),
                        rotation.problem.clone().unwrap_or_default(),
                        rotation.id.clone(),
                    ]);
                }
                table.render()
            })
        }
        RotationCommand::Retry { which, wait } => {
            let rotation = change(&client, &which, "retry").await?;
            if wait {
                return follow(context, &client, rotation).await;
            }
            context.output.show(&rotation, |rotation| format!("Going on at the step {}", clean(&rotation.step)))
        }
        RotationCommand::Cancel(which) => {
            let rotation = change(&client, &which, "cancel").await?;
            context
                .output
                .show(&rotation, |rotation| format!("The rotation of {} is cancelled", clean(&rotation.secret)))
        }
    }
}

fn path(name: &str) -> Done<String> {
    Ok(format!("/api/v1/secrets/{}", segment(name)?))
}

fn body(place: &InEnvironment) -> RotateSecret {
    RotateSecret { environment: place.environment.clone() }
}

async fn get(client: &Client, name: &str, place: &InEnvironment) -> Done<Rotator> {
    client.get(&format!("{}/rotator", path(name)?), &[("environment", place.environment.as_deref())]).await
}

async fn set(context: &Context, client: &Client, args: RotatorSet) -> Done {
    let RotatorSet { named: Named { name, place }, function, give_value, postgres, admin, roles, every } = args;
    let input = PutRotator {
        environment: place.environment,
        kind: if postgres { "postgres" } else { "function" }.to_owned(),
        function,
        give_value,
        admin,
        roles: Some(roles).filter(|roles| !roles.is_empty()),
        every_days: every,
    };
    let rotator: Rotator = client.call(Method::PUT, &format!("{}/rotator", path(&name)?), &input).await?;
    context.output.show(&rotator, |rotator| {
        let when = match &rotator.next_at {
            Some(time) => format!("; the next time {}", ago(time)),
            None => format!("; start it: tresor secret rotate {}", clean(&rotator.secret)),
        };
        format!("{} in {} is rotated by {}{when}", clean(&rotator.secret), clean(&rotator.environment), what(rotator))
    })
}

/// What rotates it.
fn what(rotator: &Rotator) -> String {
    match (&rotator.function, &rotator.roles) {
        (Some(function), _) => format!("the function {}", clean(function)),
        (None, Some(roles)) => format!("the server, with the PostgreSQL roles {} in turn", clean(&roles.join(" and "))),
        (None, None) => "the server, by its PostgreSQL user in place".to_owned(),
    }
}

fn detail(rotator: &Rotator) -> String {
    let rotation = rotator.rotation.as_ref();
    fields([
        ("secret", Some(rotator.secret.clone())),
        ("environment", Some(rotator.environment.clone())),
        ("rotated by", Some(what(rotator))),
        ("admin", rotator.admin.clone()),
        ("every", rotator.every_days.map(|days| format!("{days} days"))),
        ("next", rotator.next_at.as_deref().map(ago)),
        ("set", Some(format!("{} by {}", ago(&rotator.set_at), rotator.set_by))),
        ("last rotation", rotation.map(|rotation| format!("{}, at the step {}", rotation.status, rotation.step))),
        ("started", rotation.map(|rotation| format!("{} by {}", ago(&rotation.started_at), rotation.started_by))),
        ("problem", rotation.and_then(|rotation| rotation.problem.clone())),
        ("tried again", rotation.and_then(|rotation| rotation.next_at.as_deref()).map(soon)),
        ("rotation", rotation.map(|rotation| rotation.id.clone())),
    ])
}

/// Retries or cancels the rotation that is meant.
async fn change(client: &Client, which: &Which, verb: &str) -> Done<Rotation> {
    let id = match &which.id {
        Some(id) => id.clone(),
        None => {
            let newest = get(client, &which.named.name, which.place()).await?.rotation;
            let newest = newest.ok_or_else(|| Failure::failed("not_rotated", "the secret was not rotated yet"))?;
            newest.id
        }
    };
    let path = format!("{}/rotations/{}/{verb}", path(&which.named.name)?, segment(&id)?);
    client.call(Method::POST, &path, &body(which.place())).await
}

/// Tells the steps of a rotation as they are taken, until it ends or waits for somebody.
async fn follow(context: &Context, client: &Client, mut rotation: Rotation) -> Done {
    let path = format!("{}/rotations/{}", path(&rotation.secret)?, segment(&rotation.id)?);
    let environment = rotation.environment.clone();
    let mut told = (String::new(), None);
    loop {
        let now = (rotation.step.clone(), rotation.problem.clone());
        if rotation.status == "running" && now != told {
            match &rotation.problem {
                Some(problem) => context.output.note(&format!(
                    "{}: {}; tried again {}",
                    clean(&rotation.step),
                    clean(problem),
                    rotation.next_at.as_deref().map_or_else(|| "now".to_owned(), soon)
                )),
                None => context.output.note(&words(&rotation.step)),
            }
            told = now;
        }
        if rotation.status != "running" {
            break;
        }
        tokio::time::sleep(LOOK).await;
        rotation = client.get(&path, &[("environment", Some(&environment))]).await?;
    }
    let secret = clean(&rotation.secret);
    if rotation.status == "done" {
        let version = rotation.version.unwrap_or_default();
        return context
            .output
            .show(&rotation, |_| format!("Rotated {secret} to version {version}; the one before is retired"));
    }
    let why = rotation.problem.as_deref().map(|problem| format!(": {}", clean(problem))).unwrap_or_default();
    let ended =
        format!("the rotation of {secret} is {} at the step {}{why}", clean(&rotation.status), clean(&rotation.step));
    let failure = Failure::new(Exit::Failed, "rotation_not_done", ended);
    Err(match rotation.status.as_str() {
        "failed" => failure.hint(format!("mend it, then: tresor secret rotation retry {secret} --wait")),
        _ => failure,
    })
}

fn words(step: &str) -> String {
    match step {
        "create" => "create: making a new value".to_owned(),
        "verify" => "verify: trying whether it works".to_owned(),
        "activate" => "activate: making it current".to_owned(),
        "retire" => "retire: the new value is in use; waiting until nothing has the one before".to_owned(),
        other => clean(other),
    }
}

/// When something is tried again: seconds are no use to who waits.
fn soon(time: &str) -> String {
    let shown = ago(time);
    if shown == "just now" { "in a moment".to_owned() } else { shown }
}
