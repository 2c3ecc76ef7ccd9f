# SPDX-License-Identifier: MIT
#
# Bulkhead's build. Everything that is made lands in $(BUILD); nothing is written elsewhere.
# Each folder names its own files in a sources.mk; how they are built is in mk/, one subject a file.

# A build with the meter (hypervisor/include/meter.h) has a folder of its own.
BUILD ?= $(if $(METER),build/meter,build)
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
SHELL := /bin/bash

include $(wildcard $(foreach dir,hypervisor arch/x86 pv-guest dom0-tools tests, \
                     $(dir)/sources.mk $(dir)/*/sources.mk))

include mk/flags.mk
include mk/tools.mk
include mk/hypervisor.mk
include mk/guest.mk
include mk/linux-tools.mk
include mk/packages.mk
include mk/debian.mk
include mk/run.mk
include mk/install.mk
include mk/tests.mk
include mk/mutants.mk
include mk/peer.mk
include mk/lint.mk

.PHONY: all clean help
all: $(HV_IMAGE) $(GUEST_IMAGES) $(LINUX_TOOLS_DIR)/bh

clean:
	rm -rf $(BUILD)

help:
	@cat mk/help.txt
