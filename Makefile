# What you and CI run. Most targets are steps of .ci/run; tools are pinned in tools/go.mod, and go builds them on their
# first use (golangci-lint takes about a minute).
TOOL     := go tool -modfile=tools/go.mod
FUZZTIME ?= 100000x
SEED     ?= 1
CHAOS    ?= 1000
REPEAT   ?= 200x20
HISTORIES ?= 10000
BROKERS  ?=
BENCH    ?= .
PKG      ?= ./...
DURATION ?= 30m
SHAKE    ?= 3
export SHAKE

.PHONY: check fmt lint vuln test shake golden fuzz bench parity sim gen redis soak goka-soak

check: ## everything that CI looks at
	.ci/run

fmt: ## format, and order imports
	$(TOOL) gofumpt -w .
	$(TOOL) goimports -local github.com/gokasim/gokasim -w .

lint: ## go vet, formatting, golangci-lint, spelling
	.ci/run vet fmt lint spelling

vuln: ## known vulnerabilities in what is called; asks the Go vulnerability database
	$(TOOL) govulncheck ./...

test: ## all tests, with the race detector and in a random order
	.ci/run race

shake: ## tests on a Go runtime whose goroutines give way at random, SHAKE times each: make shake PKG=./goka SHAKE=10
	.ci/shake $(PKG)

golden: ## rewrite the transcripts in testdata; read the diff like code
	go test $$(git grep -l cockroachdb/datadriven -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's|^|./|') -rewrite

fuzz: ## each fuzz target for FUZZTIME
	FUZZTIME=$(FUZZTIME) .ci/run fuzz

bench: ## benchmarks: make bench BENCH=Counter PKG=./tester; compare two outputs with go tool benchstat
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count 6 $(PKG)

parity: ## the flights in several shapes, other people's clients; with BROKERS=host:port on Apache Kafka too, and goka's scenarios and the examples there; with KAFKA_SH=script the transcripts on those it starts
	CLIENTS=./... BROKERS=$(BROKERS) KAFKA_SH=$(KAFKA_SH) .ci/run parity

CORES := $(addprefix ./memkafka/internal/,plog group txn check fault assign)

sim: ## simulations with one seed, REPEAT seeds x runs with all features that have to be alike, goka's chaos with CHAOS seeds, and HISTORIES random histories of each core: make sim SEED=7 HISTORIES=100000
	GOKASIM_SEED=$(SEED) go test -count=1 -run 'Simulat|Repeat' $(PKG)
	GOKASIM_REPEAT=$(REPEAT) go test -count=1 -timeout 2h -run TestEverythingRepeats ./tester
	GOKASIM_SEEDS=$(CHAOS) go test -count=1 -timeout 2h -run TestSimulatedChaos ./goka
	go test -count=1 -timeout 2h $(CORES) -rapid.checks=$(HISTORIES) -rapid.seed=$(SEED)

soak: ## random clients with faults for DURATION; nothing acknowledged may be lost, and memory stays flat
	cd bench/wire && SOAK_DURATION=$(DURATION) go test -count=1 -timeout 0 -v ./soak

goka-soak: ## processes with goka's processors, killed and started again for DURATION, on BROKERS or in memory; no input may be lost, and tables are right
	cd bench/goka && KAFKA_BROKERS=$(BROKERS) SOAK_DURATION=$(DURATION) go test -count=1 -timeout 0 -v ./soak

redis: ## the redis store on a real server: redis-server on PATH, or GOKASIM_REDIS=host:port
	@command -v redis-server > /dev/null || [ -n "$$GOKASIM_REDIS" ] || { echo "install redis-server or set GOKASIM_REDIS=host:port" >&2; exit 1; }
	go test -count=1 -v ./storage/redis

browser: ## every page in a headless Chromium: errors, requests off-host, accessibility (axe-core by npm); pictures go into docs/pictures
	cd parity/clients/browser && go test -count=1 -timeout 10m ./...

gen: ## rewrite generated files; the tree stays clean unless their sources changed
	go generate ./...
