# make run    set up whatever is missing, start, load the demo district (ARGS="--scale 0.1": a smaller one)
# make test   set up whatever is missing, run every check and test (ARGS="-k tiles": those tests)
# make audit  ask for known vulnerabilities of the locked packages; part of make test
.PHONY: run test lint audit clean
BIN := .venv/bin

run:
	@./setup.sh run
	@exec $(BIN)/ioc up --demo $(ARGS)

# The checks run beside the tests, and speak after them. Of the tests two processes, each with a cluster and a
# server of its own, whole files to either, those of browsers first: they are the longest.
test:
	@./setup.sh test
	@mkdir -p build
	@$(MAKE) -s lint audit >build/checks.log 2>&1 & \
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS); tested=$$?; \
	wait $$!; checked=$$?; \
	cat build/checks.log; \
	[ $$tested = 0 ] && [ $$checked = 0 ]

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
