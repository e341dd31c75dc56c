# make demo       six analogies on the CPU; prints where the images are
# make test       the tests; those inside ComfyUI run where there is one (COMFYUI_PATH, or comfy-cli's workspace)
#                 COMFYUI_FRONT_END=.../comfyui_frontend_package/static runs them with another frontend (an unpacked wheel)
# make test-slow  the endurance runs that `make test` leaves out: trainings, killed workers, long sweeps
# make lint       ruff and mypy
# make validate   what the Comfy registry checks before it takes the pack
# make bench      what SAC and CAM cost, measured on this machine; a table, JSON and a plot in outputs/bench
# Everything is set up in .venv from the package index; nothing else on the machine is touched.

PYTHON ?= python3
# A known torch, so that numbers can be compared; a ComfyUI keeps its own.
TORCH ?= torch==2.13.*
MARK ?= not slow
VENV := .venv
BIN := $(VENV)/bin
CLI := .venv-comfy-cli
# Processes of one thread each: small models gain nothing from threads that wait for each other.
RUN_TESTS = -m pytest -c tests/pytest.ini -m "$(MARK)" -n auto --maxprocesses 4 --dist loadfile

.PHONY: demo test test-core test-host test-slow lint validate bench format clean

demo: $(VENV)/demo
	$(BIN)/python -m analogist demo
	@if host=$$($(PYTHON) tools/host_python.py); then $$host tools/demo_in_comfyui.py outputs/demo; fi

test: test-core test-host

test-slow:
	$(MAKE) test MARK=slow

test-core: $(VENV)/ready
	OMP_NUM_THREADS=1 $(BIN)/python $(RUN_TESTS) tests/core

# Three processes even on two cores: some of the time they wait for servers and pages. Four are no faster there.
test-host: $(VENV)/ready
	@host=$$($(PYTHON) tools/host_python.py) || host=$(BIN)/python; \
	echo "$$host -m pytest tests/host tests/browser"; \
	OMP_NUM_THREADS=1 $$host $(RUN_TESTS) -n 3 tests/host tests/browser; \
	status=$$?; if [ $$status -eq 5 ]; then exit 0; else exit $$status; fi

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p analogist
	@# The rooms above the library import each other relatively, as a package whose name is the user's to choose.
	@mkdir -p build/lint && ln -sfn $(CURDIR) build/lint/analogist_pack
	cd build/lint && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p analogist_pack.nodes -p analogist_pack.attention_patches -p analogist_pack.loaders -p analogist_pack.controlnet

# comfy-cli wants versions of its own, so it has an environment of its own. It warns where the registry would refuse soon.
validate: $(CLI)/ready
	@said=$$($(CLI)/bin/comfy --skip-prompt --no-enable-telemetry node validate 2>&1) || { echo "$$said"; exit 1; }; \
	echo "$$said"; if echo "$$said" | grep -qi "warning"; then exit 1; fi

bench: $(VENV)/ready
	$(BIN)/python benchmarks/attention.py outputs/bench/attention.json
	@if host=$$($(PYTHON) tools/host_python.py); then $$host benchmarks/unet.py outputs/bench/unet.json; fi
	$(BIN)/python benchmarks/plot.py outputs/bench

format: $(VENV)/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/demo: EXTRA = demo
$(VENV)/ready: EXTRA = dev
$(VENV)/demo $(VENV)/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$(TORCH)" -e ".[$(EXTRA)]"
	touch $@

$(CLI)/ready:
	test -x $(CLI)/bin/python || $(PYTHON) -m venv $(CLI)
	$(CLI)/bin/python -m pip install --quiet "comfy-cli>=1.23"
	touch $@

clean:
	rm -rf $(VENV) $(CLI) .venv-host build outputs
