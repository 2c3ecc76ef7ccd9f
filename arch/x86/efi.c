/* SPDX-License-Identifier: MIT */
/*
 * UEFI for dom0: what the firmware says of the machine, and its runtime services.
 *
 * A service runs on our stack, on the CPU that dom0's vCPU is on, with interrupts on: a flush that
 * another CPU asks for is served meanwhile, since the services' root has our range in it. It may
 * use the x87 and SSE registers, and dom0's breakpoints must not stop it. What dom0 passes is
 * copied first, so the firmware never sees an address of a guest's. Only one CPU at a time is in
 * the firmware, as the specification demands (UEFI 2.10, 8.1).
 *
 * This file is compiled with the stack's alignment that the firmware's code relies on.
 */
#include <asm/context.h>
#include <asm/control.h>
#include <asm/efi.h>
#include <asm/pv.h>
#include <asm/tlb.h>
#include <guest_access.h>
#include <page_alloc.h>
#include <sched.h>

/* What dom0 may pass; Linux's limits are 512 characters and 64 KiB. */
#define NAME_MAX 2048U /* characters, the 0 included */
#define DATA_MAX (1UL << 20)

#define VARIABLE_APPEND_WRITE 0x40U
#define VARIABLE_PERSISTENT                                                \
    (XEN_EFI_VARIABLE_NON_VOLATILE | XEN_EFI_VARIABLE_BOOTSERVICE_ACCESS | \
     XEN_EFI_VARIABLE_RUNTIME_ACCESS)

struct efi efi;

static spinlock_t firmware_lock = SPINLOCK_INIT(RANK_FIRMWARE);

/* ---- facts ---- */

static long copy_vendor(u32 bytes, unsigned long name)
{
    u32 n = MIN(bytes / (u32)sizeof(u16), EFI_VENDOR_MAX);

    for (u32 i = 0; i < n; i++) {
        if (put_guest_element(name, i, &efi.vendor[i]))
            return -XEN_EFAULT;
        if (!efi.vendor[i])
            break;
    }
    return 0;
}

/* Cuts the range that dom0 asks about at the end of the descriptor that its start lies in. */
static long memory_info(u64 address, u64 *size, u64 *attributes, u32 *type)
{
    for (const struct efi_memory *m = efi.memory; m < efi.memory + efi.nr_memory; m++) {
        u64 length = m->pages << PAGE_SHIFT, left = m->start + length - address;

        if (address < m->start || address - m->start >= length)
            continue;
        *type = m->type;
        *attributes = m->attributes;
        *size = MIN(*size, left);
        return 0;
    }
    return -XEN_ESRCH;
}

long efi_get_info(u32 index, union xenpf_efi_info *info)
{
    if (!efi.version)
        return -XEN_ENOSYS;
    switch (index) {
    case XEN_FW_EFI_VERSION:
        info->version = efi.version;
        return 0;
    case XEN_FW_EFI_RT_VERSION:
        if (!efi.root)
            return -XEN_EOPNOTSUPP;
        info->version = efi.services.header.revision;
        return 0;
    case XEN_FW_EFI_CONFIG_TABLE:
        info->cfg.addr = efi.tables;
        info->cfg.nent = efi.nr_tables;
        return 0;
    case XEN_FW_EFI_VENDOR:
        info->vendor.revision = efi.vendor_revision;
        return copy_vendor(info->vendor.bufsz, handle_addr(info->vendor.name));
    case XEN_FW_EFI_MEM_INFO:
        return memory_info(info->mem.addr, &info->mem.size, &info->mem.attr, &info->mem.type);
    case XEN_FW_EFI_PCI_ROM:
        return -XEN_ESRCH; /* the boot services, which know of ROMs, have ended before we run */
    case XEN_FW_EFI_APPLE_PROPERTIES:
        return -XEN_ENODATA;
    default:
        return -XEN_EINVAL;
    }
}

/* ---- entering the firmware ---- */

static void enter_firmware(void)
{
    spin_lock(&firmware_lock);
    fpu_save(current);
    fpu_reset_registers();
    write_dr(7, DR7_RESET);
    tlb_switch_root(efi.root); /* the guest's user mappings are global, and must go */
}

static void leave_firmware(void)
{
    tlb_switch_root(vcpu_cr3(current));
    load_debug_registers(current);
    fpu_load(current);
    load_ts(current);
    spin_unlock(&firmware_lock);
}

/* Evaluates @call in the firmware. @return its status */
#define in_firmware(call)     \
    ({                        \
        efi_status_t _status; \
                              \
        enter_firmware();     \
        _status = (call);     \
        leave_firmware();     \
        _status;              \
    })

