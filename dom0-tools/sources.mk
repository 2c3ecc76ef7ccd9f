# SPDX-License-Identifier: MIT
#
# dom0-tools: what the built-in dom0 adds to the reference kernel, and the programs for Linux as dom0.
# All but platform/ is portable.

STORE_SRCS := $(addprefix dom0-tools/store/, \
    tree.c accounts.c access.c change.c watch.c transaction.c store.c \
    reply.c payload.c control.c requests.c protocol.c ring.c)

TOOLS_SRCS := $(STORE_SRCS) $(addprefix dom0-tools/, \
    error.c utf8.c \
    config/config.c config/guest_config.c config/foreign_keys.c config/device_list.c \
    config/parameters.c config/disk_config.c config/vif_config.c config/cpu_list.c \
    image/unpack.c image/kernel_image.c \
    control/control.c control/measures.c control/scheduling.c \
    builder/guest_memory.c builder/build.c \
    $(addprefix service/,index.c domains.c console.c console_archive.c store_clients.c domain_rings.c \
                         domain_nodes.c memory_target.c device_nodes.c device_late.c device_set.c \
                         construction.c domain_requests.c vcpu_requests.c console_requests.c device_requests.c \
                         domain_life.c service.c) \
    bh/output.c bh/progress.c bh/arguments.c bh/json.c bh/config_json.c bh/listing.c bh/line_editor.c bh/verbs.c bh/shell.c \
    bh/verbs_create.c bh/verbs_console.c bh/verbs_domain.c bh/verbs_device.c bh/verbs_store.c bh/verbs_info.c \
    bh/verbs_vcpu.c bh/verbs_sched.c bh/verbs_cpu.c bh/top.c bh/verbs_top.c bh/verbs_debug.c bh/verbs_machine.c \
    platform/builtin.c platform/builtin_store.c platform/builtin_drivers.c platform/builtin_power.c \
    platform/builtin_verbs.c platform/builtin_main.c)

# The drivers of pv-guest that the built-in dom0 uses.
TOOLS_SRCS += $(SPLIT_SRCS) $(PCI_SRCS) $(VIRTIO_SRCS) $(VIRTIO_BLK_SRCS) $(BLOCK_SRCS) $(BLOCK_BACK_SRCS) \
              $(NET_BACK_SRCS) $(VIRTIO_NET_SRCS) $(UNDRIVEN_SRCS) $(POWER_BUTTON_SRCS)

# The decompressors' headers are Debian's; they include nothing that pv-guest's C library lacks.
CFLAGS_dom0-tools/image/unpack.c := -idirafter /usr/include

# bh as a Linux program. The service and the store are those of Debian's tools.
LINUX_BH_SRCS := $(addprefix dom0-tools/, \
    error.c utf8.c \
    config/config.c config/guest_config.c config/foreign_keys.c config/device_list.c \
    config/parameters.c config/disk_config.c config/vif_config.c config/cpu_list.c \
    control/control.c control/measures.c control/scheduling.c \
    bh/output.c bh/progress.c bh/arguments.c bh/json.c bh/config_json.c bh/listing.c bh/verbs.c \
    bh/verbs_domain.c bh/verbs_info.c bh/verbs_vcpu.c bh/verbs_sched.c bh/verbs_cpu.c bh/top.c bh/verbs_top.c \
    bh/verbs_console.c bh/verbs_debug.c \
    $(addprefix platform/linux/,hypercalls.c threads.c terminal.c devices.c xenstore.c domain_nodes.c userdata.c \
                                service.c console.c verbs.c main.c))
