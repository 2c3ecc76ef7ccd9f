# SPDX-License-Identifier: MIT
#
# Compilers and flags. CFLAGS_<path of a .c file> adds flags for that file alone.

CC := gcc
LD := ld
AR := ar
NM := nm
OBJCOPY := objcopy

WARNINGS := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wundef \
            -Wvla -Wpointer-arith -Wwrite-strings -Wno-unused-parameter

# Asked when first needed, since gcc may have to be installed before.
GCC_INCLUDE = $(eval GCC_INCLUDE := $(shell $(CC) -print-file-name=include))$(GCC_INCLUDE)

# What every freestanding object has in common. No red zone, since an interrupt may come on the same
# stack; no vector registers, since they hold the guest's state.
FREESTANDING = -std=gnu11 -O2 -g -ffreestanding -nostdinc \
                -isystem $(GCC_INCLUDE) \
                -fno-stack-protector -fcf-protection=none -mno-red-zone -mgeneral-regs-only \
                -fno-strict-aliasing -fno-common -fno-asynchronous-unwind-tables \
                -ffile-prefix-map=$(CURDIR)/= -pipe $(WARNINGS)

# The hypervisor's text runs where it was linked, in an L4 slot far from both ends of the address
# space: RIP-relative code, no global offset table, no relocation at run time.
HV_CFLAGS = $(FREESTANDING) -fpie -mcmodel=small -fvisibility=hidden -fno-jump-tables \
             -fno-omit-frame-pointer -momit-leaf-frame-pointer -mpreferred-stack-boundary=3 \
             -D__BULKHEAD__ $(if $(DEBUG),-DDEBUG) $(if $(METER),-DMETER) \
             -include hypervisor/include/visibility.h \
             -Ihypervisor/include -Iarch/x86/include -I$(BUILD)/gen $(HV_CFLAGS_EXTRA)

GUEST_CFLAGS = $(FREESTANDING) -fno-pie -mcmodel=kernel -fno-omit-frame-pointer \
                -Ipv-guest/include -Ipv-guest -Ihypervisor/include -I$(BUILD)/gen/pv-guest \
                $(GUEST_CFLAGS_EXTRA)

# dom0-tools sees a C library by its standard names (pv-guest's or the host's) and its own headers.
TOOLS_CFLAGS = $(GUEST_CFLAGS) -Idom0-tools/include

DEPFLAGS = -MMD -MP -MF $(@:.o=.d) -MT $@

ifeq ($(V),1)
Q :=
else
Q := @
endif
say = @printf '  %-8s %s\n' $(1) '$(2)'

# $(call objects,SOURCES): the objects of .c and .S files.
objects = $(patsubst %,$(BUILD)/obj/%.o,$(basename $(1)))

# $(call compile_rules,FOLDER,FLAGS,GENERATED,PREFIX): how the .c and .S files below FOLDER are compiled; to
# $(BUILD)/obj/PREFIXFOLDER if another image compiles the same files.
define compile_rules
$(BUILD)/obj/$(4)$(1)/%.o: $(1)/%.c | $(TOOLS_STAMP)
	$$(call say,CC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$($(2)) $$(DEPFLAGS) $$(CFLAGS_$$<) -c -o $$@ $$<

$(BUILD)/obj/$(4)$(1)/%.o: $(1)/%.S | $(TOOLS_STAMP) $(3)
	$$(call say,AS,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$($(2)) -D__ASSEMBLY__ -Wa,--noexecstack $$(DEPFLAGS) $$(CFLAGS_$$<) -c -o $$@ $$<
endef

# $(call asm_offsets,SOURCE,HEADER,FLAGS): structure offsets for assembly, see
# mk/asm-offsets-macros.h for how SOURCE names them.
define asm_offsets
$(2): $(1) mk/asm-offsets-macros.h mk/asm-offsets.sed | $(TOOLS_STAMP)
	$$(call say,OFFSETS,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$($(3)) -Imk -MMD -MP -MF $$@.d -MT $$@ -S -o $$@.s $$<
	$$(Q)sed -n -f mk/asm-offsets.sed $$@.s >$$@.tmp && mv $$@.tmp $$@
-include $(2).d
endef
