# make run    set up whatever is missing, start, load the demo district (ARGS="--scale 0.1": a smaller one)
# make test   set up whatever is missing, run every check and test (ARGS="-k tiles": those tests)
.PHONY: run test lint clean
BIN := .venv/bin

run:
	@./setup.sh run
	@exec $(BIN)/ioc up --demo $(ARGS)

test: lint
	@$(BIN)/pytest $(ARGS)

lint:
	@./setup.sh test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports

# Removes what set-up and tests made; the store in .ioc stays.
clean:
	rm -rf .venv build *.egg-info dashboards/browser/node_modules dashboards/assets/vendor
	rm -rf .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
