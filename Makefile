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

.PHONY: help setup build tools kmod run test clean
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

#: make kmod         the kernel module and the test module, for KERNEL (default: newest cloud kernel)
kmod:
	@test -d "$(KDIR)" || { echo "kmod: error: no headers for kernel '$(KERNEL)' in $(KDIR): run 'make setup'" >&2; exit 3; }
	@mkdir -p $(BUILD)/kmod && touch $(BUILD)/kmod/Makefile
	$(MAKE) -C $(KDIR) M=$(CURDIR)/$(BUILD)/kmod src=$(CURDIR)/kmod modules
	@cp $(BUILD)/kmod/ktap.ko $(BUILD)/kmod/test/ktap_test.ko $(BUILD)/

#: make clean        remove what was built
clean:
	rm -rf $(BUILD) .build
