# SPDX-License-Identifier: MIT
#
# Debian packages that are used as data: kernels, Debian's Xen, pvgrub, busybox. They are downloaded
# and unpacked below $(BUILD) and never installed, since their scripts would change this machine's
# boot menu. What others use are the links $(PKG)/vmlinuz, xen, pvgrub, busybox and modules.

PKG := $(BUILD)/packages
# Where the .deb files are kept; set it elsewhere to download once for several build folders.
DEBS ?= $(PKG)/debs

FETCH = @mkdir -p $(PKG); $(if $(Q),printf '  %-8s %s\n' FETCH $(1);) mk/fetch-package.sh $(DEBS) $(PKG)/root $(1)

# What ends a command of a rule.
define newline


endef

# linux-image-amd64 only depends on the package of the current version, which is the one wanted.
$(PKG)/vmlinuz: mk/fetch-package.sh
	$(call FETCH,linux-image-amd64)
	@ln -sfn $$(cd $(PKG) && ls -v root/boot/vmlinuz-* | tail -n 1) $@
	@ln -sfn $$(cd $(PKG) && ls -dv root/lib/modules/* | tail -n 1) $(PKG)/modules
	@touch -c $@

$(PKG)/xen: mk/fetch-package.sh
	$(call FETCH,xen-hypervisor-4.17-amd64)
	@gunzip -c $(PKG)/root/boot/xen-4.17-amd64.gz >$@

# The package of Debian that depends on the one above by name: a file that says so.
$(PKG)/xen-system: mk/fetch-package.sh
	$(call FETCH,xen-system-amd64)
	@touch $@

$(PKG)/pvgrub: mk/fetch-package.sh
	$(call FETCH,grub-xen-host)
	@ln -sfn root/usr/lib/grub-xen/grub-x86_64-xen.bin $@ && touch -c $@

$(PKG)/busybox: mk/fetch-package.sh
	$(call FETCH,busybox-static)
	@ln -sfn root/bin/busybox $@ && touch -c $@

# kexec with the libraries it needs besides the C library: a file that says so.
$(PKG)/kexec-tools: mk/fetch-package.sh $(PKG)/xenstore-utils
	$(call FETCH,kexec-tools)
	$(call FETCH,libxenmisc4.17)
	$(call FETCH,libxentoollog1)
	$(call FETCH,libxencall1)
	$(call FETCH,libxenevtchn1)
	$(call FETCH,libxengnttab1)
	$(call FETCH,libxenforeignmemory1)
	$(call FETCH,libxendevicemodel1)
	@touch $@

# xl and its daemons with the libraries they need besides those above: a file that says so.
$(PKG)/xen-utils: mk/fetch-package.sh $(PKG)/kexec-tools $(PKG)/stress-ng
	$(call FETCH,xen-utils-4.17)
	$(call FETCH,libxenhypfs1)
	$(call FETCH,libyajl2)
	$(call FETCH,libuuid1)
	@touch $@

# UEFI firmware for QEMU.
$(PKG)/uefi: mk/fetch-package.sh
	$(call FETCH,ovmf)
	@ln -sfn root/usr/share/OVMF $@ && touch -c $@

# GRUB's modules for UEFI: a folder.
$(PKG)/grub-efi: mk/fetch-package.sh
	$(call FETCH,grub-efi-amd64-bin)
	@ln -sfn root/usr/lib/grub/x86_64-efi $@ && touch -c $@

# efibootmgr with its libraries: a file that says so.
$(PKG)/efibootmgr: mk/fetch-package.sh $(PKG)/xenstore-utils
	$(call FETCH,efibootmgr)
	$(call FETCH,libefiboot1)
	$(call FETCH,libefivar1)
	$(call FETCH,libpopt0)
	@touch $@

# The xenstore-* commands with the libraries they need: a file that says so.
$(PKG)/xenstore-utils: mk/fetch-package.sh
	$(call FETCH,xenstore-utils)
	$(call FETCH,libxenstore4)
	$(call FETCH,libxentoolcore1)
	$(call FETCH,libc6)
	$(call FETCH,libgcc-s1)
	@touch $@

# stress-ng with the libraries it needs besides the C library: a file that says so.
STRESS_NG_PACKAGES := stress-ng libapparmor1 libbsd0 libmd0 libcrypt1 libegl1 libgles2 libglvnd0 \
    libgbm1 libdrm2 libwayland-server0 libffi8 libexpat1 libipsec-mb1 libjpeg62-turbo \
    libjudydebian1 libkmod2 libzstd1 liblzma5 libssl3 libsctp1 libxxhash0 zlib1g
$(PKG)/stress-ng: mk/fetch-package.sh $(PKG)/xenstore-utils
	$(foreach package,$(STRESS_NG_PACKAGES),$(call FETCH,$(package))$(newline))
	@touch $@

.PHONY: packages
packages: $(PKG)/vmlinuz $(PKG)/xen $(PKG)/xen-system $(PKG)/pvgrub $(PKG)/busybox $(PKG)/xenstore-utils \
          $(PKG)/kexec-tools $(PKG)/uefi $(PKG)/stress-ng $(PKG)/xen-utils
