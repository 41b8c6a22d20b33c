# make, or make help, says what there is.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# Not called LDFLAGS: what the tests build would take that for its own.
WEIR_LDFLAGS := -X github.com/weir-ci/weir/internal/app.Version=$(VERSION)
TESTFLAGS ?=
FUZZTIME ?= 30s
export WEIR_LDFLAGS

.DEFAULT_GOAL := help
.PHONY: help build demo screenshots test real-cases chaos lint cross bench bench-peers bench-pages microbench sim fuzz generate setup clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/weir, static, for this machine
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w $(WEIR_LDFLAGS)' -o bin/weir ./cmd/weir

demo: build ## build, and show a whole farm at work on a toy ecosystem
	bin/weir demo

screenshots: setup ## the pictures in docs/images, of a farm that is made up; a minute
	WEIR_SCREENSHOTS=1 go test -count=1 -timeout 10m -run TestScreenshots ./internal/browsertest

test: setup ## everything that has to hold before a commit; TESTFLAGS='-v -run Lease' go to go test
	@scripts/test $(TESTFLAGS)

real-cases: ## what a farm says of real modules, which it gets from the module registry; about ten minutes
	go test -tags weir_real -count=1 -v -timeout 30m ./internal/realcases

chaos: setup ## farms of real processes, each with 200 faults, 20 on each database; about an hour; WEIR_CHAOS_RUNS, _FAULTS, _SEED to change
	WEIR_CHAOS_RUNS=$${WEIR_CHAOS_RUNS:-20} WEIR_CHAOS_FAULTS=$${WEIR_CHAOS_FAULTS:-200} \
		go test -count=1 -v -timeout 3h -run 'TestChaos|TestBrokenServers' ./internal/chaos

lint: ## gofmt, go vet on three systems, generated pages up to date
	@scripts/lint

cross: ## the program for all six platforms, in bin/
	@CROSS_OUT=bin scripts/cross

bench: setup ## measure Weir from outside, into docs/performance.md (about 10 min); ONLY=builds,logs SHORT=1
	@scripts/bench

bench-peers: setup ## the same jobs on Weir and on Buildbot, side by side (about 10 min); ONLY=... SHORT=1
	@scripts/bench peers

sim: ## play searches for culprits, into docs/bisection.md, and a month of a farm, into docs/scheduling.md (minutes); EFFORT=0.1 for a tenth of the games and less of the month, printed
	@if [ -n "$(EFFORT)" ]; then go run ./internal/bisect/bisectsim/cmd/weirsim -effort $(EFFORT); \
	go run ./internal/schedule/schedsim/cmd/schedsim -days 5; \
	else go run ./internal/bisect/bisectsim/cmd/weirsim -doc docs/bisection.md; \
	go run ./internal/schedule/schedsim/cmd/schedsim -doc docs/scheduling.md; fi

bench-pages: setup ## how fast and how large the pages of a farm with 1,000 builders are, into docs/performance.md (about 10 min); DB=sqlite or DB=postgres
	@for db in $(or $(DB),sqlite postgres); do case $$db in \
	sqlite) go run ./internal/pagebench/cmd/pagebench -doc docs/performance.md ;; \
	postgres) go run ./internal/pagebench/cmd/pagebench -postgres -doc docs/performance.md ;; \
	*) echo "DB=$$db: it is sqlite or postgres" >&2; false ;; esac || exit 1; done

microbench: ## Go benchmarks of all packages
	go test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target for FUZZTIME (30s)
	@scripts/fuzz $(FUZZTIME)

generate: ## Go files out of *.templ
	@for dir in $$(find internal -name '*.templ' -exec dirname {} \; | sort -u); do go tool templ generate -path $$dir; done

setup: ## programs that the tests need; as root on Debian, installs them
	@scripts/setup

clean: ## remove bin/
	rm -rf bin
