//! What Tresor is called in the world of the `supabase` command line, which knows projects and not environments.

use crate::{AccountId, EnvironmentName};

/// Letters of a project's reference.
const LETTERS: usize = 20;

/// The reference of an environment, as `supabase --remote` takes it: always the same for the same account and environment,
/// and unlike any other's. It names and permits nothing: who asks presents a token of the account.
pub fn project_ref(account: &AccountId, environment: &EnvironmentName) -> String {
    let text = format!("tresor supabase ref v1\n{}\n{environment}", account.as_str());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(LETTERS).map(|byte| char::from(b'a' + byte % 26)).collect()
}

#[cfg(test)]
mod tests {
    use super::project_ref;
    use crate::{AccountId, EnvironmentName};

    /// People write it into scripts, so it never changes.
    #[test]
    fn a_reference_is_for_good() {
        let test = EnvironmentName::parse("test").unwrap();
        let of = |account: &str, environment: &EnvironmentName| project_ref(&AccountId::new(account), environment);
        assert_eq!(of("01a2059b12a475fda26bc95ad4cf23b0", &test), "isuqcijbppollcwownbp");
        assert_eq!(of("a", &test).len(), 20);
        assert!(of("a", &test).bytes().all(|byte| byte.is_ascii_lowercase()));
        assert_ne!(of("a", &test), of("a", &EnvironmentName::production()));
        assert_ne!(of("a", &test), of("b", &test));
    }
}
