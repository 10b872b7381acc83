//! Every numeric limit of the contract (DESIGN §6), in one place. Sizes are bytes unless the name says otherwise.

/// Longest name of a secret, in characters (names are ASCII).
pub const SECRET_NAME_CHARS: usize = 128;
/// Longest name of a function, environment, account, token, member, group or issuer, in characters.
pub const SLUG_CHARS: usize = 64;
/// Largest secret value.
pub const VALUE_BYTES: usize = 64 * 1024;
/// Most hosts of a secret or of an egress policy.
pub const HOSTS: usize = 100;
/// Most TCP endpoints that a function declares.
pub const ENDPOINTS: usize = 10;
/// Longest note on a secret, in characters.
pub const NOTE_CHARS: usize = 1_000;
/// Longest reason of a secret request, in characters.
pub const REASON_CHARS: usize = 500;
/// Most secret requests of one account that nobody has answered.
pub const SECRET_REQUESTS_PENDING: u64 = 100;
/// Programs that act for an account by OAuth.
pub const CLIENTS: u32 = 100;
/// Confirmations of an account that nobody answered.
pub const CONFIRMATIONS_PENDING: u32 = 100;
/// Most secrets in one account.
pub const SECRETS_PER_ACCOUNT: u64 = 10_000;
/// Most environments in one account.
pub const ENVIRONMENTS_PER_ACCOUNT: u64 = 50;
/// Most members in one account.
pub const MEMBERS_PER_ACCOUNT: u64 = 10_000;
/// Most groups in one account.
pub const GROUPS_PER_ACCOUNT: u64 = 200;
/// Most members in one group.
pub const MEMBERS_PER_GROUP: usize = 1_000;
/// Most issuers of JWTs in one account.
pub const ISSUERS_PER_ACCOUNT: u64 = 20;
/// Longest text of an issuer's settings, such as its `iss`, and longest `sub` of its tokens.
pub const ISSUER_TEXT_BYTES: usize = 1_024;
/// Largest JWK Set.
pub const JWKS_BYTES: usize = 64 * 1024;
/// Longest JWT.
pub const JWT_BYTES: usize = 16 * 1024;
/// Most functions in one account.
pub const FUNCTIONS_PER_ACCOUNT: u64 = 1_000;
/// Largest bundle, and largest source, of a deployment.
pub const BUNDLE_BYTES: usize = 10 * 1024 * 1024;
/// Largest body of a request to a function.
pub const FUNCTION_REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// Largest body of a control-plane request other than a deployment.
pub const API_REQUEST_BYTES: usize = 1024 * 1024;
/// Most credentials of an account that are checked with their providers in a minute, on each node.
pub const CHECKS_PER_MINUTE: u32 = 30;
/// Most previews of imports of an account in a minute, on each node: each tells whether values are the stored ones.
pub const IMPORT_PREVIEWS_PER_MINUTE: u32 = 60;
/// Longest name of a program that gets an environment's values, in characters.
pub const COMMAND_CHARS: usize = 128;
/// Bits that guessing a text needs at least for it to be looked for among stored values: see `docs/scan.md`.
pub const SCAN_BITS: u32 = 48;
/// Shortest text that is looked for among stored values.
pub const SCAN_CHARS: usize = 16;
/// Most digests of one request that asks for stored values.
pub const SCAN_DIGESTS: usize = 20_000;
/// Most digests that an account may ask about in a minute on each node, in the long run,
pub const SCAN_DIGESTS_PER_MINUTE: u32 = 100_000;
/// and at once.
pub const SCAN_DIGESTS_AT_ONCE: u32 = 1_000_000;
/// Most webhooks of an account.
pub const WEBHOOKS_PER_ACCOUNT: u64 = 20;
/// Longest address of a webhook, in characters.
pub const WEBHOOK_URL_CHARS: usize = 2_048;
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
/// Most bytes of log lines kept of one function in one environment in one minute.
pub const LOG_BYTES_PER_MINUTE: u64 = 8 * 1024 * 1024;
/// Most bytes of log lines kept of one function; the oldest go first. Looked after every minute, so it can be more by what a
/// minute brings.
pub const LOG_BYTES_PER_FUNCTION: u64 = 64 * 1024 * 1024;

/// Days that invocations and log lines are kept.
pub const INVOCATIONS_KEPT_DAYS: i64 = 30;

/// Invocations of one function that are kept: the newest.
pub const INVOCATIONS_KEPT: u32 = 100_000;

/// Days that the hourly sums of invocations are kept.
pub const HOURS_KEPT_DAYS: i64 = 90;
/// What a log line counts beside its text.
pub const LOG_LINE_OVERHEAD_BYTES: u64 = 64;
/// Most log lines of one invocation that are shown at once.
pub const LOG_LINES_SHOWN: u32 = 10_000;
/// Longest log line; the rest is cut and the cut is said.
pub const LOG_LINE_BYTES: usize = 16 * 1024;
/// Largest file that is imported at once, as it was uploaded.
pub const IMPORT_BYTES: usize = 1024 * 1024;
/// Most entries, and most rejected lines, of one import.
pub const IMPORT_ENTRIES: usize = 10_000;
