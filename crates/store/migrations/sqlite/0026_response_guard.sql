-- What is done when a function would return a value of its secrets to its caller, and which values may be shown to everyone.
ALTER TABLE deployments ADD COLUMN response_guard TEXT; -- NULL: as the account has it
ALTER TABLE secret_versions ADD COLUMN publishable INTEGER NOT NULL DEFAULT 0;
