-- Origins whose pages may call the function, parted by spaces; empty: the function answers browsers itself.
ALTER TABLE deployments ADD COLUMN cors_origins TEXT NOT NULL DEFAULT '';
