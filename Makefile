# The front door. What happens is in tools/*.py, which run without make as well: see README.md.

PYTHON ?= python3
ifneq ($(filter file default undefined,$(origin PYTHON)),)
EXACT :=
else
EXACT := --exact
endif
ifeq ($(OS),Windows_NT)
VENV_PYTHON := .venv/Scripts/python.exe
else
VENV_PYTHON := .venv/bin/python
endif

.DEFAULT_GOAL := help
.PHONY: help book test lab notebooks site zip pdf exercises experiments bench gpu clean environment environment-lab
.NOTPARALLEL:

help:  ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F '|' '{printf "%-20s%s\n", $$1, $$2}'

book: environment  ## build the site, serve it on 127.0.0.1 and open it (PORT=8000)
	@$(VENV_PYTHON) tools/serve.py

test: environment  ## run every test of the package, the notebooks and the site
	@$(VENV_PYTHON) tools/check.py

lab: environment-lab  ## open plain copies of the chapters in JupyterLab
	@$(VENV_PYTHON) tools/lab.py

notebooks: environment  ## execute the notebooks in place; a second run changes no byte
	@$(VENV_PYTHON) tools/execute.py

site: environment  ## build the site only: _build/html
	@$(VENV_PYTHON) tools/build.py

zip: environment  ## pack the site into one file that opens without a server: _build/*.zip
	@$(VENV_PYTHON) tools/offline.py

pdf: environment  ## print the whole book to one file: _build/*.pdf
	@$(VENV_PYTHON) tools/pdf.py

exercises: environment  ## make the students' copies from exercises/sources
	@$(VENV_PYTHON) -m exercises.make

experiments: environment  ## train everything the course claims about learning; writes book/experiments.md
	@$(VENV_PYTHON) -m experiments

bench: environment  ## time lstmlab beside other implementations; writes benchmarks/README.md
	@$(VENV_PYTHON) -m benchmarks

gpu: environment  ## on a CUDA device: tests, chapters and times beside cuDNN; elsewhere says so
	@$(VENV_PYTHON) tools/gpu.py

clean:  ## remove what was built; the environment stays
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis

environment:
	@command -v "$(PYTHON)" > /dev/null || { echo "There is no $(PYTHON) here: the course needs Python 3.11 or newer."; exit 1; }
	@"$(PYTHON)" tools/environment.py $(EXACT) book test

environment-lab: environment
	@"$(PYTHON)" tools/environment.py $(EXACT) lab
