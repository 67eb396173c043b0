# SPDX-License-Identifier: MIT
# The fuzzer of the verifier and the VM. RUNS or SECONDS limit it.

.PHONY: fuzz-image coverage-image

#: make fuzz-image   libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer on the verifier and the VM:
#                   RUNS=20000000, or SECONDS=60
fuzz-image:
	@RUNS=$(RUNS) TIME_LIMIT=$(SECONDS) Tests/Fuzz/image/run

#: make coverage-image which lines of kmod/vm the fuzzer's corpora reach
coverage-image:
	@Tests/Fuzz/image/run --coverage
