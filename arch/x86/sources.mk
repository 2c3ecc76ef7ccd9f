# SPDX-License-Identifier: MIT
#
# The x86 half of the hypervisor.

HV_SRCS += \
    arch/x86/acpi.c \
    arch/x86/acpi_aml.c \
    arch/x86/acpi_power.c \
    arch/x86/apic.c \
    arch/x86/backtrace.c \
    arch/x86/boot/dom0_access.c \
    arch/x86/boot/dom0_build.c \
    arch/x86/boot/dom0_memory.c \
    arch/x86/boot/efi.c \
    arch/x86/boot/frame_table.c \
    arch/x86/boot/head.S \
    arch/x86/boot/main.c \
    arch/x86/boot/memory_map.c \
    arch/x86/boot/multiboot.c \
    arch/x86/boot/options.c \
    arch/x86/boot/paging.c \
    arch/x86/boot/patch.c \
    arch/x86/boot/scratch.c \
    arch/x86/boot/secondary.c \
    arch/x86/boot/secondary_check.c \
    arch/x86/boot/trampoline.S \
    arch/x86/boot/tsc_sync.c \
    arch/x86/boot/unpack.c \
    arch/x86/boot/unpack_call.S \
    arch/x86/boot/unpack_env.c \
    arch/x86/boot/unpack_libs.c \
    arch/x86/console_setup.c \
    arch/x86/context.c \
    arch/x86/cpu_features.c \
    arch/x86/cpu_leaks.c \
    arch/x86/descriptors.c \
    arch/x86/device_window.c \
    arch/x86/domain.c \
    arch/x86/domctl.c \
    arch/x86/efi.c \
    arch/x86/entry.S \
    arch/x86/fpu.c \
    arch/x86/guest_copy.S \
    arch/x86/hpet.c \
    arch/x86/ioapic.c \
    arch/x86/irq.c \
    arch/x86/keyboard.c \
    arch/x86/m2p.c \
    $(if $(METER),arch/x86/meter.c) \
    arch/x86/memory_map.c \
    arch/x86/msi.c \
    arch/x86/paging.c \
    arch/x86/panic.c \
    arch/x86/pci.c \
    arch/x86/physdev.c \
    arch/x86/pirq.c \
    arch/x86/pit.c \
    arch/x86/platform.c \
    arch/x86/mca.c \
    arch/x86/platform_op.c \
    arch/x86/pmtimer.c \
    arch/x86/power.c \
    arch/x86/pv/bounce.c \
    arch/x86/pv/callback.c \
    arch/x86/pv/cpu_ops.c \
    arch/x86/pv/crash.c \
    arch/x86/pv/cpu_policy.c \
    arch/x86/pv/cpuid.c \
    arch/x86/pv/decode.c \
    arch/x86/pv/descriptor.c \
    arch/x86/pv/descriptor_window.c \
    arch/x86/pv/emulate_priv.c \
    arch/x86/pv/grant_entry.c \
    arch/x86/pv/ioport.c \
    arch/x86/pv/iret.c \
    arch/x86/pv/memory.c \
    arch/x86/pv/mmu_update.c \
    arch/x86/pv/mmuext.c \
    arch/x86/pv/msr.c \
    arch/x86/pv/own_fault.c \
    arch/x86/pv/page_table.c \
    arch/x86/pv/pte_emulate.c \
    arch/x86/pv/relinquish.c \
    arch/x86/pv/segment.c \
    arch/x86/pv/trace.c \
    arch/x86/pv/traps.c \
    arch/x86/pv/va_mapping.c \
    arch/x86/rtc.c \
    arch/x86/smp.c \
    arch/x86/sysctl.c \
    arch/x86/time.c \
    arch/x86/tlb.c \
    arch/x86/topology.c \
    arch/x86/traps.c \
    arch/x86/uart.c \
    arch/x86/vcpu_state.c \
    arch/x86/vga.c \
    arch/x86/watchdog.c

# These two call Debian's libraries, which rely on an aligned stack; the second one sees their headers.
CFLAGS_arch/x86/boot/unpack_env.c := -mpreferred-stack-boundary=4
CFLAGS_arch/x86/boot/unpack_libs.c := -mpreferred-stack-boundary=4 \
    -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu

# The firmware's code relies on an aligned stack, too; our own callers do not make it one.
CFLAGS_arch/x86/efi.c := -mpreferred-stack-boundary=4 -mincoming-stack-boundary=3

# Called from assembly for every exception, event and system call of a guest: no frame pointer to set up.
CFLAGS_arch/x86/pv/traps.c := -fomit-frame-pointer
CFLAGS_arch/x86/pv/callback.c := -fomit-frame-pointer
CFLAGS_arch/x86/pv/iret.c := -fomit-frame-pointer
