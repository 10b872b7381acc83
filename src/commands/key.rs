//! `tresor key …`.

use reqwest::Method;
use server::wire::AccountKey;

use super::Context;
use crate::cli::KeyCommand;
use crate::failure::Done;
use crate::input;
use crate::output::clean;
use crate::table::fields;
use crate::time::ago;

pub(super) async fn run(context: &Context, command: KeyCommand) -> Done {
    let client = context.client()?;
    match command {
        KeyCommand::Status => {
            let key: AccountKey = client.get("/api/v1/key", &[]).await?;
            context.output.show(&key, |key| {
                fields([
                    ("account key", Some(key.id.clone())),
                    ("made", Some(ago(&key.created_at))),
                    ("rotations", Some(key.rotations.to_string())),
                    ("root key", Some(key.root_key.clone())),
                ])
            })
        }
        KeyCommand::Rotate { yes } => {
            let question = "Encrypt every value of the account with a new key? Values stay as they are; puts and new workers wait meanwhile.";
            input::confirm(context.output, yes, question)?;
            let key: AccountKey = client.call_empty(Method::POST, "/api/v1/key/rotate").await?;
            context.output.show(&key, |key| {
                format!(
                    "{} versions are encrypted with the new key {}",
                    key.versions.unwrap_or_default(),
                    clean(&key.id)
                )
            })
        }
    }
}
