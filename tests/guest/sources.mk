# SPDX-License-Identifier: MIT
#
# Guest tests: one image and one subject each, all with the same frame around them.

guest_test = $(eval GUEST_$(1)_SRCS := tests/guest/harness.c tests/guest/$(1).c)
$(foreach name,boot mmu pinning ptwr traps emulation user desc events fifo grant time memory sched \
    version,$(call guest_test,test-$(name)))
