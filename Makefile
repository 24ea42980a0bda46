# The project's commands. Each works as the first one on a fresh checkout: what it needs is installed on the way.
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# ML-KEM in Node's WebCrypto is marked as experimental and says so once a process.
export NODE_OPTIONS := --disable-warning=ExperimentalWarning
MODULES := node_modules/.stamp

.PHONY: help demo test cluster cluster-down bench image build lint clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(MODULES) ## From a fresh checkout to a working install on a real cluster, shown step by step
	node test/demo/main.ts

test: $(MODULES) ## Static checks, unit, integration and end-to-end tests on a real cluster
	node test/run.ts

cluster: $(MODULES) ## Bring up the local cluster; its kubeconfig is .local/kubeconfig
	node test/cluster/up.ts

cluster-down: $(MODULES) ## Take the local cluster down and leave nothing behind
	node test/cluster/down.ts

bench: $(MODULES) ## Measure, beside what people have today
	node test/bench/main.ts

image: $(MODULES) ## Build the image and load it into the cluster that is up
	node test/cluster/image/main.ts

build: $(MODULES) ## Bundle each process into dist/
	node scripts/build.ts

lint: $(MODULES) ## Formatter, linter and type checker
	npm run -s lint

clean: $(MODULES) ## Take the cluster down, remove what was built here; the cache outside the checkout stays
	node test/cluster/down.ts
	rm -rf dist .local

$(MODULES): package.json package-lock.json
	npm ci --no-progress --loglevel=error
	@touch $@
