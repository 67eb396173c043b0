# SPDX-License-Identifier: MIT
# The fuzzers: Tests/Fuzz/NAME. RUNS or SECONDS limit them.

FUZZERS := btf cdef

.PHONY: test-fuzz $(FUZZERS:%=test-fuzz-%) $(FUZZERS:%=fuzz-%) $(FUZZERS:%=coverage-%)

# About a minute each. A count and a seed, and no time limit, so that the same tree is tried with the same inputs
# on every machine: what is new to find is for the runs without a seed.
TEST_RUNS_btf := 1000000
TEST_RUNS_cdef := 120000

#: make test-fuzz    every fuzzer for about a minute, from its committed seeds
test-fuzz: $(FUZZERS:%=test-fuzz-%)
$(FUZZERS:%=test-fuzz-%): test-fuzz-%:
	@SEED=1 RUNS=$(TEST_RUNS_$*) Tests/Fuzz/run $*

#: make fuzz-btf    the same on the reader of BTF
#: make fuzz-cdef    libFuzzer and AddressSanitizer on cdef-parse: RUNS=10000000, or SECONDS=…
$(FUZZERS:%=fuzz-%): fuzz-%:
	@RUNS=$(RUNS) TIME_LIMIT=$(SECONDS) Tests/Fuzz/run $*

#: make coverage-cdef which lines of the parser the fuzzer's corpora reach
#: make coverage-btf  the same of the reader of BTF
$(FUZZERS:%=coverage-%): coverage-%:
	@Tests/Fuzz/run --coverage $*

.PHONY: fuzz-layout
#: make fuzz-layout  random declarations against gcc and clang, until they disagree; SEED=… SECONDS=…
fuzz-layout:
	@Tests/Fuzz/fuzz-layout "$(SEED)" $(SECONDS)
