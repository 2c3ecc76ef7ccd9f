# SPDX-License-Identifier: MIT
#
# `make check-mutants`: faults are planted, and a test has to notice each (tests/mutants/mutants.py).
# MUTANT_SEED= draws others. `make check` ends with `run-mutants`: a sample of the planted ones, or in
# `make check-all` all of them and the drawn ones.

MUTANT_SEED  ?= 1
MUTANT_COUNT ?= 300
# One more than processors, since tests in QEMU mostly wait.
MUTANT_JOBS   = $(shell echo $$(($(CHECK_JOBS) + 1)))
MUTANT_SAMPLE = $(if $(LONG),--planted all --drawn $(MUTANT_COUNT),--planted 20 --drawn 0)

.PHONY: check-mutants run-mutants
check-mutants: $(TOOL_STAMPS)
	@$(PARALLEL) check-build
	@python3 tests/mutants/mutants.py $(BUILD) --jobs $(MUTANT_JOBS) --seed $(MUTANT_SEED) \
	    --planted all --drawn $(MUTANT_COUNT)

# To be run alone: it uses all processors itself.
run-mutants:
	@$(RUN_TEST) mutants python3 tests/mutants/mutants.py $(BUILD) --jobs $(MUTANT_JOBS) \
	    --seed $(MUTANT_SEED) $(MUTANT_SAMPLE)
