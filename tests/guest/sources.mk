# SPDX-License-Identifier: MIT
#
# Guest tests: every test-*.c is one image and one subject, with the same frame around it.

$(foreach name,$(patsubst tests/guest/%.c,%,$(wildcard tests/guest/test-*.c)), \
    $(eval GUEST_$(name)_SRCS := tests/guest/harness.c tests/guest/hostile.c tests/guest/$(name).c))

# What system tests run.
GUEST_crash_SRCS := tests/guest/crash.c
GUEST_chaos_SRCS := tests/guest/hostile.c tests/guest/chaos.c
