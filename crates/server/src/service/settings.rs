//! The account's settings.

use domain::{Action, Settings};

use super::{Caller, Error, Service};
use crate::wire;

impl Service {
    /// The settings that hold.
    pub(crate) async fn get_settings(&self, caller: &Caller) -> Result<wire::Settings, Error> {
        self.permit(caller, Action::SettingsGet, None, "").await?;
        Ok(shown(&self.store.settings(&caller.actor.account).await?))
    }

    /// Changes settings. When this returns, they hold for each invocation that starts later.
    pub(crate) async fn put_settings(
        &self,
        caller: &Caller,
        input: wire::PutSettings,
    ) -> Result<wire::Settings, Error> {
        let permit = self.permit(caller, Action::SettingsPut, None, "").await?;
        let wire::PutSettings { response_guard, conversation_values, confirmations, rotate_after_days } = input;
        let given = [
            ("response_guard", response_guard),
            ("conversation_values", conversation_values),
            ("confirmations", confirmations),
            ("rotate_after_days", rotate_after_days),
        ];
        let given: Vec<_> = given.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
        let mut checked = Settings::default();
        for (name, text) in &given {
            checked.set(name, text)?;
        }
        let account = caller.actor.account.clone();
        let (settings, changed) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let mut settings = tx.settings(&account).await?;
                    let before = settings.clone();
                    for (name, text) in &given {
                        settings.set(name, text)?;
                    }
                    if settings == before {
                        return Ok((settings, Vec::new()));
                    }
                    let (at, by) = (permit.time(), permit.actor_name());
                    let mut event = permit.done();
                    for ((name, text), (_, old)) in settings.to_texts().iter().zip(before.to_texts()) {
                        if *text != old {
                            tx.put_setting(&account, name, text, at, &by).await?;
                            event = event.detail(name, text);
                        }
                    }
                    tx.append_audit(&event).await?;
                    Ok::<_, Error>((settings, tx.environments(&account).await?))
                })
            })
            .await?;
        // Routes are looked up anew, and workers made anew, wherever the account has functions.
        for environment in changed {
            self.renew_workers(&caller.actor.account, &environment.name);
        }
        Ok(shown(&settings))
    }
}

fn shown(settings: &Settings) -> wire::Settings {
    wire::Settings {
        response_guard: settings.response_guard.as_str().to_owned(),
        conversation_values: settings.conversation_values.as_str().to_owned(),
        confirmations: settings.confirmations.as_str().to_owned(),
        rotate_after_days: settings.rotate_after_days.map_or("never".to_owned(), |days| days.to_string()),
    }
}
