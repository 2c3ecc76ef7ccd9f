# SPDX-License-Identifier: MIT
#
# `make check-mutants`: faults are planted, and a test has to notice each (tests/mutants/mutants.py).
# MUTANT_SEED= draws others. `make run-mutants` tries a sample of the planted ones, with LONG=1 all of
# them and the drawn ones, of a tree that is built.

MUTANT_SEED  ?= 1
MUTANT_COUNT ?= 300
MUTANT_SAMPLE = $(if $(LONG),--planted all --drawn $(MUTANT_COUNT),--planted 20 --drawn 0)

.PHONY: check-mutants run-mutants
check-mutants: $(TOOL_STAMPS)
	@$(PARALLEL) check-build
	@python3 tests/mutants/mutants.py $(BUILD) --jobs $(CHECK_JOBS) --seed $(MUTANT_SEED) \
	    --planted all --drawn $(MUTANT_COUNT)

# To be run alone: it uses both processors itself.
run-mutants:
	@$(RUN_TEST) mutants python3 tests/mutants/mutants.py $(BUILD) --jobs $(CHECK_JOBS) \
	    --seed $(MUTANT_SEED) $(MUTANT_SAMPLE)
