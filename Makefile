# Needs make, git and Python 3.11 or newer; everything else goes into .venv by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := check
.PHONY: check demo test lint fast faults fuzz chaos format docs bench deploy-tools constraints sbom audit \
        kafka-lock clean

check: lint fast ## Format, lint, types, import contracts and the tests that need no server

demo: $(INSTALLED) ## Real purchases through a real Kafka and the worker into Redis, verified
	@$(BIN)/ltv demo

test: $(INSTALLED) ## Every test, on a real Kafka and a real Valkey; two side by side, JOBS=0 for one by one
	@$(BIN)/python -m pytest -n $(or $(JOBS),2) --dist loadfile

fast: $(INSTALLED)
	@$(BIN)/python -m pytest -q -m "not stack"

faults: $(INSTALLED) ## Every fault in its long form, for hours, and the table; FAULT=F7 picks one
	@LONG=1 FAULT=$(or $(FAULT),all) $(BIN)/python -m pytest -m fault; \
	  status=$$?; $(BIN)/python -m tests.docs; exit $$status

lint: $(INSTALLED)
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted as agreed: run 'make format'."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > $(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }

format: $(INSTALLED) ## Rewrite the files as the formatter and the import order want them
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

docs: $(INSTALLED) ## Write the README's tables as the code and the newest figures have them, and the dashboards
	@$(BIN)/python -m tests.docs
	@$(BIN)/python deploy/grafana/dashboards.py

bench: $(INSTALLED) ## Measure, append to tests/bench/results.csv, and show it in the README
	@$(BIN)/python -m tests.bench
	@$(BIN)/python -m tests.docs

fuzz: $(INSTALLED) ## The decoder on inputs nobody would send: make fuzz INPUTS=10000000
	@$(BIN)/python -m tests.faults.fuzz $(or $(INPUTS),1000000) $(or $(SEED),1)

chaos: $(INSTALLED) ## Random faults under random traffic: SEED=n and MINUTES=m; ROUND=k repeats one, PLANTED=bug until it is caught
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),10) $(if $(ROUND),--round $(ROUND)) $(if $(PLANTED),--planted $(PLANTED))

deploy-tools: $(INSTALLED) ## Helm, compose, hadolint and schemas, with which the tests read deploy/
	@$(BIN)/python -m tests.deploy.tooling

constraints: $(INSTALLED) ## Pin what is installed now, after an upgrade by hand
	@$(BIN)/python -m pip freeze --exclude-editable | grep -v ' @ ' > constraints.txt

sbom: $(INSTALLED) ## What the product is made of when it runs, as CycloneDX, in sbom.json
	@$(BIN)/python -m tests.supply sbom sbom.json

audit: $(INSTALLED) ## Ask PyPI whether somebody warns of a version that is pinned
	@$(BIN)/python -m pip check
	@$(BIN)/python -m tests.supply audit $(if $(OFFLINE_OK),--offline-ok)

kafka-lock: $(INSTALLED) ## Resolve Kafka's jars anew, after a change of its version
	@$(BIN)/python -m stream_app.dev.lock

clean: ## Remove what make made; the download cache stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find stream_app tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) > /dev/null \
	  || { echo "$(PYTHON) was not found: install Python 3.11 or newer, or name one with PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is $$($(PYTHON) -V), but Python 3.11 or newer is needed: name one with PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null \
	  || { echo "$(PYTHON) can't make virtual environments: install its venv module (on Debian and Ubuntu: apt-get install python3-venv)."; exit 1; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing the pinned dependencies into $(VENV) (once; about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
