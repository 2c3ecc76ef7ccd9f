# SPDX-License-Identifier: MIT
#
# dom0-tools as programs for Linux as dom0: $(BUILD)/dom0-tools/bh. The files are those of the built-in
# dom0, but for platform/, compiled as Debian compiles programs.

LINUX_TOOLS_DIR := $(BUILD)/dom0-tools

# The guest ABI's headers come last, since hypervisor/include has names of the C library's.
LINUX_TOOLS_CFLAGS = -std=gnu11 -O2 -g -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -pthread \
                     -fno-strict-aliasing -ffile-prefix-map=$(CURDIR)=. -pipe $(WARNINGS) \
                     -Idom0-tools/include -idirafter hypervisor/include
LINUX_TOOLS_LDFLAGS := -pie -pthread -Wl,-z,relro -Wl,-z,now

LINUX_BH_OBJS := $(LINUX_BH_SRCS:%.c=$(BUILD)/obj/linux/%.o)
$(eval $(call compile_rules,dom0-tools,LINUX_TOOLS_CFLAGS,,linux/))

$(LINUX_TOOLS_DIR)/bh: $(LINUX_BH_OBJS)
	$(call say,LINUXLD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINUX_TOOLS_LDFLAGS) -o $@ $^

-include $(LINUX_BH_OBJS:.o=.d)
