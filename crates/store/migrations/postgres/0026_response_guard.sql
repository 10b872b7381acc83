-- What is done when a function would return a value of its secrets to its caller, and which values may be shown to everyone.
ALTER TABLE deployments ADD COLUMN response_guard TEXT COLLATE "C"; -- NULL: as the account has it
ALTER TABLE secret_versions ADD COLUMN publishable BIGINT NOT NULL DEFAULT 0;
