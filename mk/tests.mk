# SPDX-License-Identifier: MIT
#
# The tests. `make check` builds everything, then runs each test program by mk/run-test.sh, two at a
# time, and ends with one line: N passed, N failed.
#
#   tests/unit/**/test_*.c   cmocka, on the host, with address and undefined-behaviour sanitizers
#   tests/fuzz/fuzz_*.c      libFuzzer (clang), a short run with a fixed seed
#   tests/seeds/fuzz_*.c     make the inputs that the fuzzer of the same name begins with
#   tests/smp/smp_*.c        several CPUs at once, as coroutines with a seed and as threads
#   tests/abi/compare.sh     our public headers against Debian's libxen-dev
#   tests/packages/packages.sh   the Debian packages
#   tests/documents/completion.sh   what bash offers for bh's command line
#   tests/guest/             images that test the ABI from inside, on Bulkhead and on Debian's Xen
#   tests/system/test_*.c    cmocka programs that start QEMU and talk to its serial port
#
# A program of the host names the sources it is built from, and flags if it needs any, in lines
#     /* SOURCES: hypervisor/rangeset.c tests/host/arch.c */
#     /* CFLAGS: -DSOMETHING */
# A guest test (GUEST_test-x_SRCS in a sources.mk) runs as dom0 and as domU, unless GUEST_test-x_ROLE
# names one of them: dom0 or domu.

CHECK_JOBS ?= 2
FUZZ_SECONDS ?= 10
FUZZ_RUNS ?= 50000

UNIT_SRCS   := $(sort $(shell find tests/unit -name 'test_*.c' 2>/dev/null))
FUZZ_SRCS   := $(sort $(shell find tests/fuzz -name 'fuzz_*.c' 2>/dev/null))
SYSTEM_SRCS := $(sort $(wildcard tests/system/test_*.c))

UNIT_TESTS   := $(UNIT_SRCS:tests/%.c=%)
FUZZ_TESTS   := $(FUZZ_SRCS:tests/%.c=%)
SEED_SRCS    := $(sort $(wildcard tests/seeds/fuzz_*.c))
SEED_MAKERS  := $(SEED_SRCS:tests/%.c=%)
SMP_SRCS     := $(sort $(wildcard tests/smp/smp_*.c))
SMP_TESTS    := $(SMP_SRCS:tests/%.c=%)
SYSTEM_TESTS := $(SYSTEM_SRCS:tests/%.c=%)

HOST_INCLUDES := -Itests/host/include -Ihypervisor/include -Idom0-tools/include \
                 -Iarch/x86/include -Iarch/x86 -Ipv-guest
# The core on the host checks its assertions and lock ranks.
HOST_CFLAGS := -std=gnu11 -g -O1 -fno-omit-frame-pointer -fno-strict-aliasing -D_GNU_SOURCE \
               -DDEBUG \
               -fsanitize=address,undefined -fno-sanitize-recover=all \
               $(WARNINGS) -Wno-missing-prototypes -Wno-write-strings $(HOST_INCLUDES)
HOST_LIBS := -llzma -lzstd -llz4 -lz

# SOURCES_<program>, CFLAGS_<program>, SUM_<program> and LDFLAGS_<program>, from the files' comments.
HOST_PROGRAMS_MK := $(BUILD)/gen/host-programs.mk
$(HOST_PROGRAMS_MK): mk/host-programs.awk $(UNIT_SRCS) $(FUZZ_SRCS) $(SEED_SRCS) $(SMP_SRCS)
	@mkdir -p $(@D)
	@LC_ALL=C awk -f $< $(UNIT_SRCS) $(FUZZ_SRCS) $(SEED_SRCS) $(SMP_SRCS) >$@
ifneq ($(MAKECMDGOALS),clean)
include $(HOST_PROGRAMS_MK)
endif

# Fuzzers, and several CPUs at once: every source of these sees tests/smp/points.h first.
FUZZ_CFLAGS := $(HOST_CFLAGS) -Wno-incompatible-library-redeclaration -fsanitize=fuzzer
SMP_CFLAGS := $(HOST_CFLAGS) -pthread -Wno-incompatible-library-redeclaration \
              -include tests/smp/points.h
# The thread sanitizer, which suffers no other beside it, is told of locks (tests/smp/smp_tsan.c).
TSAN_CFLAGS := $(SMP_CFLAGS) -fno-sanitize=all -fsanitize=thread
TSAN_WRAP := -Wl,--wrap=lock_order_acquire -Wl,--wrap=lock_order_release

