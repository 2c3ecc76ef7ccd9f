# SPDX-License-Identifier: MIT
#
# The hypervisor: HV_SRCS (from hypervisor/sources.mk and arch/x86/sources.mk), linked by
# ldscripts/hypervisor.lds with the boot-only decompression libraries.

HV_IMAGE := $(if $(HV_SRCS),$(BUILD)/bulkhead)
HV_LDS   := ldscripts/hypervisor.lds
HV_OBJS  := $(call objects,$(HV_SRCS))

# Debian's own static archives. They are used while dom0's kernel is unpacked and lie in the part of
# the image that is discarded after boot.
BOOT_LIBS = $(eval BOOT_LIBS := $(foreach lib,lzma zstd lz4 z,$(shell \
                $(CC) -print-file-name=lib$(lib).a)))$(BOOT_LIBS)
HV_BOOT_LIBS ?= $(BOOT_LIBS)

HV_OFFSETS := $(if $(wildcard arch/x86/asm-offsets.c),$(BUILD)/gen/asm-offsets.h)
$(if $(HV_OFFSETS),$(eval $(call asm_offsets,arch/x86/asm-offsets.c,$(HV_OFFSETS),HV_CFLAGS)))
$(eval $(call compile_rules,hypervisor,HV_CFLAGS,$(HV_OFFSETS)))
$(eval $(call compile_rules,arch/x86,HV_CFLAGS,$(HV_OFFSETS)))

HV_LDFLAGS := -nostdlib -static -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
              --build-id=sha1 $(HV_LDFLAGS_EXTRA)

HV_LINK = $(LD) $(HV_LDFLAGS) -T $(HV_LDS) -o $@
HV_LINK_LIBS = --start-group $(HV_BOOT_LIBS) --end-group

# The names that a backtrace prints come from a first link. They lie behind all code and data of the
# image, so adding them moves nothing.
$(BUILD)/obj/bulkhead.first: $(HV_OBJS) $(HV_LDS)
	@mkdir -p $(@D)
	$(Q)$(HV_LINK) $(HV_OBJS) $(HV_LINK_LIBS)

$(BUILD)/obj/symbols.o: $(BUILD)/obj/bulkhead.first mk/symbols.awk
	$(Q)$(NM) -n $< | awk -f mk/symbols.awk >$(@:.o=.s)
	$(Q)$(CC) -c -o $@ $(@:.o=.s)

$(BUILD)/bulkhead: $(HV_OBJS) $(BUILD)/obj/symbols.o $(HV_LDS) mk/hypervisor.mk mk/physical-elf.sh \
                     mk/check-init.sh
	$(call say,LD,$@)
	$(Q)$(HV_LINK) -Map $@.map $(HV_OBJS) $(BUILD)/obj/symbols.o $(HV_LINK_LIBS)
	$(Q)mk/check-init.sh $@ $(HV_OBJS)
	$(Q)mk/physical-elf.sh $@

# The same with assertions and the check of lock ranks, and the same with the meter
# (hypervisor/include/meter.h), each in a folder of its own.
HV_DEBUG := $(BUILD)/debug/bulkhead
HV_METER := $(BUILD)/meter/bulkhead
ifeq ($(DEBUG)$(METER),)
.PHONY: FORCE
$(HV_DEBUG): FORCE | $(TOOLS_STAMP)
	@+$(MAKE) -s --no-print-directory BUILD=$(BUILD)/debug DEBUG=1 $@
$(HV_METER): FORCE | $(TOOLS_STAMP)
	@+$(MAKE) -s --no-print-directory BUILD=$(BUILD)/meter METER=1 $@
FORCE:
endif

-include $(HV_OBJS:.o=.d)
