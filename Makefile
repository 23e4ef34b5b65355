# Everything a developer types. Targets are one line or a script under hack/.
# GO, PREFIX and DESTDIR may be set on the command line.

GO     ?= go
PREFIX ?= /usr/local
export GO

.DEFAULT_GOAL := build
.PHONY: help demo build build-failpoint test unit e2e vm compat bench lint fmt generate verify completions install uninstall clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## build pod and run a container with it as an unprivileged user, offline
	hack/demo

build: ## build bin/pod: one static file
	hack/build

build-failpoint: ## build bin/pod-failpoint, which can be made to die at every step
	hack/build failpoint

test: ## everything that has to pass: lint, unit tests, end-to-end tests, faults
	hack/test lint unit e2e

unit: ## unit tests, as an unprivileged user
	hack/test unit

e2e: ## end-to-end tests of the real binary, as an unprivileged user; RUN=REGEXP chooses
	hack/test e2e

vm: ## tests in an emulated machine with systemd: limits, root, restarts; RUN=REGEXP chooses
	hack/test vm

compat: ## the same session through pod and podman; prints where they differ
	hack/test compat

bench: ## compare with podman on this machine, in the same run
	hack/bench

lint: ## gofumpt, go vet, staticcheck and the rules of docs/architecture.md
	hack/test lint

fmt: ## format all Go files
	$(GO) tool -modfile=internal/tools/go.mod gofumpt -w $$(git ls-files '*.go')

generate: ## write man pages, completions and golden files anew
	hack/generate

verify: ## fail if generated files are not up to date
	hack/generate --check

completions: ## write the shell completions anew
	hack/generate completions

install: ## install bin/pod with man pages and completions below PREFIX
	hack/install install "$(DESTDIR)$(PREFIX)"

uninstall: ## remove what install put there
	hack/install uninstall "$(DESTDIR)$(PREFIX)"

clean: ## remove everything that was built
	rm -rf bin coverage* internal/carried/files/pod-* internal/demoimage/archive/image.tar
