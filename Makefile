# `make demo` runs the main job, `make test` passes the tests; both set up what they need.
PYTHON ?= python3
VENV ?= .venv
DEMO_OUT ?= runs/demo
# `motionlens toy` alone trains all comparators, which takes much longer.
DEMO_MODELS := cpnet c2d c2d_avg c2d_sealed c3d c3d_sealed
# Hands that draw, recognized after two minutes of training from the bundled weights.
DEMO_STROKES := stroke_up stroke_down stroke_left stroke_right loop_clockwise loop_counterclockwise
STROKES := $(DEMO_OUT)/strokes
INSTALLED := $(VENV)/.installed
# Triton lies beside the venv and is put on the path by the one target that needs it: 0.7 GB.
TRITON := $(VENV)-triton
# Ray too, with those of its packages that the venv has not: 0.4 GB.
RAY := $(VENV)-ray
RAY_PACKAGES := ray pandas jsonschema jsonschema-specifications referencing rpds-py

# Build tools get the pinned versions too.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
INSTALL := -m pip install --quiet --disable-pip-version-check
# An unpinned torch on Linux brings several gigabytes of CUDA packages; Triton goes with it.
TORCH_VERSION := 2.13.0
TRITON_VERSION := 3.7.1

.PHONY: demo test test-slow test-hostile test-triton test-page test-oldest test-tensorflow test-ray lint types install clean \
	fuzz fuzz-long audit packages lock

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "motionlens needs Python 3.11 or newer, $(PYTHON) is %d.%d; set PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(INSTALL) -e '.[dev]'
	@touch $@

demo: $(INSTALLED)
	$(VENV)/bin/motionlens toy --canvas box --out $(DEMO_OUT)/box --seeds 1 --models $(DEMO_MODELS)
	$(VENV)/bin/motionlens toy --canvas wide --out $(DEMO_OUT)/wide --seeds 1 --models $(DEMO_MODELS)
	$(VENV)/bin/motionlens motion path_in_view $(STROKES)/clips --difficulty easy --num_train 96 --num_validation 24 --classes $(DEMO_STROKES)
	$(VENV)/bin/motionlens train --data $(STROKES)/clips --optim.steps 150 --out $(STROKES)/run --overwrite
	$(VENV)/bin/motionlens predict $(STROKES)/run $(STROKES)/clips/validation --top 1 --sheet $(STROKES)/recognized.png

# Processes of one thread, one more than cores: most tests are small, and some wait for others.
PYTEST := OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest --dist worksteal \
	--numprocesses $$($(PYTHON) -c 'import os; print(os.cpu_count() + 1)')

test: lint types
	$(PYTEST) -m 'not slow and not hostile'

# What trains for longer, compiles, or goes over all clips.
test-slow: $(INSTALLED)
	$(PYTEST) -m slow

# Hostile inputs through every command and the server: half an hour.
test-hostile: $(INSTALLED)
	$(PYTEST) -m hostile tests/test_hostile.py

# The GPU kernel on the CPU: interpreted, and compiled without being run.
test-triton: $(INSTALLED) $(TRITON)/.installed
	TRITON_INTERPRET=1 PYTHONPATH=$(TRITON) $(VENV)/bin/python -m pytest -m interpret tests/ops tests/bench

$(TRITON)/.installed: constraints.txt | $(INSTALLED)
	rm -rf $(TRITON)
	$(VENV)/bin/python $(INSTALL) --no-deps --target $(TRITON) triton
	@touch $@

# The page in a browser, which it needs: Debian's chromium and some fonts.
test-page: $(INSTALLED)
	MOTIONLENS_REQUIRE_BROWSER=1 $(VENV)/bin/python -m pytest tests/serving/test_page.py

# The oldest torch that is supported, in a venv of its own; on Linux several gigabytes.
test-oldest:
	$(PYTHON) -m venv $(VENV)-oldest
	env -u PIP_CONSTRAINT $(VENV)-oldest/bin/python $(INSTALL) torch==2.11.0 -e '.[dev]'
	$(subst $(VENV)/,$(VENV)-oldest/,$(PYTEST))

# TensorFlow reads checkpoints of the authors; as heavy as it is, it has a venv of its own.
TENSORFLOW_TESTS := tests/models/weights/test_tensorflow.py tests/cli/test_convert.py

test-tensorflow: $(VENV)-tensorflow/.installed
	MOTIONLENS_REQUIRE_TENSORFLOW=1 $(VENV)-tensorflow/bin/python -m pytest $(TENSORFLOW_TESTS)

$(VENV)-tensorflow/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)-tensorflow
	$(VENV)-tensorflow/bin/python $(INSTALL) -e '.[dev,tensorflow]'
	@touch $@

# Jobs on a cluster of two nodes on this machine, one of which is killed.
test-ray: $(INSTALLED) $(RAY)/.installed
	MOTIONLENS_REQUIRE_RAY=1 OMP_NUM_THREADS=1 PYTHONPATH=$(CURDIR)/$(RAY) $(VENV)/bin/python -m pytest \
		tests/_utils/test_ray_engine.py tests/inference/test_batch_prediction.py

$(RAY)/.installed: constraints.txt | $(INSTALLED)
	rm -rf $(RAY)
	$(VENV)/bin/python $(INSTALL) --no-deps --target $(RAY) $(RAY_PACKAGES)
	@touch $@

# Files and requests that nobody would write: three minutes, all targets.
FUZZ := PYTHONPATH=tests OMP_NUM_THREADS=1 $(VENV)/bin/python -m fuzz

fuzz: $(INSTALLED)
	$(FUZZ) --seconds 150 --workers 2

# An hour or more; the counts are those of docs/reliability.md.
fuzz-long: $(INSTALLED)
	$(FUZZ) --inputs 20000 5000 20000 20000 2000 5000 4000 3000 2000 --out docs/results/fuzz.json

# Known vulnerabilities of what constraints.txt pins.
audit: $(INSTALLED)
	$(VENV)/bin/python .ci/audit.py

# The wheel and the sdist in empty environments, one after the other.
packages: $(INSTALLED)
	.ci/packages $(VENV)/bin/python $(VENV)-packages

# Pins every version that CI installs, those of today but for torch. Then run the tests.
lock:
	rm -rf $(VENV)-lock
	$(PYTHON) -m venv $(VENV)-lock
	env -u PIP_CONSTRAINT $(VENV)-lock/bin/python $(INSTALL) \
		torch==$(TORCH_VERSION) -e '.[dev,ray,tensorflow]' hatchling editables
	(sed -n '/^#/p' constraints.txt; \
		$(VENV)-lock/bin/python -m pip freeze --all --exclude pip --exclude-editable | sed 's/+cpu$$//'; \
		echo triton==$(TRITON_VERSION)) > $(VENV)-lock/constraints.txt
	mv $(VENV)-lock/constraints.txt constraints.txt

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/codespell
	$(VENV)/bin/lint-imports --no-logo

types: $(INSTALLED)
	$(VENV)/bin/mypy

clean:
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-tensorflow $(VENV)-packages $(VENV)-lock $(TRITON) $(RAY) build dist .pytest_cache .mypy_cache .ruff_cache
