# SPDX-License-Identifier: MIT
#
# The x86 half of the hypervisor.

HV_SRCS += \
    arch/x86/console_setup.c \
    arch/x86/uart.c \
    arch/x86/vga.c
