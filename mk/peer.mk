# SPDX-License-Identifier: MIT
#
# `make check-peer`: our front drivers against Linux's back drivers, and tests/guest/test-store.c against
# Xen's store, on Debian's Xen with a Debian dom0 and xl. Not a part of `make check`, since nothing of
# the hypervisor is in it.

PEER_TESTS := $(patsubst tests/%.c,%,$(wildcard tests/peer/test_*.c))

$(BUILD)/tests/peer/%: tests/peer/%.c $(SYSTEM_LIB:%=tests/system/%.c) \
                       $(wildcard tests/system/*.h) | $(TOOLS_STAMP)
	$(call say,HOSTCC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SYSTEM_CFLAGS) -o $@ $(filter %.c,$^) -lcmocka

.PHONY: check-peer $(PEER_TESTS:%=run-%)
$(PEER_TESTS:%=run-%): run-%: $(BUILD)/tests/% $(DEBIAN)/peer/disk.img $(PKG)/xen \
                              $(GUEST_DIR)/disk $(GUEST_DIR)/echo $(GUEST_DIR)/test-store
	@$(RUN_TEST) $(subst /,-,$*) $<

check-peer: $(TOOL_STAMPS)
	@rm -rf $(BUILD)/results
	@$(PARALLEL) $(PEER_TESTS:%=run-%)
	@mk/check-summary.sh $(BUILD)/results
