# SPDX-License-Identifier: MIT
#
# What is installed: by `make install`, and as Debian packages by `make deb` (mk/make-deb.sh and
# mk/deb/). The lists INSTALL_<package> serve both: each item is FILE:TARGET, and a program is what
# goes to a folder bin.

PREFIX ?= /usr/local
# What is made for these targets alone, and the packages.
DIST ?= $(BUILD)/dist
DEB_CHANGELOG ?= mk/deb/changelog

PACKAGES := bulkhead-hypervisor bulkhead-tools

# The name is one of those that GRUB's 20_linux_xen looks for (/boot/xen*). No file of ours ends in
# .efi there: each would get an entry that cannot boot.
INSTALL_bulkhead-hypervisor := $(DIST)/bulkhead.gz:/boot/xen-4.17-bulkhead-amd64.gz

# The built-in dom0 does not lie in /boot, where only what every boot loader entry may need belongs.
INSTALLED_GUESTS := demo echo disk
MAN_PAGES := bh.1 bh.cfg.5
INSTALL_bulkhead-tools := \
    $(foreach image,dom0 $(INSTALLED_GUESTS),$(DIST)/$(image).gz:$(PREFIX)/lib/bulkhead/$(image).gz) \
    $(foreach guest,$(INSTALLED_GUESTS),$(DIST)/cfg$(PREFIX)/$(guest).cfg:$(PREFIX)/share/doc/bulkhead-tools/examples/$(guest).cfg) \
    $(foreach document,guide bh xl-cfg,docs/$(document).md:$(PREFIX)/share/doc/bulkhead-tools/$(document).md) \
    $(foreach page,$(MAN_PAGES),$(DIST)/$(page).gz:$(PREFIX)/share/man/man$(lastword $(subst ., ,$(page)))/$(page).gz) \
    dom0-tools/bh/completion.sh:$(PREFIX)/share/bash-completion/completions/bh

# For a menu entry by hand (docs/guide.md).
INSTALL_images := $(HV_IMAGE):/boot/bulkhead $(GUEST_DIR)/dom0:/boot/bulkhead-dom0

$(DIST)/bulkhead.gz: $(HV_IMAGE)
$(DIST)/dom0.gz: $(GUEST_DIR)/dom0
$(INSTALLED_GUESTS:%=$(DIST)/%.gz): $(DIST)/%.gz: $(GUESTS_DIR)/%
$(patsubst %,$(DIST)/%.gz,bulkhead dom0 $(INSTALLED_GUESTS)):
	@mkdir -p $(@D) && gzip -9n <$< >$@

$(MAN_PAGES:%=$(DIST)/%.gz): $(DIST)/%.gz: docs/man/%.md docs/bh.md docs/xl-cfg.md $(DEB_CHANGELOG) mk/make-man.sh
	@mkdir -p $(@D) && mk/make-man.sh $< $(DEB_CHANGELOG) $@

# The examples name the installed images.
$(DIST)/cfg$(PREFIX)/%.cfg: mk/guests/%.cfg
	@mkdir -p $(@D) && sed 's,"/guests/\(.*\)","$(PREFIX)/lib/bulkhead/\1.gz",' $< >$@

install_mode = $(if $(filter %/bin/,$(dir $(1))),0755,0644)
install_items = $(foreach item,$(1),$(call install_item,$(firstword $(subst :, ,$(item))),$(lastword $(subst :, ,$(item))))$(newline))
install_item = @install -D -m $(call install_mode,$(2)) $(1) $(DESTDIR)$(2)

# $(call install_rule,LIST): the target install-LIST.
define install_rule
.PHONY: install-$(1)
install-$(1): $(foreach item,$(INSTALL_$(1)),$(firstword $(subst :, ,$(item))))
	$$(call install_items,$$(INSTALL_$(1)))
endef
$(foreach list,images $(PACKAGES),$(eval $(call install_rule,$(list))))

.PHONY: install deb
install: $(TOOL_STAMPS) install-images $(PACKAGES:%=install-%)

# $(call make_deb,PACKAGE): of what `make install` puts into a tree of its own, below /usr.
define make_deb
@$(MAKE) --no-print-directory install-$(1) PREFIX=/usr DESTDIR=$(DIST)/tree/$(1)
@mk/make-deb.sh $(1) $(DIST)/tree/$(1) $(DEB_CHANGELOG) $(DIST)

endef

deb: $(TOOL_STAMPS)
	@rm -rf $(DIST)/tree $(PACKAGES:%=$(DIST)/%_*.deb)
	$(foreach package,$(PACKAGES),$(call make_deb,$(package)))
