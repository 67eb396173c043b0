# SPDX-License-Identifier: MIT
# The fuzzers: Tests/Fuzz/NAME. RUNS or SECONDS limit them.

FUZZERS := btf cdef

.PHONY: test-fuzz $(FUZZERS:%=fuzz-%) $(FUZZERS:%=coverage-%)

#: make test-fuzz    every fuzzer for a minute, from its committed seeds
test-fuzz:
	@for name in $(FUZZERS); do RUNS= TIME_LIMIT=60 Tests/Fuzz/run $$name || exit; done

#: make fuzz-btf    the same on the reader of BTF
#: make fuzz-cdef    libFuzzer and AddressSanitizer on cdef-parse: RUNS=10000000, or SECONDS=…
$(FUZZERS:%=fuzz-%): fuzz-%:
	@RUNS=$(RUNS) TIME_LIMIT=$(SECONDS) Tests/Fuzz/run $*

#: make coverage-cdef which lines of the parser the fuzzer's corpora reach
$(FUZZERS:%=coverage-%): coverage-%:
	@Tests/Fuzz/run --coverage $*

.PHONY: fuzz-layout
#: make fuzz-layout  random declarations against gcc and clang, until they disagree; SEED=… SECONDS=…
fuzz-layout:
	@Tests/Fuzz/fuzz-layout "$(SEED)" $(SECONDS)
