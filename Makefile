# `make` lists what there is. Every target makes the environment it needs (scripts/bootstrap), once.
.DEFAULT_GOAL := help
.PHONY: help dev test lint types check faults mutants bench bench-full docs clean

# make test ARGS="-k receipts"; make dev ARGS="--port 9000"
ARGS ?=

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1\t\2/p' Makefile

dev:  ## run everything on this machine, with a simulated SMSC and a demo account
	@scripts/bootstrap run && exec .venv/bin/tidings dev $(ARGS)

test:  ## run the tests
	@scripts/bootstrap dev
	@scripts/sdks
	@.venv/bin/pytest -n 2 --dist loadfile $(ARGS)

lint:  ## check style, formatting and the arrows between the layers
	@scripts/bootstrap dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports

types:  ## check types
	@scripts/bootstrap dev
	@.venv/bin/mypy

check: lint types test  ## all of them

faults:  ## many messages over a carrier that does everything wrong; FAULTS_N=2000 FAULTS_SEED=7 for less and for again
	@scripts/bootstrap dev
	@.venv/bin/python tests/faults/run.py

mutants:  ## put known bugs in, one after the other, and see that the tests notice; ARGS="ledger" for some
	@scripts/bootstrap dev
	@.venv/bin/python tests/mutants/run.py $(ARGS)

bench:  ## measure the speed on this machine, in some minutes; ARGS="accept_single" for one row
	@scripts/bootstrap dev
	@.venv/bin/python -m bench $(ARGS)

bench-full:  ## the same with large sizes, which takes long
	@scripts/bootstrap dev
	@.venv/bin/python -m bench --full $(ARGS)

docs:  ## make the pages that are made from the code
	@scripts/bootstrap dev
	@.venv/bin/python scripts/statuses.py
	@.venv/bin/python scripts/performance.py

clean:  ## remove what was built; the data in .tidings stay
	rm -rf .venv .tools .sdks dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
