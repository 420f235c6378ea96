# One command per verb. Each makes the virtual environment and installs what it needs, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo quick test test-gpu test-long test-lower-bounds test-mindspore fuzz lint bench bench-gpu gpu-check perf-check docs clean

demo: $(VENV)/demo.installed
	@echo "== Running the demo: digits, trained by fusedstep and by PyTorch (about a minute)"
	@$(BIN)/fusedstep demo

# What whoever changes a line wants to know: rules, span functions, loops, refusals and imports, without torch and JAX.
QUICK := codegen/annotations codegen/compile_lock codegen/conversions codegen/cpu codegen/loops \
    codegen/rule_refusals codegen/rule_source codegen/rule_text codegen/stochastic loops/cpu \
    operators/catalogue operators/deferred operators/operator rules/keep_weights rules/idle rules/rules rules/rules_called_plainly \
    rules/rules_with_sums rules/words runtime/grouping system/battery system/golden system/golden_rules system/imports
QUICK_TESTS := $(foreach each,$(QUICK),tests/$(subst /,/test_,$(each)).py) src/fusedstep/rules

quick: $(VENV)/quick.installed
	@echo "== Running the tests that need NumPy and Numba alone (two minutes)"
	@$(BIN)/python -m pytest -n auto --dist worksteal $(QUICK_TESTS)

test: $(VENV)/test.installed
	@echo "== Running the tests"
	@$(BIN)/python -m pytest -n auto --dist worksteal

test-long: $(VENV)/test.installed
	@echo "== Running all tests, those that take long too (an hour or more)"
	@$(BIN)/python -m pytest -n auto --dist worksteal -m ""

test-gpu: $(VENV)/test.installed
	@echo "== Running the tests of tensors on a device, on this machine's GPU"
	@TRITON_INTERPRET=0 $(BIN)/python -m pytest -m "gpu and not long" tests

# One environment for each extra: the oldest NumPy that all work with is not the oldest of each.
OLDEST_PYTHON ?= python3.11
OLDEST := .venv-lower-bounds
OLDEST_TESTS_torch := $(QUICK_TESTS) tests/torch tests/arrays src/fusedstep/torch
OLDEST_TESTS_jax := tests/jax src/fusedstep/jax

test-lower-bounds: test-lower-bounds-torch test-lower-bounds-jax

test-lower-bounds-%: $(OLDEST)-%/installed
	@echo "== Running tests with the oldest versions of NumPy, Numba and what '$*' needs"
	@$(OLDEST)-$*/bin/python -m pytest -n auto --dist worksteal $(OLDEST_TESTS_$*)

.PRECIOUS: $(OLDEST)-%/installed
$(OLDEST)-%/installed: pyproject.toml
	@echo "== Installing the oldest versions into $(@D) (some minutes)"
	@$(OLDEST_PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python tests/lower_bounds.py $* > $(@D)/constraints.txt
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(@D)/constraints.txt --editable ".[$*,quick]"
	@touch $@

# MindSpore needs a NumPy below 2, which JAX does not take: an environment of its own.
MINDSPORE_PYTHON ?= python3.11
MINDSPORE := .venv-mindspore
MINDSPORE_TESTS := tests/arrays/test_mindspore_tensors.py tests/mindspore/test_mindspore.py tests/mindspore/*beside_mindspore*

test-mindspore: $(MINDSPORE)/installed
	@echo "== Running the optimizers beside those of MindSpore 2.10, on its parameters (ten minutes)"
	@$(MINDSPORE)/bin/python -m pytest -n auto --dist worksteal $(MINDSPORE_TESTS)
	@GLOG_v=3 $(MINDSPORE)/bin/python -m benchmarks.mindspore_optimizers

$(MINDSPORE)/installed: pyproject.toml
	@echo "== Installing MindSpore 2.10 into $(@D) (some minutes)"
	@$(MINDSPORE_PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[quick]" "mindspore==2.10.0" "numpy<2"
	@touch $@

fuzz: $(VENV)/test.installed
	@echo "== Fuzzing calls for $(FUZZ_SECONDS) seconds; what fails is kept in a file here"
	@$(BIN)/python -m tests.programs.fuzz $(PROPERTY) -max_total_time=$(FUZZ_SECONDS)

lint: $(VENV)/lint.installed
	@echo "== Checking style and types"
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/bench.installed
	@echo "== Measuring the operators beside PyTorch, and beside what PEERS names (about ten minutes)"
	@$(BIN)/python -m benchmarks.cpu $(WORKS) $(foreach peer,$(PEERS),--peer $(peer)) $(BENCH)

bench-gpu: $(VENV)/bench-gpu.installed
	@echo "== Measuring the operators on this machine's GPU beside PyTorch (some minutes)"
	@$(BIN)/python -m benchmarks.gpu $(WORKS) $(BENCH)

gpu-check: # installs nothing: machines with a GPU often reach no package index
	@PYTHONPATH=src:$$PYTHONPATH $(PYTHON) -m benchmarks.gpu_check $(CHECK)

perf-check: $(VENV)/bench.installed
	@echo "== Counting the instructions of kernels under valgrind, beside those that are kept (about five minutes)"
	@$(BIN)/python benchmarks/instructions.py $(COUNTS)

docs: $(VENV)/docs.installed
	@echo "== Building the documentation into docs/_build/html"
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --nitpicky docs docs/_build/html

clean:
	rm -rf $(VENV) $(OLDEST)-* $(MINDSPORE) docs/_build

$(VENV)/%.installed: pyproject.toml | $(BIN)/python
	@echo "== Installing what 'make $*' needs into $(VENV) (the first time: some minutes, for PyTorch)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$(or $(EXTRAS_$*),$*)]"
	@touch $@

EXTRAS_demo := demo,peers
EXTRAS_bench := bench,peers
EXTRAS_bench-gpu := bench,gpu,peers
FUZZ_SECONDS ?= 600

$(BIN)/python:
	@echo "== Making the virtual environment $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fusedstep needs Python 3.11 or newer; name one: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)