/* The same while nobody else uses the battery clock's ports, as the functions on time do. */
#define in_firmware_with_clock(call)                  \
    in_firmware(({                                    \
        unsigned long _flags = pv_lock_index_ports(); \
        efi_status_t _answer = (call);                \
                                                      \
        pv_unlock_index_ports(_flags);                \
        _answer;                                      \
    }))

static bool failed(efi_status_t status)
{
    return status & EFI_ERROR_BIT;
}

/* ---- time ---- */

static efi_status_t get_time(struct xenpf_efi_runtime_call *op)
{
    struct efi_time_capabilities caps = {0};
    efi_status_t status = in_firmware_with_clock(
        efi.services.get_time(&op->u.get_time.time, &caps));

    if (failed(status))
        return status;
    op->u.get_time.resolution = caps.resolution;
    op->u.get_time.accuracy = caps.accuracy;
    op->misc = caps.sets_to_zero ? XEN_EFI_GET_TIME_SET_CLEARS_NS : 0;
    return status;
}

static efi_status_t get_wakeup_time(struct xenpf_efi_runtime_call *op)
{
    u8 enabled = 0, pending = 0;
    efi_status_t status = in_firmware_with_clock(
        efi.services.get_wakeup_time(&enabled, &pending, &op->u.get_wakeup_time));

    if (failed(status))
        return status;
    op->misc = (enabled ? XEN_EFI_GET_WAKEUP_TIME_ENABLED : 0) |
               (pending ? XEN_EFI_GET_WAKEUP_TIME_PENDING : 0);
    return status;
}

static efi_status_t set_wakeup_time(struct xenpf_efi_runtime_call *op)
{
    bool only = op->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY;
    u8 enable = op->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE ? 1 : 0;

    op->misc = 0;
    return in_firmware_with_clock(
        efi.services.set_wakeup_time(enable, only ? NULL : &op->u.set_wakeup_time));
}

/* ---- variables ---- */

/* What goes to and from the firmware: copies of dom0's. */
struct buffers {
    u16 *name;
    void *data;
};

static void free_buffers(struct buffers *b)
{
    xfree(b->name);
    xfree(b->data);
}

/* @return how many characters dom0's string at @addr has, its 0 included; negative: an error */
static long name_length(unsigned long addr)
{
    for (u32 i = 0; i < NAME_MAX; i++) {
        u16 c;

        if (get_guest_element(&c, addr, i))
            return -XEN_EFAULT;
        if (!c)
            return i + 1;
    }
    return -XEN_ENOMEM;
}

/* Room for @size bytes of data; none: one byte, so that NULL means that there is no memory. */
static void *data_alloc(u64 size)
{
    return size <= DATA_MAX ? xzalloc_bytes(MAX(size, 1UL)) : NULL;
}

/* Copies the name at @addr. @return 0; -XEN_EFAULT; -XEN_ENOMEM; -XEN_EIO: dom0 has changed it */
static long copy_name(unsigned long addr, struct buffers *b)
{
    long length = name_length(addr);

    if (length < 0)
        return length;
    b->name = xzalloc_array(u16, (size_t)length);
    if (!b->name)
        return -XEN_ENOMEM;
    if (copy_from_guest(b->name, addr, (unsigned long)length * sizeof(u16)))
        return -XEN_EIO;
    for (long i = 0; i < length; i++)
        if (!b->name[i] != (i == length - 1))
            return -XEN_EIO;
    return 0;
}

static long get_variable(struct xenpf_efi_runtime_call *op, efi_status_t *status)
{
    u64 room = op->u.get_variable.size, size = room;
    struct buffers b = {0};
    u32 attributes = 0;
    long rc = copy_name(handle_addr(op->u.get_variable.name), &b);

    if (!rc) {
        b.data = data_alloc(room);
        rc = b.data ? 0 : -XEN_ENOMEM;
    }
    if (!rc) {
        *status = in_firmware(efi.services.get_variable(b.name, &op->u.get_variable.vendor_guid,
                                                        &attributes, &size, room ? b.data : NULL));
        op->misc = attributes;
        op->u.get_variable.size = size;
        if (!failed(*status) &&
            copy_to_guest(handle_addr(op->u.get_variable.data), b.data, MIN(size, room)))
            rc = -XEN_EFAULT;
    }
    free_buffers(&b);
    return rc;
}

static long set_variable(struct xenpf_efi_runtime_call *op, efi_status_t *status)
{
    u64 size = op->u.set_variable.size;
    struct buffers b = {0};
    long rc = copy_name(handle_addr(op->u.set_variable.name), &b);

    if (!rc) {
        b.data = data_alloc(size);
        rc = b.data ? 0 : -XEN_ENOMEM;
    }
    if (!rc && copy_from_guest(b.data, handle_addr(op->u.set_variable.data), size))
        rc = -XEN_EFAULT;
    if (!rc)
        *status = in_firmware(efi.services.set_variable(b.name, &op->u.set_variable.vendor_guid,
                                                        op->misc, size, b.data));
    free_buffers(&b);
    return rc;
}

