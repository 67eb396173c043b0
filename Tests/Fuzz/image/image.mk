# SPDX-License-Identifier: MIT
# The fuzzer of the verifier and the VM. RUNS or SECONDS limit it.

.PHONY: fuzz-image fuzz-image-guest coverage-image

#: make fuzz-image   libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer on the verifier and the VM:
#                   RUNS=20000000, or SECONDS=60
fuzz-image:
	@RUNS=$(RUNS) TIME_LIMIT=$(SECONDS) Tests/Fuzz/image/run

#: make seed-image   the fuzzer's committed corpus anew, where the image's format has changed
.PHONY: seed-image
seed-image:
	$(SWIFT) build
	@Tests/Fuzz/image/seed

# In `make test`: about a minute, the same inputs each time (see ../fuzz.mk).
.PHONY: test-fuzz-image
test-fuzz-image:
	@SEED=1 RUNS=700000 Tests/Fuzz/image/run

#: make fuzz-image-guest 100,000 mutated images thrown at /dev/ktap in the guest, or COUNT=1000
fuzz-image-guest:
	@Tests/Fuzz/image/guest/run $(or $(COUNT),100000)

#: make coverage-image which lines of kmod/vm the fuzzer's corpora reach
coverage-image:
	@Tests/Fuzz/image/run --coverage
