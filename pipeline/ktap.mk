# SPDX-License-Identifier: MIT
#
# The pipe as make rules: every step a file.
#
#   make -f pipeline/ktap.mk gettimeofday.ktbc
#   make -f pipeline/ktap.mk gettimeofday.ktbc RESOLVE_FLAGS=--host
#
# Include it in a project's own Makefile and list the .ktbc files that you want. The script is looked
# for here and in the examples.

KTAP_DIR  := $(dir $(lastword $(MAKEFILE_LIST)))
KTAP_BIN  ?= $(if $(wildcard $(KTAP_DIR)../.build/release/ktapc),$(KTAP_DIR)../.build/release/)
KTAPC         ?= $(KTAP_BIN)ktapc
CDEF_PARSE    ?= $(KTAP_BIN)cdef-parse
KSYM_RESOLVE  ?= $(KTAP_BIN)ksym-resolve
CDEF_FLAGS    ?=
RESOLVE_FLAGS ?=

vpath %.kp . $(KTAP_DIR)examples

%.externs.json: %.kp
	$(KTAPC) --externs $< -o $@

%.types.json: %.externs.json
	$(CDEF_PARSE) $(CDEF_FLAGS) $< -o $@

%.resolved.json: %.types.json
	$(KSYM_RESOLVE) $(RESOLVE_FLAGS) $< -o $@

%.ktbc: %.kp %.resolved.json
	$(KTAPC) --types $*.resolved.json $< -o $@

# Every intermediate file is for people to read.
.PRECIOUS: %.externs.json %.types.json %.resolved.json
.DELETE_ON_ERROR:
