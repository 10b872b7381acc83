//! What a process of an environment is given, whether it is a function's worker or one outside.

use std::collections::BTreeSet;

use domain::SecretName;
use domain::overlap::previous_name;
use store::StoredValue;

/// A variable and the value that it has, still encrypted.
pub(super) struct Variable {
    pub(super) name: SecretName,
    pub(super) stored: StoredValue,
}

/// Those for the secrets that are wanted: first the current values, then those before them that are still given, under their own
/// names. A secret that has such a name all the same goes first.
pub(super) fn variables(
    current: Vec<StoredValue>,
    previous: Vec<StoredValue>,
    wanted: impl Fn(&SecretName) -> bool,
) -> Vec<Variable> {
    let taken: BTreeSet<_> = current.iter().map(|stored| stored.name.clone()).collect();
    let before = previous.into_iter().filter(|stored| wanted(&stored.name));
    let before = before.filter_map(|stored| Some(Variable { name: previous_name(&stored.name)?, stored }));
    let before: Vec<_> = before.filter(|variable| !taken.contains(&variable.name)).collect();
    let now = current.into_iter().filter(|stored| wanted(&stored.name));
    now.map(|stored| Variable { name: stored.name.clone(), stored }).chain(before).collect()
}