/*
 * The firmware may write another size than it was given, so dom0's own says how much goes back. Old
 * ones look for the end of the name beyond that size, so there is an end behind it.
 */
static long get_next_variable_name(struct xenpf_efi_runtime_call *op, efi_status_t *status)
{
    u64 room = op->u.get_next_variable_name.size, size = room;
    unsigned long addr = handle_addr(op->u.get_next_variable_name.name);
    u16 *name = room <= DATA_MAX ? xzalloc_bytes(room + 2 * sizeof(u16)) : NULL;
    long rc = 0;

    if (!name)
        return -XEN_ENOMEM;
    if (copy_from_guest(name, addr, room)) {
        rc = -XEN_EFAULT;
    } else {
        *status = in_firmware(efi.services.get_next_variable_name(
            &size, name, &op->u.get_next_variable_name.vendor_guid));
        op->u.get_next_variable_name.size = size;
        if (!failed(*status) && copy_to_guest(addr, name, room))
            rc = -XEN_EFAULT;
    }
    xfree(name);
    return rc;
}

/*
 * The boot services have ended before we run, so there is no snapshot of what was free while they
 * ran: as on Xen then, it is a success with all sizes 0.
 */
static long query_variable_info(struct xenpf_efi_runtime_call *op, efi_status_t *status)
{
    u64 max_store = 0, remaining = 0, max_size = 0;
    u32 attributes = op->u.query_variable_info.attr;

    if (op->misc & XEN_EFI_VARINFO_BOOT_SNAPSHOT) {
        if ((attributes & ~VARIABLE_APPEND_WRITE) != VARIABLE_PERSISTENT)
            return -XEN_EINVAL;
        *status = EFI_SUCCESS;
    } else {
        if (efi.services.header.revision < EFI_REVISION_2)
            return -XEN_EOPNOTSUPP;
        *status = in_firmware(
            efi.services.query_variable_info(attributes, &max_store, &remaining, &max_size));
    }
    op->u.query_variable_info.max_store_size = max_store;
    op->u.query_variable_info.remain_store_size = remaining;
    op->u.query_variable_info.max_size = max_size;
    return 0;
}

/* ---- the call ---- */

/* @return the bits of xenpf_efi_runtime_call.misc that @function takes */
static u32 flags_of(u32 function)
{
    switch (function) {
    case XEN_EFI_set_wakeup_time:
        return XEN_EFI_SET_WAKEUP_TIME_ENABLE | XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY;
    case XEN_EFI_set_variable:
        return ~0U; /* the variable's attributes, which the firmware judges */
    case XEN_EFI_query_variable_info:
        return XEN_EFI_VARINFO_BOOT_SNAPSHOT;
    default:
        return 0;
    }
}

static long call_service(struct xenpf_efi_runtime_call *op, efi_status_t *status)
{
    switch (op->function) {
    case XEN_EFI_get_time:
        *status = get_time(op);
        return 0;
    case XEN_EFI_set_time:
        *status = in_firmware_with_clock(efi.services.set_time(&op->u.set_time));
        return 0;
    case XEN_EFI_get_wakeup_time:
        *status = get_wakeup_time(op);
        return 0;
    case XEN_EFI_set_wakeup_time:
        *status = set_wakeup_time(op);
        return 0;
    case XEN_EFI_get_next_high_monotonic_count:
        *status = in_firmware(efi.services.get_next_high_monotonic_count(&op->misc));
        return 0;
    case XEN_EFI_get_variable:
        return get_variable(op, status);
    case XEN_EFI_set_variable:
        return set_variable(op, status);
    case XEN_EFI_get_next_variable_name:
        return get_next_variable_name(op, status);
    default:
        return query_variable_info(op, status);
    }
}

long efi_runtime_call(struct xenpf_efi_runtime_call *op)
{
    efi_status_t status = EFI_NOT_STARTED;
    long rc;

    if (!efi.version)
        return -XEN_ENOSYS;
    if (!efi.root)
        return -XEN_EOPNOTSUPP;
    if (op->function < XEN_EFI_get_time || op->function > XEN_EFI_update_capsule)
        return -XEN_ENOSYS;
    if (op->misc & ~flags_of(op->function))
        return -XEN_EINVAL;
    if (op->function > XEN_EFI_query_variable_info) /* capsules: Xen does not have them, either */
        return efi.services.header.revision < EFI_REVISION_2 ? -XEN_EOPNOTSUPP : -XEN_ENOSYS;
    rc = call_service(op, &status);
    op->status = status;
    return rc;
}
