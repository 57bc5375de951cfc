# make run    set up whatever is missing, start, load the demo district (ARGS="--scale 0.1": a smaller one)
# make test   set up whatever is missing, run every check and test (ARGS="-k tiles": those tests)
# make audit  ask for known vulnerabilities of the locked packages; part of make test
.PHONY: run test lint audit clean
BIN := .venv/bin

run:
	@./setup.sh run
	@exec $(BIN)/ioc up --demo $(ARGS)

# Two processes, each with a cluster and a server of its own, whole files to either.
test: lint audit
	@$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

lint:
	@./setup.sh test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports

# Known vulnerabilities of the locked packages, as far as the advisory services can be reached.
audit:
	@./setup.sh test
	@$(BIN)/python .ci/audit.py

# Removes what set-up and tests made; the store in .ioc stays.
clean:
	rm -rf .venv build *.egg-info dashboards/browser/node_modules dashboards/assets/vendor
	rm -rf .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
