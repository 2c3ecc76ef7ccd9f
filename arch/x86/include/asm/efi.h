/* SPDX-License-Identifier: MIT */
/*
 * UEFI: what its firmware says of the machine, and calls of its runtime services on dom0's behalf
 * (UEFI specification 2.10, chapters 4, 7.2 and 8).
 *
 * The boot loader has ended the boot services. The runtime services stay at their physical
 * addresses (SetVirtualAddressMap() is never called) and run on a root page table of their own,
 * which maps what the firmware's memory map marks as theirs, one to one, below our range.
 */
#ifndef ASM_EFI_H
#define ASM_EFI_H

#include <public/platform.h>
#include <types.h>

/* A descriptor of the firmware's memory map; the firmware's own may be longer. */
struct efi_memory {
    u32 type; /* EFI_* */
    u32 reserved;
    u64 start;
    u64 virtual_start;
    u64 pages; /* of 4 KiB */
    u64 attributes;
};

#define EFI_RUNTIME_SERVICES_CODE 5
#define EFI_MEMORY_WB             (1UL << 3)
#define EFI_MEMORY_RUNTIME        (1UL << 63)

typedef u64 efi_status_t;
#define EFI_SUCCESS     0UL
#define EFI_ERROR_BIT   (1UL << 63)
#define EFI_NOT_STARTED (EFI_ERROR_BIT | 19)

/* The firmware's functions are called as Microsoft's compilers do it. */
#define EFI_CALL __attribute__((ms_abi))

#define EFI_REVISION_2 0x20000U

struct efi_header {
    u64 signature;
    u32 revision;
    u32 size;
    u32 crc;
    u32 reserved;
};

struct efi_time_capabilities {
    u32 resolution; /* Hz */
    u32 accuracy;   /* 10^-12 of the time that passed */
    u8 sets_to_zero;
};

/* EFI_RUNTIME_SERVICES. A name is UCS-2 and ends with 0. */
struct efi_services {
    struct efi_header header;
    EFI_CALL efi_status_t (*get_time)(struct xenpf_efi_time *, struct efi_time_capabilities *);
    EFI_CALL efi_status_t (*set_time)(struct xenpf_efi_time *);
    EFI_CALL efi_status_t (*get_wakeup_time)(u8 *enabled, u8 *pending, struct xenpf_efi_time *);
    EFI_CALL efi_status_t (*set_wakeup_time)(u8 enable, struct xenpf_efi_time *);
    void *set_virtual_address_map, *convert_pointer;
    EFI_CALL efi_status_t (*get_variable)(u16 *name, struct xenpf_efi_guid *, u32 *attributes,
                                          u64 *size, void *data);
    EFI_CALL efi_status_t (*get_next_variable_name)(u64 *size, u16 *name, struct xenpf_efi_guid *);
    EFI_CALL efi_status_t (*set_variable)(u16 *name, struct xenpf_efi_guid *, u32 attributes,
                                          u64 size, void *data);
    EFI_CALL efi_status_t (*get_next_high_monotonic_count)(u32 *);
    void *reset_system, *update_capsule, *query_capsule_capabilities;
    EFI_CALL efi_status_t (*query_variable_info)(u32 attributes, u64 *max_store, u64 *remaining,
                                                 u64 *max_size); /* revision 2 and up */
};

#define EFI_VENDOR_MAX 64U /* characters of the firmware's vendor, the 0 included */

/* Filled at boot, constant afterwards. */
struct efi {
    u32 version; /* of the system table; 0: no UEFI has started this machine */
    u32 vendor_revision;
    u16 vendor[EFI_VENDOR_MAX];
    u64 tables; /* machine address of the configuration table */
    u32 nr_tables;
    unsigned int nr_memory;
    const struct efi_memory *memory;
    paddr_t root; /* the services' root page table; 0: they cannot be called */
    struct efi_services services;
};

extern struct efi efi;

/* ---- boot (boot/efi.c) ---- */

/* Notes where the firmware's system table is: machine address @table, from the boot loader. */
void efi_set_system_table(u64 table);
/* Copies the boot loader's copy of the memory map: @bytes, with a descriptor each @stride bytes. */
void efi_set_memory_map(const void *map, size_t bytes, size_t stride);
/* Fills `efi`, after the heap is there. Says in the log what the firmware is. */
void efi_init(void);

/* ---- dom0's questions (efi.c) ---- */

/*
 * XENPF_firmware_info's XEN_FW_EFI_INFO: answers question @index in @info.
 * @return 0; -XEN_ENOSYS: no UEFI; -XEN_EOPNOTSUPP: without runtime services; -XEN_ESRCH,
 * -XEN_ENODATA: there is no such thing; -XEN_EINVAL: an unknown question; -XEN_EFAULT
 */
long efi_get_info(u32 index, union xenpf_efi_info *info);
/*
 * XENPF_efi_runtime_call: the firmware's own answer goes to @op->status. Locks: takes the
 * firmware's; interrupts stay on but for the functions on time.
 * @return 0; -XEN_ENOSYS: no UEFI, or an unknown function; -XEN_EOPNOTSUPP: the firmware cannot do
 * it; -XEN_EINVAL: wrong @op->misc; -XEN_ENOMEM: too long; -XEN_EIO: the name changed meanwhile;
 * -XEN_EFAULT
 */
long efi_runtime_call(struct xenpf_efi_runtime_call *op);

#endif
