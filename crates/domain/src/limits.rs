//! Every numeric limit of the contract (DESIGN §6), in one place. Sizes are bytes unless the name says otherwise.

/// Longest name of a secret, in characters (names are ASCII).
pub const SECRET_NAME_CHARS: usize = 128;
/// Longest name of a function, environment, account or token, in characters.
pub const SLUG_CHARS: usize = 64;
/// Largest secret value.
pub const VALUE_BYTES: usize = 64 * 1024;
/// Longest note on a secret, in characters.
pub const NOTE_CHARS: usize = 1_000;
/// Most secrets in one account.
pub const SECRETS_PER_ACCOUNT: u64 = 10_000;
/// Most environments in one account.
pub const ENVIRONMENTS_PER_ACCOUNT: u64 = 50;
/// Most functions in one account.
pub const FUNCTIONS_PER_ACCOUNT: u64 = 1_000;
/// Largest bundle, and largest source, of a deployment.
pub const BUNDLE_BYTES: usize = 10 * 1024 * 1024;
/// Largest body of a request to a function.
pub const FUNCTION_REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// Largest body of a control-plane request other than a deployment.
pub const API_REQUEST_BYTES: usize = 1024 * 1024;
/// Deepest nesting of a JSON body.
pub const JSON_DEPTH: usize = 32;
/// Most rows of one page of a list.
pub const PAGE_ROWS: u32 = 500;
/// Rows of one page when the caller does not ask.
pub const PAGE_ROWS_DEFAULT: u32 = 100;
/// Longest `Idempotency-Key`, in characters.
pub const IDEMPOTENCY_KEY_CHARS: usize = 128;
/// Most log lines kept of one invocation in one minute; as many of what a worker prints outside invocations.
pub const LOG_LINES_PER_MINUTE: u32 = 1_000;
/// Most log lines of one invocation that are shown at once.
pub const LOG_LINES_SHOWN: u32 = 10_000;
/// Longest log line; the rest is cut and the cut is said.
pub const LOG_LINE_BYTES: usize = 16 * 1024;
/// Largest file that is imported at once, as it was uploaded.
pub const IMPORT_BYTES: usize = 1024 * 1024;
/// Most entries, and most rejected lines, of one import.
pub const IMPORT_ENTRIES: usize = 10_000;
