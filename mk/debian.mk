# SPDX-License-Identifier: MIT
#
# Installed Debians, one a folder of mk/debian: $(DEBIAN)/<name>/disk.img with its root and initrd.gz
# to mount it, made from Debian's packages by mk/make-debian.sh. Made again only when their recipe or
# Debian's kernel changes. Tests start from copies, or from snapshots that QEMU throws away.

DEBIAN := $(BUILD)/debian

define debian_image
$(DEBIAN)/$(1)/disk.img: mk/make-debian.sh mk/debian/initrd-init \
    $(shell find mk/debian/$(1) -maxdepth 1 -type f) $(shell find mk/debian/$(1)/tree -type f 2>/dev/null) \
    $(PKG)/vmlinuz $(PKG)/busybox | $(TOOLS_STAMP)
	$$(call say,DEBIAN,$$@)
	@mk/make-debian.sh mk/debian/$(1) $(PKG)/root $(PKG)/busybox $(DEBIAN)/$(1)
endef
$(foreach recipe,domu peer,$(eval $(call debian_image,$(recipe))))

# What the built-in dom0 needs to create the domain: GUESTS=$(BUILD)/debian/domu/guests
DEBIAN_GUESTS := $(DEBIAN)/domu/guests/debian.cfg $(DEBIAN)/domu/guests/debian.gz
$(DEBIAN)/domu/guests/debian.cfg: mk/debian/domu/guests/debian.cfg
	@mkdir -p $(@D) && cp $< $@
$(DEBIAN)/domu/guests/debian.gz: $(DEBIAN)/domu/disk.img
	@mkdir -p $(@D) && ln -f $(<D)/initrd.gz $@ && touch $@

.PHONY: debian
debian: $(DEBIAN)/domu/disk.img $(DEBIAN_GUESTS)
