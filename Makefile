# Every command that README.md names. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test bench build browser gallery lint fmt clean node_modules

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build, serve, and watch a secret go in and a function use it
	@demo/run

test: ## Run every test
	@scripts/test

bench: ## Measure against nginx, bare Deno and the disk, side by side
	@bench/run

build: ## Build target/debug/tresor
	@cargo build --locked --bin tresor

lint: ## Check formatting and lints
	@cargo fmt --all --check
	@cargo clippy --locked --workspace --all-targets -- -D warnings

fmt: ## Format
	@cargo fmt --all

browser: node_modules build ## Test the admin UI in Chromium, and functions as supabase-js calls them; pictures of every page go to artefacts/ui/
	@CHROMIUM="$$(scripts/chromium)" node --test tests/browser/*.test.mjs tests/clients/*.test.mjs

gallery: node_modules build ## Make the pictures of README.md from the real admin UI
	@CHROMIUM="$$(scripts/chromium)" node scripts/gallery.mjs

clean: ## Remove what the demo and the tests leave behind (not the build)
	@rm -rf .demo artefacts

node_modules: node_modules/.package-lock.json

# npm writes this file last, so an interrupted install is done again.
node_modules/.package-lock.json: package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@