# Objects lie in a folder whose name has a checksum of the flags that they are compiled with: those
# of their kind, but for warnings, and those of their program. Programs with the same flags share
# their objects.
checksum = $(shell printf '%s' '$(strip $(filter-out -W% -w,$(1)))' | cksum | cut -d ' ' -f 1)
HOST_SUM := $(call checksum,$(HOST_CFLAGS))
FUZZ_SUM := $(call checksum,$(FUZZ_CFLAGS))
SMP_SUM := $(call checksum,$(SMP_CFLAGS))
TSAN_SUM := $(call checksum,$(TSAN_CFLAGS))
# $(call flag_set,COMPILER,CHECKSUM,CHECKSUM_OF_CFLAGS): the folder's name.
flag_set = $(1)-$(2)$(if $(3),-$(3))

# Objects of flags that were in use before are older than a program that was linked since.
FLAGS_STAMP := $(BUILD)/gen/flags-$(HOST_SUM)-$(FUZZ_SUM)-$(SMP_SUM)-$(TSAN_SUM)
$(FLAGS_STAMP):
	@mkdir -p $(@D) && rm -f $(@D)/flags-* && touch $@

# $(call host_objects,FLAG_SET,COMPILER,FLAGS)
define host_objects
HOST_FLAG_SETS += $(1)
$(BUILD)/obj/host/$(1)/%.o: %.c | $(TOOLS_STAMP)
	@mkdir -p $$(@D)
	$$(Q)$(2) $(3) $$(DEPFLAGS) -c -o $$@ $$<
endef

