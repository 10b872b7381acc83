//! `tresor settings …`.

use reqwest::Method;
use server::wire::{PutSettings, Settings};

use super::Context;
use crate::cli::{SettingsCommand, SettingsPut};
use crate::failure::Done;
use crate::table::fields;

const PATH: &str = "/api/v1/settings";

pub(super) async fn run(context: &Context, command: SettingsCommand) -> Done {
    let client = context.client()?;
    let settings: Settings = match command {
        SettingsCommand::Get => client.get(PATH, &[]).await?,
        SettingsCommand::Put(SettingsPut { response_guard, conversation_values, confirmations, rotate_after_days }) => {
            let body = PutSettings { response_guard, conversation_values, confirmations, rotate_after_days };
            client.call(Method::PUT, PATH, &body).await?
        }
    };
    context.output.show(&settings, |settings| {
        fields([
            ("response guard", Some(settings.response_guard.clone())),
            ("conversation values", Some(settings.conversation_values.clone())),
            ("confirmations", Some(settings.confirmations.clone())),
            ("rotate after days", Some(settings.rotate_after_days.clone())),
        ])
    })
}
