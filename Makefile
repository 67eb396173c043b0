# SPDX-License-Identifier: MIT
#
# make run      everything, once: installs, builds, boots a guest, runs an example in it
# make test     all tests
# make help     the rest

KERNEL   ?= $(shell ls /boot/vmlinuz-*-cloud-amd64 2>/dev/null | sed 's|.*/vmlinuz-||' | sort -V | tail -n 1)
KDIR     ?= /lib/modules/$(KERNEL)/build
BUILD    := build
SWIFT    ?= swift
TOOLS    := cdef-parse ksym-resolve ktapc ktap-load
RELEASE  := .build/release
SWIFT_RELEASE := $(SWIFT) build -c release --static-swift-stdlib

.PHONY: help setup build tools kmod run test test-swift test-asan test-collect headers test-kernel test-memory bench-cdef bench-resolve bench-vm man lint clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#: *//p' $(MAKEFILE_LIST)

#: make setup        install what is missing (apt packages), and say what
setup:
	@pipeline/setup

#: make build        the four tools (.build/release) and the kernel module (build/)
build: tools kmod

tools:
	$(SWIFT_RELEASE)

# Without the kernel's vmlinux (Debian ships none with the headers) a module's BTF cannot be made, and
# kbuild would say so each time.
KBUILD_NO_BTF = $(if $(wildcard $(KDIR)/vmlinux),,CONFIG_DEBUG_INFO_BTF_MODULES=)

#: make kmod         the kernel module and the test module, for KERNEL (default: newest cloud kernel;
#                   KERNEL=6.12: Debian 13's, built in a Debian 13 that is laid down in build/debian13)
ifeq ($(KERNEL),6.12)
kmod:
	@pipeline/guest/debian13 modules
else
kmod:
	@test -d "$(KDIR)" || { echo "kmod: error: no headers for kernel '$(KERNEL)' in $(KDIR): run 'make setup'" >&2; exit 3; }
	@mkdir -p $(BUILD)/kmod && touch $(BUILD)/kmod/Makefile
	$(MAKE) -C $(KDIR) $(KBUILD_NO_BTF) M=$(CURDIR)/$(BUILD)/kmod src=$(CURDIR)/kmod modules
	@cp $(BUILD)/kmod/ktap.ko $(BUILD)/kmod/test/ktap_test.ko $(BUILD)/
endif

#: make run          all of the above, then gettimeofday.kp through the four tools in a guest
run: setup
	@$(MAKE) --no-print-directory build
	@echo "run: booting Debian's kernel and running pipeline/examples/gettimeofday.kp in it"
	@pipeline/guest/run -- sh -c 'ktap examples/gettimeofday.kp && echo "date says: $$(date +%s)"'

#: make test         every test (setup and build included); about 15 minutes on two cores
test: setup
	@$(MAKE) --no-print-directory lint test-swift test-asan test-fuzz build test-kernel
	@$(MAKE) --no-print-directory fuzz-ffi-guest SIGNATURES=250
	@$(MAKE) --no-print-directory sweep SWEEP='--count 300 --out $(BUILD)/sweep-300'
	@$(MAKE) --no-print-directory test-fuzz-image

#: make test-swift   each stage alone, and the chain of real executables
test-swift:
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build

#: make test-asan    the VM and what loads images, under AddressSanitizer and UndefinedBehaviorSanitizer
#                   (swiftc for Linux has no option for the latter: it is for the C code, with the
#                   runtime that comes with the former; XCTest's own main() leaks)
test-asan:
	ASAN_OPTIONS=detect_leaks=0 $(SWIFT) test --scratch-path .build-asan --sanitize=address \
		-Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined \
		--filter 'CKtapVM|KtapLoader|KtapImage'

#: make test-collect the VM's tests with a collection at every allocation, freed memory overwritten; and with
#                   a small step of one there
test-collect:
	KTAP_TEST_COLLECT=1 $(SWIFT) test --filter CKtapVM
	KTAP_TEST_COLLECT=2 $(SWIFT) test --filter CKtapVM

#: make headers      which of the machine's C headers cdef-parse understands as gcc does, one by one
headers:
	@mkdir -p $(BUILD)
	@KTAP_HEADERS_REPORT=$(CURDIR)/$(BUILD)/headers.txt $(SWIFT) test \
		--filter CDefParserTests.HeaderTests/everyHeader >$(BUILD)/headers.log 2>&1; status=$$?; \
		cat $(BUILD)/headers.txt || cat $(BUILD)/headers.log; exit $$status