# $(call host_program,NAME,COMPILER,FLAGS,LIBRARIES,FLAG_SET): a program from tests/NAME.c and its
# SOURCES.
define host_program
$(1)_OBJS := $$(patsubst %.c,$(BUILD)/obj/host/$(5)/%.o,tests/$(1).c $(SOURCES_$(1)))
$(if $(filter $(5),$(HOST_FLAG_SETS)),,$(call host_objects,$(5),$(2),$(3) $(CFLAGS_$(1))))
$(BUILD)/tests/$(1): $$($(1)_OBJS) tests/$(1).c $(FLAGS_STAMP)
	$$(call say,HOSTLD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(2) $(3) $(LDFLAGS_$(1)) -o $$@ $$($(1)_OBJS) $(4)
endef

# $(call host_programs,NAMES,COMPILER,KIND,LIBRARIES): KIND_CFLAGS and KIND_SUM are their flags.
host_programs = $(foreach t,$(1),$(eval $(call host_program,$(t),$(2),$$($(3)_CFLAGS),$(4),$(call flag_set,$(2),$($(3)_SUM),$(SUM_$(t))))))
$(call host_programs,$(UNIT_TESTS),$(CC),HOST,-lcmocka $(HOST_LIBS))
$(call host_programs,$(SEED_MAKERS),$(CC),HOST,$(HOST_LIBS))
$(call host_programs,$(FUZZ_TESTS),clang,FUZZ,$(HOST_LIBS))
$(call host_programs,$(filter-out %tsan,$(SMP_TESTS)),clang,SMP)
$(call host_programs,$(filter %tsan,$(SMP_TESTS)),clang,TSAN,$(TSAN_WRAP))
# Each file once: most programs share their objects.
-include $(sort $(foreach t,$(UNIT_TESTS) $(SEED_MAKERS) $(FUZZ_TESTS) $(SMP_TESTS),$($(t)_OBJS:.o=.d)))

SYSTEM_CFLAGS := -std=gnu11 -g -O1 -D_GNU_SOURCE $(WARNINGS) -Wno-missing-prototypes
SYSTEM_LIB := harness bulkhead
$(BUILD)/tests/system/%: tests/system/%.c $(SYSTEM_LIB:%=tests/system/%.c) \
                         $(wildcard tests/system/*.h) | $(TOOLS_STAMP)
	$(call say,HOSTCC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SYSTEM_CFLAGS) -o $@ $(filter %.c,$^) -lcmocka
$(BUILD)/tests/system/test_debian: tests/system/debian.c | $(DEBIAN)/domu/disk.img $(DEBIAN_GUESTS)

# 32-bit programs for the Linux guests, without any library: no multilib is needed.
$(BUILD)/tests/linux/%: tests/linux/%.c
	$(call say,CC32,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -m32 -std=gnu11 -O2 -ffreestanding -nostdlib -static -fno-pie -no-pie \
	    -fno-stack-protector -fcf-protection=none $(WARNINGS) -Wno-missing-prototypes -o $@ $<
$(BUILD)/tests/system/test_compat32: | $(BUILD)/tests/linux/compat32

# 64-bit programs that are the first process of a Linux ramdisk of their own.
LINUX_PROGRAMS := bench stress durable scaling answer ldt
LINUX_CFLAGS := -std=gnu11 -O2 -g -static -pthread -D_GNU_SOURCE $(WARNINGS) -Wno-missing-prototypes
LINUX_RAMDISKS := $(LINUX_PROGRAMS:%=$(BUILD)/tests/linux/%.cpio)
$(BUILD)/tests/linux/bench: tests/linux/bench.c
$(BUILD)/tests/linux/scaling: tests/linux/scaling.c
$(BUILD)/tests/linux/answer: tests/linux/answer.c
$(BUILD)/tests/linux/ldt: tests/linux/ldt.c
$(BUILD)/tests/linux/durable: tests/linux/durable.c tests/linux/durable.h
$(BUILD)/tests/linux/stress: $(wildcard tests/linux/stress/*.c tests/linux/stress/*.h)
$(LINUX_PROGRAMS:%=$(BUILD)/tests/linux/%): | $(TOOLS_STAMP)
	$(call say,LINUXCC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINUX_CFLAGS) -o $@ $(filter %.c,$^)

LINUX_MODULES_stress := xen-evtchn xen-gntalloc xen-gntdev
LINUX_MODULES_durable := xen-blkfront
$(LINUX_RAMDISKS): %.cpio: % $(PKG)/vmlinuz mk/make-cpio.sh
	$(call say,RAMDISK,$@)
	@rm -rf $*.tree && mkdir -p $*.tree/lib/modules $*.tree/sbin && strip -o $*.tree/init $<
	@ln -s ../init $*.tree/sbin/poweroff
	@for module in $(LINUX_MODULES_$(notdir $*)); do \
	    cp "$$(find -L $(PKG)/modules -name $$module.ko -print -quit)" $*.tree/lib/modules/; done
	@mk/make-cpio.sh $*.tree >$@
$(BUILD)/tests/system/test_linux_stress: | $(BUILD)/tests/linux/stress.cpio
$(BUILD)/tests/system/test_scale: | $(BUILD)/tests/qemu/count.so
$(BUILD)/tests/system/test_linux_scale: | $(BUILD)/tests/linux/answer.cpio
$(BUILD)/tests/system/test_vcpus: | $(BUILD)/tests/linux/ldt.cpio
$(BUILD)/tests/system/test_durability: tests/system/replay.c tests/linux/durable.h \
    | $(BUILD)/tests/linux/durable.cpio

# A ramdisk for Linux as dom0 with drivers for what test_dom0_devices gives the machine.
DEVICE_MODULES := scsi_common scsi_mod libata libahci ahci crct10dif_common crct10dif_generic \
    crc-t10dif crc64 crc64-rocksoft crc64_rocksoft_generic t10-pi sd_mod e1000 e1000e virtio_ring \
    virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk failover net_failover \
    virtio_net
$(BUILD)/tests/system/devices.cpio.gz: $(PKG)/busybox $(PKG)/vmlinuz $(INITRAMFS)
	$(call say,RAMDISK,$@)
	@mkdir -p $(@D) && mk/make-initramfs.sh $@ $< dom0 -m $(PKG)/modules $(DEVICE_MODULES)
$(BUILD)/tests/system/test_dom0_devices: | $(BUILD)/tests/system/devices.cpio.gz

# Linux with its network front driver and the program of the network tests.
$(BUILD)/tests/linux/network: tests/linux/network.c | $(TOOLS_STAMP)
	$(call say,LINUXCC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINUX_CFLAGS) -o $@ $<
$(BUILD)/tests/network.cpio.gz: $(BUILD)/tests/linux/network $(PKG)/busybox \
                                $(PKG)/vmlinuz $(INITRAMFS)
	$(call say,RAMDISK,$@)
	@rm -rf $@.tree && mkdir -p $@.tree/bin && strip -o $@.tree/bin/network $<
	@mk/make-initramfs.sh $@ $(PKG)/busybox linux -m $(PKG)/modules xen-netfront
	@mk/make-cpio.sh $@.tree | gzip -n -6 >>$@
$(BUILD)/tests/system/test_network: | $(BUILD)/tests/network.cpio.gz

# $(call copy_libraries,TREE,LIBRARIES): the dynamic loader and libraries of unpacked packages.
define copy_libraries
@mkdir -p $(1)/lib64 $(1)/lib/x86_64-linux-gnu
@cp -L $(PKG)/root/lib64/ld-linux-x86-64.so.2 $(1)/lib64
@for lib in $(2); do \
    cp -L "$$(ls $(PKG)/root/usr/lib/x86_64-linux-gnu/$$lib \
        $(PKG)/root/lib/x86_64-linux-gnu/$$lib 2>/dev/null | head -n 1)" \
        $(1)/lib/x86_64-linux-gnu; done
endef

# Linux with Debian's xenstore-* commands.
XENSTORE_LIBS := libc.so.6 libgcc_s.so.1 libxenstore.so.4 libxentoolcore.so.1
$(BUILD)/tests/xenstore-utils.cpio.gz: $(PKG)/xenstore-utils $(GUESTS_DIR)/linux.cpio.gz \
                                       mk/make-cpio.sh
	$(call say,RAMDISK,$@)
	@rm -rf $@.tree && mkdir -p $@.tree/usr/bin
	@cp -a $(PKG)/root/usr/bin/xenstore-[!c]* $(PKG)/root/usr/bin/xenstore-chmod $@.tree/usr/bin
	$(call copy_libraries,$@.tree,$(XENSTORE_LIBS))
	@(cat $(GUESTS_DIR)/linux.cpio.gz && mk/make-cpio.sh $@.tree | gzip -n -6) >$@
$(BUILD)/tests/system/test_xenstore_utils: | $(BUILD)/tests/xenstore-utils.cpio.gz

# The images that the packages install.
$(BUILD)/tests/system/test_packed: | $(patsubst %,$(DIST)/%.gz,bulkhead dom0 demo)

# Bulkhead with the meter.
$(BUILD)/tests/system/test_preemption: | $(BUILD)/meter/bulkhead $(GUEST_DIR)/greedy \
    $(GUEST_DIR)/chaos $(GUEST_DIR)/one-piece $(GUESTS_DIR)/demo
# Debian's kernel on the bare machine, which starts Bulkhead by kexec (tests/linux/kexec.sh).
KEXEC_LIBS := libc.so.6 libxenctrl.so.4.17 libxentoollog.so.1 libxencall.so.1 libxenevtchn.so.1 \
              libxengnttab.so.1 libxenforeignmemory.so.1 libxendevicemodel.so.1 libxentoolcore.so.1
KEXEC_FILES := tests/linux/kexec.sh $(BUILD)/bulkhead $(GUEST_DIR)/dom0
$(BUILD)/tests/kexec.cpio.gz: $(KEXEC_FILES) $(PKG)/kexec-tools $(PKG)/busybox $(PKG)/vmlinuz \
                              $(INITRAMFS) mk/make-ramdisk.sh
	$(call say,RAMDISK,$@)
	@rm -rf $@.tree && mkdir -p $@.tree/sbin $@.tree/guests $@.empty
	@cp $(KEXEC_FILES) $@.tree/guests/ && mv $@.tree/guests/kexec.sh $@.tree/guests/autorun
	@mk/make-ramdisk.sh $@.tree/guests/ramdisk $@.empty
	@cp $(PKG)/root/sbin/kexec $@.tree/sbin/
	$(call copy_libraries,$@.tree,$(KEXEC_LIBS))
	@mk/make-initramfs.sh $@ $(PKG)/busybox linux
	@mk/make-cpio.sh $@.tree | gzip -n -6 >>$@
$(BUILD)/tests/system/test_kexec: | $(BUILD)/tests/kexec.cpio.gz $(PKG)/uefi

# Debian's kernel as dom0 on UEFI, with efibootmgr (tests/linux/uefi.sh).
EFI_LIBS := libc.so.6 libdl.so.2 libefiboot.so.1 libefivar.so.1 libpopt.so.0
EFI_MODULES := efivarfs virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk
$(BUILD)/tests/uefi.cpio.gz: tests/linux/uefi.sh $(PKG)/efibootmgr $(PKG)/busybox $(PKG)/vmlinuz $(INITRAMFS)
	$(call say,RAMDISK,$@)
	@rm -rf $@.tree && mkdir -p $@.tree/sbin $@.tree/guests
	@cp $< $@.tree/guests/autorun && cp $(PKG)/root/bin/efibootmgr $@.tree/sbin/
	$(call copy_libraries,$@.tree,$(EFI_LIBS))
	@mk/make-initramfs.sh $@ $(PKG)/busybox uefi -m $(PKG)/modules $(EFI_MODULES)
	@mk/make-cpio.sh $@.tree | gzip -n -6 >>$@
$(BUILD)/tests/system/test_uefi: | $(BUILD)/tests/uefi.cpio.gz $(PKG)/uefi $(PKG)/grub-efi
# Linux as dom0 with xl, its daemons (tests/linux/xen-daemons.sh) and bh.
XEN_UTILS := xl xenstored xenconsoled xenconsole xen-init-dom0 xentrace
XEN_UTILS_LIBS := libc.so.6 libm.so.6 libxenlight.so.4.17 libxlutil.so.4.17 libxenguest.so.4.17 \
    libxenctrl.so.4.17 libxenstore.so.4 libxenhypfs.so.1 libxentoollog.so.1 libxencall.so.1 \
    libxenevtchn.so.1 libxengnttab.so.1 libxenforeignmemory.so.1 libxendevicemodel.so.1 \
    libxentoolcore.so.1 libyajl.so.2 libuuid.so.1 liblzma.so.5 libzstd.so.1 libz.so.1
$(BUILD)/tests/bh-linux.cpio.gz: tests/linux/xen-daemons.sh $(LINUX_TOOLS_DIR)/bh $(PKG)/xen-utils \
                                 $(PKG)/busybox $(PKG)/vmlinuz $(INITRAMFS)
	$(call say,RAMDISK,$@)
	@rm -rf $@.tree && mkdir -p $@.tree/usr/lib/xen-4.17/bin $@.tree/usr/sbin $@.tree/guests
	@cp $< $@.tree/guests/autorun && strip -o $@.tree/usr/sbin/bh $(LINUX_TOOLS_DIR)/bh
	@cp $(XEN_UTILS:%=$(PKG)/root/usr/lib/xen-4.17/bin/%) $@.tree/usr/lib/xen-4.17/bin/
	@ln -s ../lib/xen-4.17/bin/xl $@.tree/usr/sbin/xl
	$(call copy_libraries,$@.tree,$(XEN_UTILS_LIBS))
	@mk/make-initramfs.sh $@ $(PKG)/busybox dom0 -m $(PKG)/modules $(DOM0_MODULES)
	@mk/make-cpio.sh $@.tree | gzip -n -6 >>$@
$(BUILD)/tests/system/test_bh_linux: | $(BUILD)/tests/bh-linux.cpio.gz

# Linux with stress-ng.
STRESS_NG_LIBS := libc.so.6 libm.so.6 libpthread.so.0 libapparmor.so.1 libbsd.so.0 libmd.so.0 \
    libcrypt.so.1 libEGL.so.1 libGLESv2.so.2 libGLdispatch.so.0 libgbm.so.1 libdrm.so.2 \
    libwayland-server.so.0 \
    libffi.so.8 libexpat.so.1 libIPSec_MB.so.1 libjpeg.so.62 libJudy.so.1 libkmod.so.2 \
    libzstd.so.1 liblzma.so.5 libcrypto.so.3 libsctp.so.1 libxxhash.so.0 libz.so.1
$(BUILD)/tests/stress-ng.cpio.gz: tests/linux/stress-ng.sh $(PKG)/stress-ng $(PKG)/busybox \
                                  $(PKG)/vmlinuz $(INITRAMFS)
	$(call say,RAMDISK,$@)
	@rm -rf $@.tree && mkdir -p $@.tree/usr/bin $@.tree/guests
	@cp $< $@.tree/guests/autorun && cp $(PKG)/root/usr/bin/stress-ng $@.tree/usr/bin/
	$(call copy_libraries,$@.tree,$(STRESS_NG_LIBS))
	@mk/make-initramfs.sh $@ $(PKG)/busybox linux
	@mk/make-cpio.sh $@.tree | gzip -n -6 >>$@
$(BUILD)/tests/system/test_stress_ng: | $(BUILD)/tests/stress-ng.cpio.gz $(GUESTS_DIR)/vmlinuz

$(BUILD)/tests/system/test_stress: | $(GUEST_DIR)/stress-dom0 $(GUEST_DIR)/stress-domu
$(BUILD)/tests/system/test_block_faults: | $(GUESTS_DIR)/disk $(GUEST_DIR)/hostile-blkfront

# Linux with its block front driver, which tests/linux/block.sh loads with parameters.
$(BUILD)/tests/block.cpio.gz: tests/linux/block.sh tests/linux/sectors.sh $(PKG)/busybox \
                              $(PKG)/vmlinuz $(INITRAMFS)
	$(call say,RAMDISK,$@)
	@rm -rf $@.tree && mkdir -p $@.tree && cp tests/linux/block.sh $@.tree/autorun && \
	    cp tests/linux/sectors.sh $@.tree/ && \
	    cp "$$(find -L $(PKG)/modules -name xen-blkfront.ko -print -quit)" $@.tree/
	@mk/make-initramfs.sh $@ $(PKG)/busybox linux -m $(PKG)/modules crc32c_generic crc16 mbcache \
	    jbd2 ext4 -g $@.tree
$(BUILD)/tests/system/test_block_linux: | $(BUILD)/tests/block.cpio.gz $(GUESTS_DIR)/vmlinuz

# ---- what runs ----

RUN_TEST := BUILD=$(BUILD) QEMU=$(QEMU) mk/run-test.sh

# The guest tests by role.
guests_as = $(strip $(foreach g,$(GUEST_TESTS),$(if $(filter $(1),$(or $(GUEST_$(g)_ROLE),dom0 domu)),$(g))))
GUEST_RUNS := $(foreach role,dom0 domu,$(if $(call guests_as,$(role)),$(role)))

# The guest tests run on a debug build, whose assertions and lock ranks they check as well, with one
# CPU and with two, and on Xen; these also on the release build.
GUEST_HVS := bulkhead debug debug-smp xen $(if $(LONG),xen-smp)
RELEASE_GUESTS := test-boot test-emulation test-events test-grant test-memory test-mmu test-sched \
    test-time test-traps test-user
DEBUG_SYSTEM_TESTS := driver_chaos hostile hotplug leaks stress

# What QEMU's TCG does not show: SYSRET and IRET faults. Of two CPUs it is a second opinion.
BOCHS_HVS := bulkhead $(if $(LONG),bulkhead-smp xen)
BOCHS_TESTS_bulkhead-smp := all-cpus test-sched
BOCHS_TESTS := $(filter test-traps test-user test-emulation,$(GUEST_TESTS))

RUNS := $(UNIT_TESTS:%=run-%) $(FUZZ_TESTS:%=run-%) $(SMP_TESTS:%=run-%) \
        $(if $(wildcard tests/abi/compare.sh),run-abi) run-packages run-completion run-pv-objects \
        $(foreach role,$(GUEST_RUNS),$(foreach hv,$(GUEST_HVS),run-guests-$(role)-$(hv))) \
        $(if $(BOCHS_TESTS),$(BOCHS_HVS:%=run-guests-bochs-%)) \
        $(patsubst %,run-%,$(filter-out system/test_guests,$(SYSTEM_TESTS)))
# The longest first, so that two at a time end together.
RUNS := $(sort $(filter run-guests%,$(RUNS))) $(filter run-system%,$(RUNS)) $(filter run-smp%,$(RUNS)) \
        $(filter-out run-guests% run-system% run-smp%,$(RUNS))

.PHONY: check check-all check-build bench bench-linux bench-sched bench-locks $(RUNS)

check-build: all $(HV_DEBUG) packages $(addprefix $(BUILD)/tests/,$(UNIT_TESTS) $(FUZZ_TESTS) $(SMP_TESTS) $(SYSTEM_TESTS)) \
             $(BUILD)/tests/bh $(FUZZ_CORPORA) $(BUILD)/dom0-ramdisk.cpio $(BUILD)/dom0-linux.cpio.gz

# Two steps by a make of their own, so that they run side by side even under a plain `make check`.
PARALLEL = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(CHECK_JOBS))

check: $(TOOL_STAMPS)
	@$(PARALLEL) check-build
	@rm -rf $(BUILD)/results
	@$(PARALLEL) $(RUNS) LONG=$(LONG)
	@$(MAKE) --no-print-directory run-mutants LONG=$(LONG)
	@mk/check-summary.sh $(BUILD)/results

check-all: $(TOOL_STAMPS)
	@$(MAKE) --no-print-directory check LONG=1 FUZZ_SECONDS=12 FUZZ_RUNS=-1

UNIT_ARGS_test_sched_sim = $(if $(LONG),3)
$(UNIT_TESTS:%=run-%): run-%: $(BUILD)/tests/%
	@$(RUN_TEST) $(subst /,-,$*) $< $(UNIT_ARGS_$(notdir $*))

# A stamp for the folder of a fuzzer's first inputs.
FUZZ_CORPORA := $(SEED_MAKERS:seeds/%=$(BUILD)/fuzz/corpus/%.stamp)
$(FUZZ_CORPORA): $(BUILD)/fuzz/corpus/%.stamp: $(BUILD)/tests/seeds/%
	@rm -rf $(@:.stamp=) && mkdir -p $(@:.stamp=)
	@$< $(@:.stamp=) && touch $@
$(foreach m,$(SEED_MAKERS:seeds/%=%),$(eval run-fuzz/$(m): $(BUILD)/fuzz/corpus/$(m).stamp))

# The seed is fixed and so is the number of runs; the time is only a bound for slow machines.
$(FUZZ_TESTS:%=run-%): run-%: $(BUILD)/tests/%
	@rm -rf $(BUILD)/fuzz/$* && mkdir -p $(BUILD)/fuzz/$*
	@$(RUN_TEST) $(subst /,-,$*) $< -seed=1 -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) \
	    -artifact_prefix=$(BUILD)/logs/ -print_final_stats=1 \
	    $(BUILD)/fuzz/$* $(filter %/$(notdir $*),$(FUZZ_CORPORA:.stamp=))

# Runs of tests/smp, a fixed number from a fixed seed.
SMP_RUNS_smp_interleave = $(if $(LONG),25000,2000)
SMP_RUNS_smp_threads = $(if $(LONG),5000,500)
SMP_RUNS_smp_tsan = $(if $(LONG),2000,500)
SMP_RUNS_smp_vcpus = $(if $(LONG),5000,1000)
SMP_RUNS_smp_vcpus_tsan = $(if $(LONG),300,150)
$(SMP_TESTS:%=run-%): run-%: $(BUILD)/tests/%
	@$(RUN_TEST) $(subst /,-,$*) $< $(SMP_RUNS_$(notdir $*))

# What a program of the host was made of below arch/x86/pv/, all of it, is free of privileged
# instructions.
PV_OBJECTS = $(filter %/arch/x86/pv/%,$(fuzz/fuzz_page_type_OBJS))
run-pv-objects: $(BUILD)/tests/fuzz/fuzz_page_type
	@$(RUN_TEST) pv-objects mk/check-pv.sh $(PV_OBJECTS)

run-abi:
	@$(RUN_TEST) abi tests/abi/compare.sh $(BUILD)

# bh with its table of verbs, and without what verbs other than help would call.
$(BUILD)/tests/bh: tests/documents/bh.c $(filter dom0-tools/bh/%,$(TOOLS_SRCS)) \
                   dom0-tools/platform/builtin_verbs.c dom0-tools/utf8.c \
                   | $(TOOLS_STAMP)
	$(call say,HOSTCC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O0 -D_GNU_SOURCE $(HOST_INCLUDES) -Idom0-tools -no-pie \
	    -Wl,--unresolved-symbols=ignore-all -o $@ $^

run-completion: $(BUILD)/tests/bh
	@$(RUN_TEST) completion tests/documents/completion.sh $<

# What `make deb` needs is built before, so that the makes of this test only pack it.
run-packages: $(HV_IMAGE) $(GUEST_DIR)/dom0 $(INSTALLED_GUESTS:%=$(GUESTS_DIR)/%) \
              $(PKG)/xen $(PKG)/xen-system $(PKG)/busybox
	@$(RUN_TEST) packages tests/packages/packages.sh $(BUILD) $(DEBS)

SYSTEM_ARGS_leaks = $(if $(LONG),200,20)
SYSTEM_ARGS_smp = $(if $(LONG),64,8)
SYSTEM_ARGS_stress_ng = $(if $(LONG),long)
SYSTEM_ARGS_stress = $(if $(LONG),60,6)
SYSTEM_ARGS_scale = $(if $(LONG),1000,100)
SYSTEM_ARGS_linux_scale = $(if $(LONG),100,2)
SYSTEM_ARGS_hostile = $(if $(LONG),50,3)
SYSTEM_ARGS_driver_chaos = $(if $(LONG),15,3)
SYSTEM_ARGS_linux_stress = $(if $(LONG),long)
SYSTEM_ARGS_network = $(if $(LONG),100,10)
SYSTEM_ARGS_durability = $(if $(LONG),long)
SYSTEM_ARGS_debian = $(if $(LONG),long)
$(patsubst %,run-%,$(filter-out system/test_guests,$(SYSTEM_TESTS))): run-%: $(BUILD)/tests/%
	@$(if $(filter $(DEBUG_SYSTEM_TESTS:%=system/test_%),$*),BULKHEAD=$(HV_DEBUG)) \
	    $(RUN_TEST) $(subst /,-,$*) $< $(SYSTEM_ARGS_$(patsubst system/test_%,%,$*))

HV_IMAGE_bulkhead := $(BUILD)/bulkhead
HV_IMAGE_debug := $(HV_DEBUG)
HV_IMAGE_debug-smp := $(HV_DEBUG)
HV_IMAGE_xen := $(PKG)/xen
HV_IMAGE_xen-smp := $(PKG)/xen

define guest_run
run-guests-$(1)-$(2): $(BUILD)/tests/system/test_guests $(GUEST_IMAGES) | $(HV_IMAGE_$(2))
	@$(RUN_TEST) guests-$(1)-$(2) $$< $(2) $(1) \
	    $(if $(filter bulkhead,$(2)),$(filter $(RELEASE_GUESTS),$(call guests_as,$(1))),$(call guests_as,$(1)))
endef
$(foreach role,$(GUEST_RUNS),$(foreach hv,$(GUEST_HVS),$(eval $(call guest_run,$(role),$(hv)))))

define bochs_run
run-guests-bochs-$(1): $(BUILD)/tests/system/test_guests $(GUEST_IMAGES) \
    $(if $(filter xen,$(1)),$(PKG)/xen,$(BUILD)/bulkhead)
	@$(RUN_TEST) guests-bochs-$(1) $$< $(1)-bochs dom0 $(BOCHS_TESTS) \
	    $(BOCHS_TESTS_$(1))
endef
$(foreach hv,bulkhead bulkhead-smp xen,$(eval $(call bochs_run,$(hv))))

# ---- make bench ----

# The table replaces the one in docs/benchmarks.md if nothing is over its budget or dearer than there:
# else what is dearer now would be what the next bench compares with.
bench: | bench-block bench-net
bench: $(BUILD)/tests/system/bench $(BUILD)/bulkhead $(PKG)/xen $(GUEST_DIR)/bench | $(TOOL_STAMPS)
	@mkdir -p $(BUILD)/logs
	@status=0; BUILD=$(BUILD) QEMU=$(QEMU) $< $(BUILD)/benchmarks.md docs/benchmarks.md || status=1; \
	cat $(BUILD)/benchmarks.md; [ $$status = 0 ] && \
	mk/update-section.sh docs/benchmarks.md bench $(BUILD)/benchmarks.md; exit $$status

# What split block devices add, counted by a plugin in QEMU.
$(BUILD)/tests/qemu/count.so: tests/qemu/count.c | $(TOOLS_STAMP)
	$(call say,HOSTLD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g -D_GNU_SOURCE -fPIC -shared -fvisibility=hidden $(WARNINGS) -o $@ $<

.PHONY: bench-block
bench-block: $(BUILD)/tests/system/bench_block $(BUILD)/bulkhead $(BUILD)/tests/qemu/count.so \
             $(GUEST_DIR)/dom0 $(GUEST_DIR)/disk $(GUESTS_DIR)/disk $(GUESTS_DIR)/disk.cfg | $(TOOL_STAMPS)
	@mkdir -p $(BUILD)/logs
	@status=0; BUILD=$(BUILD) QEMU=$(QEMU) $< $(BUILD)/benchmarks-block.md || status=1; \
	cat $(BUILD)/benchmarks-block.md; \
	mk/update-section.sh docs/benchmarks.md bench-block $(BUILD)/benchmarks-block.md; exit $$status

# What packets cost from one domain to another and to the outside.
$(BUILD)/tests/guests/netbench: $(GUEST_DIR)/netbench
	@mkdir -p $(@D) && $(OBJCOPY) --strip-debug $< $@

.PHONY: bench-net
bench-net: $(BUILD)/tests/system/bench_net $(BUILD)/bulkhead $(BUILD)/tests/qemu/count.so \
           $(GUEST_DIR)/dom0 $(BUILD)/tests/guests/netbench | $(TOOL_STAMPS)
	@mkdir -p $(BUILD)/logs
	@BUILD=$(BUILD) QEMU=$(QEMU) $< $(BUILD)/benchmarks-net.md
	@cat $(BUILD)/benchmarks-net.md
	@mk/update-section.sh docs/benchmarks.md bench-net $(BUILD)/benchmarks-net.md

# The same inside Debian's kernel, natively and as dom0.
bench-linux: $(BUILD)/tests/system/bench_linux $(BUILD)/bulkhead $(PKG)/xen \
             $(BUILD)/tests/linux/bench.cpio | $(TOOL_STAMPS)
	@mkdir -p $(BUILD)/logs
	@BUILD=$(BUILD) QEMU=$(QEMU) $< $(BUILD)/benchmarks-linux.md
	@cat $(BUILD)/benchmarks-linux.md
	@mk/update-section.sh docs/benchmarks.md bench-linux $(BUILD)/benchmarks-linux.md

# How CPUs are shared, and what two of them do more than one: on an idle machine of two cores.
BENCH_RUNS ?= 5
$(BUILD)/tests/system/bench_sched $(BUILD)/tests/system/bench_locks: tests/system/loads.c
bench-sched: $(BUILD)/tests/system/bench_sched $(BUILD)/bulkhead $(PKG)/xen $(GUEST_DIR)/dom0 \
             $(GUEST_DIR)/load | $(TOOL_STAMPS)
	@mkdir -p $(BUILD)/logs
	@status=0; BUILD=$(BUILD) QEMU=$(QEMU) $< $(BUILD)/benchmarks-sched.md $(BENCH_RUNS) || status=1; \
	cat $(BUILD)/benchmarks-sched.md; \
	mk/update-section.sh docs/benchmarks.md bench-sched $(BUILD)/benchmarks-sched.md; exit $$status

bench-locks: $(BUILD)/tests/system/bench_locks $(BUILD)/bulkhead $(PKG)/xen $(GUEST_DIR)/dom0 \
             $(GUEST_DIR)/load $(BUILD)/tests/linux/scaling.cpio | $(TOOL_STAMPS)
	@mkdir -p $(BUILD)/logs
	@status=0; BUILD=$(BUILD) QEMU=$(QEMU) $< $(BUILD)/benchmarks-locks.md $(BENCH_RUNS) || status=1; \
	cat $(BUILD)/benchmarks-locks.md; \
	mk/update-section.sh docs/benchmarks.md bench-locks $(BUILD)/benchmarks-locks.md; exit $$status
