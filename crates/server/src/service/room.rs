//! How much an account may hold.

use domain::{AccountId, limits};

use super::Error;

/// The rule that an account holds so many secrets, for `more` new ones.
pub(super) async fn room(tx: &mut store::Tx, account: &AccountId, more: u64) -> Result<(), Error> {
    if more > 0 && tx.count_secrets(account).await? + more > limits::SECRETS_PER_ACCOUNT {
        let detail =
            format!("an account holds at most {} secrets: delete one you no longer use", limits::SECRETS_PER_ACCOUNT);
        return Err(Error::Limit { code: "too_many_secrets", detail });
    }
    Ok(())
}
