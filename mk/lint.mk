# SPDX-License-Identifier: MIT
#
# `make lint`: clang-format, clang-tidy, cppcheck, the rules on files and the figures of docs/porting.md. gcc builds, clang lints.
# FILES="a.c b.c" checks those alone.

LINT_JOBS ?= 2
# Only looked up when something is linted.
FILES ?= $(shell find Makefile .ci arch dom0-tools hypervisor ldscripts mk pv-guest tests -type f \
             '(' -name '*.[chS]' -o -name '*.lds' -o -name '*.mk' -o -name '*.sh' -o -name '*.py' \
             -o -name Makefile -o -path .ci/run ')' | LC_ALL=C sort)
LINT_C = $(filter %.c %.h,$(FILES))
LINT_UNITS = $(filter %.c,$(FILES))

LINT_COMMON := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter \
               -Wno-unknown-warning-option -Imk
LINT_FREE := $(LINT_COMMON) -ffreestanding -nostdlibinc
# Headers of the C library are there for the one file that includes the decompression libraries'.
LINT_HV    := $(LINT_FREE) -fpie -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu \
               -D__BULKHEAD__ '-DBULKHEAD_CHANGESET=""' -Ihypervisor/include -Iarch/x86/include
LINT_GUEST := $(LINT_FREE) -mcmodel=kernel -Ipv-guest/include -Ipv-guest -Ihypervisor/include
LINT_TOOLS := $(LINT_GUEST) -Idom0-tools/include
LINT_LINUX := $(LINT_COMMON) -pthread -Idom0-tools/include -idirafter hypervisor/include
LINT_HOST  := $(LINT_COMMON) $(HOST_INCLUDES)

LINUX_ONLY := dom0-tools/platform/linux/%

# $(call tidy,FILES,FLAGS): one clang-tidy a file, LINT_JOBS at a time.
tidy = $(if $(1),@printf '%s\n' $(1) | xargs -P $(LINT_JOBS) -n 1 mk/tidy.sh $(2))

.PHONY: format lint lint-files lint-format lint-tidy lint-cppcheck lint-circles
lint: $(TOOL_STAMPS) lint-files lint-format lint-tidy lint-cppcheck lint-circles
	@echo "lint: ok"

lint-files:
	@mk/check-files.sh $(FILES)
	@mk/check-pv.sh
	@mk/check-options.sh
	@mk/check-ranks.sh
	@mk/check-guest-log.sh
	@mk/check-names.py
	@mk/check-documents.py
	@mk/porting-lines.sh

lint-format:
	@echo "  FORMAT"
	@printf '%s\n' $(LINT_C) | xargs -P $(LINT_JOBS) -n 40 clang-format --dry-run -Werror

lint-tidy:
	@echo "  TIDY"
	$(call tidy,$(filter-out arch/x86/meter.c,$(filter hypervisor/% arch/%,$(LINT_UNITS))),$(LINT_HV))
	$(call tidy,$(filter arch/x86/meter.c,$(LINT_UNITS)),$(LINT_HV) -DMETER)
	$(call tidy,$(filter pv-guest/%,$(LINT_UNITS)),$(LINT_GUEST))
	$(call tidy,$(filter-out $(LINUX_ONLY),$(filter dom0-tools/% tests/guest/%,$(LINT_UNITS))),$(LINT_TOOLS))
	$(call tidy,$(filter $(LINUX_ONLY),$(LINT_UNITS)),$(LINT_LINUX))
	$(call tidy,$(filter tests/unit/% tests/host/% tests/fuzz/% tests/smp/% tests/system/% tests/documents/% tests/peer/% tests/qemu/%,$(LINT_UNITS)),$(LINT_HOST))

# One configuration a file: what the build defines. Includes are not followed into the C library.
lint-cppcheck:
	@echo "  CPPCHECK"
	@mkdir -p $(BUILD)/cppcheck
	@cppcheck -q -j $(LINT_JOBS) --error-exitcode=1 --std=c11 --platform=unix64 --inline-suppr \
	    --enable=warning,performance,portability --suppressions-list=mk/cppcheck.suppress \
	    --cppcheck-build-dir=$(BUILD)/cppcheck --max-configs=1 \
	    -D__x86_64__=1 -D__GNUC__=12 -D__BULKHEAD__=1 -D__STDC_VERSION__=201112L \
	    -Ihypervisor/include -Iarch/x86/include -Ipv-guest/include -Ipv-guest \
	    -Idom0-tools/include \
	    $(LINT_UNITS)

# The files of each of these folders use each other in one direction only.
lint-circles: $(call objects,$(filter dom0-tools/bh/% dom0-tools/service/% dom0-tools/store/%,$(TOOLS_SRCS)))
	@echo "  CIRCLES"
	@mk/check-circles.sh $(filter %.o,$^)

# Rewrites the files as lint-format wants them.
format: $(TOOL_STAMPS)
	@printf '%s\n' $(LINT_C) | xargs -n 40 clang-format -i
