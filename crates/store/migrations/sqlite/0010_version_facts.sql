-- What is known of a value without decrypting it.
ALTER TABLE secret_versions ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE secret_versions ADD COLUMN fingerprint BLOB; -- keyed, of the value; NULL: destroyed, or from before this column
ALTER TABLE secret_versions ADD COLUMN findings TEXT NOT NULL DEFAULT ''; -- codes of the catalogue parted by spaces
ALTER TABLE secret_versions ADD COLUMN mode TEXT NOT NULL DEFAULT ''; -- test, live, or empty: the provider's mode it is for
ALTER TABLE secret_versions ADD COLUMN rotate_by INTEGER; -- when it stops working or must be replaced, if that is known
CREATE INDEX secret_versions_fingerprint ON secret_versions (account, fingerprint);

-- Counts every change, so that a tag names one state of value and settings together.
ALTER TABLE secrets ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
