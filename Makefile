# make demo   the main job: an analogy on the CPU; prints where the pictures are
# make test   all tests; those inside ComfyUI run where there is one (COMFYUI_PATH, or comfy-cli's workspace)
# make lint   ruff and mypy
# make bench  what SAC and CAM cost, measured on this machine; a table, JSON and a picture in outputs/bench
# Everything is set up in .venv from the package index; nothing else on the machine is touched.

PYTHON ?= python3
# A known torch, so that numbers can be compared; a ComfyUI keeps its own.
TORCH ?= torch==2.13.*
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-core test-host lint bench format clean

demo: $(VENV)/ready
	$(BIN)/python -m analogist demo
	@if host=$$($(PYTHON) tools/host_python.py); then $$host tools/demo_in_comfyui.py outputs/demo; fi

test: test-core test-host

test-core: $(VENV)/ready
	$(BIN)/python -m pytest -c tests/pytest.ini tests/core

test-host: $(VENV)/ready
	@host=$$($(PYTHON) tools/host_python.py) || host=$(BIN)/python; \
	echo "$$host -m pytest tests/host tests/browser"; \
	$$host -m pytest -c tests/pytest.ini tests/host tests/browser; \
	status=$$?; if [ $$status -eq 5 ]; then exit 0; else exit $$status; fi

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p analogist
	@# The rooms above the library import each other relatively, as a package whose name is the user's to choose.
	@mkdir -p build/lint && ln -sfn $(CURDIR) build/lint/analogist_pack
	cd build/lint && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p analogist_pack.nodes -p analogist_pack.attention_patches -p analogist_pack.loaders -p analogist_pack.controlnet

bench: $(VENV)/ready
	$(BIN)/python benchmarks/attention.py outputs/bench/attention.json
	@if host=$$($(PYTHON) tools/host_python.py); then $$host benchmarks/unet.py outputs/bench/unet.json; fi
	$(BIN)/python benchmarks/plot.py outputs/bench

format: $(VENV)/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$(TORCH)" -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) .venv-host build outputs
