# SPDX-License-Identifier: MIT
#
# The guest images. pv-guest/sources.mk names the kernel library in GUEST_SRCS; every variable
# GUEST_<image>_SRCS, there or in tests/guest/sources.mk, is one image $(BUILD)/pv-guest/<image>.
# The built-in dom0 is one more of them, with dom0-tools (TOOLS_SRCS) linked in.

GUEST_DIR := $(BUILD)/pv-guest
GUEST_LDS := ldscripts/pv-guest.lds
GUEST_LIB_OBJS := $(call objects,$(GUEST_SRCS))

ifneq ($(TOOLS_SRCS),)
GUEST_dom0_SRCS += $(TOOLS_SRCS)
# The hypervisor has this library, too, with flags of its own.
GUEST_dom0_OBJS := $(IMAGE_SRCS:%.c=$(BUILD)/obj/dom0-tools/%.o)
endif
GUEST_dom0_LIBS ?= $(HV_BOOT_LIBS)

GUEST_NAMES  := $(sort $(patsubst GUEST_%_SRCS,%,$(filter GUEST_%_SRCS,$(.VARIABLES))))
GUEST_IMAGES := $(GUEST_NAMES:%=$(GUEST_DIR)/%)
# A guest test is an image whose name starts with test-.
GUEST_TESTS  := $(filter test-%,$(GUEST_NAMES))

GUEST_OFFSETS := $(if $(wildcard pv-guest/asm-offsets.c),$(BUILD)/gen/pv-guest/asm-offsets.h)
$(if $(GUEST_OFFSETS),$(eval $(call asm_offsets,pv-guest/asm-offsets.c,$(GUEST_OFFSETS),GUEST_CFLAGS)))
$(eval $(call compile_rules,pv-guest,GUEST_CFLAGS,$(GUEST_OFFSETS)))
$(eval $(call compile_rules,tests/guest,GUEST_CFLAGS,$(GUEST_OFFSETS)))
$(eval $(call compile_rules,dom0-tools,TOOLS_CFLAGS))
$(eval $(call compile_rules,hypervisor/image,TOOLS_CFLAGS,,dom0-tools/))

GUEST_LDFLAGS := -nostdlib -static -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
                 --build-id=none $(GUEST_LDFLAGS_EXTRA)

define guest_image
$(GUEST_DIR)/$(1): $(GUEST_LIB_OBJS) $(call objects,$(GUEST_$(1)_SRCS)) $(GUEST_$(1)_OBJS) $(GUEST_LDS)
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(LD) $$(GUEST_LDFLAGS) -T $(GUEST_LDS) -Map $(BUILD)/obj/pv-guest/$(1).map -o $$@ \
	    $(GUEST_LIB_OBJS) $(call objects,$(GUEST_$(1)_SRCS)) $(GUEST_$(1)_OBJS) \
	    --start-group $$(GUEST_$(1)_LIBS) --end-group
endef
$(foreach image,$(GUEST_NAMES),$(eval $(call guest_image,$(image))))

GUEST_OBJS := $(sort $(GUEST_LIB_OBJS) $(foreach image,$(GUEST_NAMES), \
    $(call objects,$(GUEST_$(image)_SRCS)) $(GUEST_$(image)_OBJS)))
-include $(GUEST_OBJS:.o=.d)