#: make test-resolve-full ksym-resolve's readers against bpftool, pahole and drgn: all of a kernel (make test:
#                   a part of it, drawn with a fixed seed)
.PHONY: test-resolve-full
test-resolve-full:
	KTAP_PROOFS=full $(SWIFT) test --filter 'SymbolResolverTests.*ProofTests'

#: make test-kernel  the tests that run in the guest (KERNEL=6.12: the same on Debian 13's kernel)
test-kernel: export KTAP_GUEST_KERNEL = $(filter 6.12,$(KERNEL))
test-kernel: kmod
	kmod/test/guest/run
	Tests/GuestTests/run

#: make test-memory  100 million turns of a loop that makes garbage, in 1 MiB; 10 million in the guest
test-memory:
	Tests/Memory/run 100000000
	Tests/Memory/run --guest 10000000

#: make bench-cdef   cdef-parse against gcc -fsyntax-only on a whole kernel's types; what starting costs
bench-cdef: tools
	@KTAP_BENCH=1 $(SWIFT_RELEASE) --product bench-codec
	@pipeline/bench/cdef/run $(BENCH)

#: make bench-ffi    the host VM's calls, callbacks and fields against libffi and LuaJIT's interpreter
.PHONY: bench-ffi
bench-ffi: tools
	@pipeline/bench/ffi/run $(BENCH)

#: make bench-ffi-guest a guarded call in the guest's kernel, in instructions; a module for one call beside it
.PHONY: bench-ffi-guest
bench-ffi-guest: tools kmod
	@pipeline/bench/ffi/guest/run $(BENCH)

#: make bench-resolve ksym-resolve against drgn (idle machine; BENCH='--busy --check' and other options)
bench-resolve: tools
	@pipeline/bench/resolve/run $(BENCH)

#: make bench-vm     the host VM against Lua 5.4 and LuaJIT's interpreter
bench-vm: tools
	@pipeline/bench/vm/run

#: make bench-vm-guest the VM in the guest's kernel against Lua 5.4 there, in instructions
.PHONY: bench-vm-guest
bench-vm-guest: tools kmod
	@pipeline/bench/vm/guest/run $(BENCH)

#: make fuzz-ffi     calls and callbacks against gcc and clang: 50,000 random signatures (SEED=1; make test: 2,000)
SEED ?= 1
.PHONY: fuzz-ffi
fuzz-ffi:
	KTAP_FFI_SEED=$(SEED) KTAP_FFI_SIGNATURES=50000 $(SWIFT) test --filter ForeignCallsTests

#: make fuzz-ffi-guest the same generator's functions as kernel modules, called in the guest: SIGNATURES=5000 (SEED=1)
SIGNATURES ?= 5000
.PHONY: fuzz-ffi-guest
fuzz-ffi-guest: build
	rm -rf $(BUILD)/signatures
	KTAP_FFI_SEED=$(SEED) KTAP_FFI_SIGNATURES=$(SIGNATURES) KTAP_FFI_KEEP=$(CURDIR)/$(BUILD)/signatures \
		$(SWIFT) test --filter ForeignCallsTests/callsAndCallbacksAgree
	Tests/GuestTests/signatures/run $(BUILD)/signatures

#: make test-functions a call plan, or a reason why not, for every function of the kernel (make test: for 3,000)
.PHONY: test-functions
test-functions:
	KTAP_EVERY_FUNCTION=1 $(SWIFT) test --filter EveryFunctionTests

#: make sweep        calls 5,000 of the kernel's functions with senseless arguments, in guests, and counts what
#                   it survives (hours; SWEEP='--count 300 --seed 2 --time 3600'; results in build/sweep)
.PHONY: sweep
sweep: build
	Tests/GuestTests/sweep/run $(SWEEP)

include Tests/Fuzz/fuzz.mk
include Tests/Fuzz/image/image.mk

#: make man          the manual pages, in build/man
man:
	$(SWIFT) package --allow-writing-to-package-directory generate-manual --configuration debug
	@mkdir -p $(BUILD)/man && cp .build/plugins/GenerateManual/outputs/*/*.1 $(BUILD)/man/

#: make lint         swift format, strictly
lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

#: make clean        remove what was built
clean:
	rm -rf $(BUILD) .build .build-asan .build-fuzz .build-fuzz-coverage
