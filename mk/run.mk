# SPDX-License-Identifier: MIT
#
# What is booted by `make run`: the default /guests, dom0's ramdisk, the ISO, QEMU's command line.

MEM      ?= 1024
CPUS     ?= 1
MACHINE  ?= q35
QEMU     ?= qemu-system-x86_64
QEMU_ARGS ?=
GUESTS   ?=
DOM0     ?= builtin
ISO      ?= $(BUILD)/bulkhead.iso

HV_CMDLINE ?= console=com1,vga

# ---- the default /guests ----

GUESTS_DIR := $(BUILD)/guests
GUEST_FILES := $(addprefix $(GUESTS_DIR)/,linux.cfg vmlinuz linux.cpio.gz grub.cfg \
                 grub-x86_64-xen.bin demo.cfg demo echo.cfg echo disk.cfg disk)

$(GUESTS_DIR)/%.cfg: mk/guests/%.cfg
	@mkdir -p $(@D) && cp $< $@

$(GUESTS_DIR)/vmlinuz: $(PKG)/vmlinuz
	@mkdir -p $(@D) && cp -L $< $@

$(GUESTS_DIR)/grub-x86_64-xen.bin: $(PKG)/pvgrub
	@mkdir -p $(@D) && cp -L $< $@

# Without debug information: dom0 and its ramdisk have to fit in 64 MiB.
$(GUESTS_DIR)/demo $(GUESTS_DIR)/echo $(GUESTS_DIR)/disk: $(GUESTS_DIR)/%: $(GUEST_DIR)/%
	@mkdir -p $(@D) && $(OBJCOPY) --strip-debug $< $@

INITRAMFS := mk/make-initramfs.sh mk/make-cpio.sh $(wildcard mk/initramfs/*)

$(GUESTS_DIR)/linux.cpio.gz: $(PKG)/busybox $(PKG)/vmlinuz $(INITRAMFS)
	$(call say,RAMDISK,$@)
	@mkdir -p $(@D) && mk/make-initramfs.sh $@ $< linux -m $(PKG)/modules xen-blkfront xen-netfront

# ---- dom0 ----

WITH_GUESTS := $(if $(GUESTS),-guests)

ifeq ($(DOM0),builtin)
DOM0_KERNEL  ?= $(GUEST_DIR)/dom0
DOM0_RAMDISK ?= $(BUILD)/dom0-ramdisk$(WITH_GUESTS).cpio
DOM0_CMDLINE ?=
else ifeq ($(DOM0),linux)
DOM0_KERNEL  ?= $(PKG)/vmlinuz
DOM0_RAMDISK ?= $(BUILD)/dom0-linux$(WITH_GUESTS).cpio.gz
DOM0_CMDLINE ?= console=hvc0
else
$(error DOM0 is 'builtin' or 'linux', not '$(DOM0)')
endif

# The ramdisks with GUESTS' files have names of their own, so that tests never see them. GUESTS may
# have changed in ways that make cannot see, so those are always made again.
.PHONY: FORCE
$(BUILD)/dom0-ramdisk.cpio $(BUILD)/dom0-ramdisk-guests.cpio: $(GUEST_FILES)
	$(call say,RAMDISK,$@)
	@mk/make-ramdisk.sh $@ $(GUESTS_DIR) $(if $(findstring -guests,$@),$(GUESTS))

DOM0_MODULES := xen-evtchn xen-gntalloc xen-gntdev xen-privcmd xenfs
$(BUILD)/dom0-linux.cpio.gz $(BUILD)/dom0-linux-guests.cpio.gz: $(PKG)/busybox $(PKG)/vmlinuz \
                                                                $(INITRAMFS)
	$(call say,RAMDISK,$@)
	@mk/make-initramfs.sh $@ $< dom0 -m $(PKG)/modules $(DOM0_MODULES) \
	    $(if $(findstring -guests,$@),-g $(GUESTS))

$(BUILD)/dom0-ramdisk-guests.cpio $(BUILD)/dom0-linux-guests.cpio.gz: FORCE

# ---- the ISO and QEMU ----

.PHONY: iso run gdb
iso: $(ISO)

$(ISO): $(TOOLS_STAMP) $(BUILD)/bulkhead $(DOM0_KERNEL) $(DOM0_RAMDISK) mk/make-iso.sh FORCE
	$(call say,ISO,$@)
	@mkdir -p $(@D)
	@mk/make-iso.sh $@ $(BUILD)/bulkhead '$(HV_CMDLINE)' \
	    $(if $(DOM0_KERNEL),$(DOM0_KERNEL) '$(DOM0_CMDLINE)') \
	    $(if $(DOM0_RAMDISK),$(DOM0_RAMDISK) '')

# The network card is for dom0's bridge; QEMU is router, DHCP server and name server behind it.
QEMU_MACHINE = $(QEMU) -M $(MACHINE) -m $(MEM) -smp $(CPUS) -display none \
               -netdev user,id=network -device virtio-net-pci,netdev=network,romfile= \
               -cdrom $(ISO) -boot d $(QEMU_ARGS)

run: iso
	@echo "Starting QEMU; Ctrl-A x ends it."
	@exec $(QEMU_MACHINE) -serial mon:stdio

# gdb starts QEMU itself and talks to it over a pipe, so QEMU ends with gdb.
gdb: iso
	@rm -f $(BUILD)/serial.sock
	@echo "Serial console: socat -,raw,echo=0,escape=0x1d UNIX-CONNECT:$(BUILD)/serial.sock"
	@exec gdb -q $(BUILD)/bulkhead -x mk/gdb/bulkhead-gdb.py \
	    $(if $(filter builtin,$(DOM0)),-ex 'add-symbol-file $(DOM0_KERNEL)') \
	    -ex 'target remote | exec $(QEMU_MACHINE) -S -gdb stdio \
	         -serial mon:unix:$(BUILD)/serial.sock,server=on,wait=off'
