# SPDX-License-Identifier: MIT
#
# Debian packages that the build, the tests and the checks need. `make tools`, and every target that
# a newcomer types first (run, iso, check, lint ...), installs what is missing; a plain `make` only
# says what that is.

PKGS_BUILD := gcc binutils libc6-dev liblzma-dev libzstd-dev liblz4-dev zlib1g-dev
PKGS_RUN   := qemu-system-x86 grub-common grub-pc-bin xorriso mtools cpio
PKGS_CHECK := libcmocka-dev libxen-dev clang libclang-rt-dev llvm python3 gdb \
              bochs bochs-term bochsbios vgabios lintian
PKGS_DEBIAN := mmdebstrap e2fsprogs fdisk kmod cpio
PKGS_DEB   := dpkg-dev lowdown
PKGS_LINT  := clang-format clang-tidy cppcheck python3
PKGS_GDB   := gdb

TOOLS_STAMP := $(BUILD)/.tools
MAY_INSTALL := $(filter tools run iso check check-all check-mutants check-peer debian deb bench lint format gdb,$(MAKECMDGOALS))

# Which groups this command needs; the stamp remembers those that were found complete.
TOOL_GROUPS := BUILD \
    $(if $(filter tools run iso gdb bench check check-all check-mutants check-peer,$(MAKECMDGOALS)),RUN) \
    $(if $(filter tools check check-all check-mutants check-peer lint,$(MAKECMDGOALS)),CHECK) \
    $(if $(filter tools check check-all check-mutants check-peer debian,$(MAKECMDGOALS)),DEBIAN) \
    $(if $(filter tools check check-all check-mutants check-peer deb install,$(MAKECMDGOALS)),DEB) \
    $(if $(filter tools lint format,$(MAKECMDGOALS)),LINT) \
    $(if $(filter tools gdb,$(MAKECMDGOALS)),GDB)
TOOL_STAMPS := $(TOOL_GROUPS:%=$(BUILD)/.tools-%)

.PHONY: tools
tools: $(TOOL_STAMPS)

$(TOOLS_STAMP): $(TOOL_STAMPS)
	@touch $@

$(BUILD)/.tools-%: mk/tools.mk mk/need-packages.sh
	@mkdir -p $(@D)
	@mk/need-packages.sh $(if $(MAY_INSTALL),install,check) $(PKGS_$*)
	@touch $@
