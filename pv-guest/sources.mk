# SPDX-License-Identifier: MIT
#
# The reference PV kernel: a library that every guest image links, and the images on top of it.

GUEST_SRCS := $(addprefix pv-guest/, \
    x86_64/boot.S x86_64/entry.S \
    start.c guest.c vcpu.c traps.c memory.c physical_map.c pagetable.c window.c events.c clock.c \
    thread.c grant.c console.c fs.c store.c user.c \
    lib/string.c lib/number.c lib/malloc.c lib/printf.c lib/sort.c lib/runtime.c)

GUEST_demo_SRCS := pv-guest/apps/demo.c
GUEST_bench_SRCS := pv-guest/apps/bench.c pv-guest/apps/bench_entry.S
