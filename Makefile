# The whole system in two commands: `make run` and `make test`. Both install what they need.
SHELL := /bin/bash
PRESET ?= release
JOBS ?= $(shell nproc)
export CCACHE_SLOPPINESS := pch_defines,time_macros,include_file_mtime,include_file_ctime
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
export PATH := $(CURDIR)/bin:$(PATH)

.PHONY: build run test lint bench profile clean setup help

help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup:
	@tools/setup.sh build

build: setup ## builds the programs into bin/
	@cmake --preset $(PRESET) >build-$(PRESET).log 2>&1 || { cat build-$(PRESET).log; exit 1; }
	@cmake --build build/$(PRESET) -j $(JOBS) --target kcp kubectl-kcp
	@mkdir -p bin
	@ln -f build/$(PRESET)/src/cmd/kcp bin/kcp
	@ln -f build/$(PRESET)/src/cmd/kubectl-kcp bin/kubectl-kcp
	@ln -sf kubectl-kcp bin/kubectl-ws
	@ln -sf kubectl-kcp bin/kubectl-create_workspace

run: build ## builds and runs everything on this machine; Ctrl-C stops it
	@tools/kubectl.sh
	@exec bin/kcp playground

test: ## builds and runs every test
	@tools/setup.sh test
	@tools/test.sh

lint: ## checks layering, budgets, formatting and documents
	@tools/setup.sh test
	@tools/lint/run.sh

bench: build ## measures the product on this machine
	@bin/kcp bench

profile: ## measures anew which code is hot, for the release build
	@tools/setup.sh test
	@tools/profile.sh

clean: ## removes everything that was built
	rm -rf build bin build-*.log
