/* SPDX-License-Identifier: MIT */
/*
 * Messages of devices as interrupts: which devices there are, which of their messages are in use,
 * and how they are programmed.
 *
 * A list of functions, under one lock, each with its messages in use. The interrupt's descriptor
 * asks for masking and programming with its lock held, also from interrupts; a message belongs to
 * that descriptor from irq_create() to irq_destroy(). Dom0 could send a device's table anywhere by
 * moving its BAR, so we check that the frames that we write to are not RAM and not ours.
 */
#include <asm/device_window.h>
#include <asm/io.h>
#include <asm/irq.h>
#include <asm/msi.h>
#include <asm/pv.h>
#include <domain.h>
#include <list.h>
#include <page_alloc.h>
#include <percpu.h>
#include <public/errno.h>

#define NO_VENDOR    0xffffU
#define CONFIG_BYTES 256U

/* Offsets in both capabilities, and in the MSI one. */
#define CONTROL            2U
#define MSI_ADDRESS        4U
#define MSI_ADDRESS_HIGH   8U /* with MSI_WIDE; what follows comes 4 bytes later then */
#define MSI_DATA           8U
#define MSI_MASK           12U
#define MSI_ENABLE         0x0001U
#define MSI_COUNT          0x0070U /* messages enabled, as a power of two */
#define MSI_WIDE           0x0080U
#define MSI_MASKABLE       0x0100U
#define MSIX_TABLE         4U
#define MSIX_PENDING       8U
#define MSIX_BAR           0x7U /* of both; the rest is the offset */
#define MSIX_CAPABILITY    12U  /* bytes */
#define MSIX_ENABLE        0x8000U
#define MSIX_MASK_ALL      0x4000U
#define MSIX_LAST          0x07ffU /* the last entry */
#define ENTRY_BYTES        16U
#define ENTRY_ADDRESS      0U /* 32-bit words of an entry */
#define ENTRY_ADDRESS_HIGH 1U
#define ENTRY_DATA         2U
#define ENTRY_CONTROL      3U /* bit 0 masks */

/* The address of a message: fixed delivery, edge, to one local APIC by its id. */
#define MESSAGE_ADDRESS(apic_id) (0xfee00000U | (apic_id) << 12)

/* Frames from @first to @last. */
struct frames {
    unsigned long first, last;
};

struct function {
    struct list link;
    struct pci_address at;
    bool removed;
    bool kept;                /* msi_keep_table() */
    u8 msi, msix;             /* where the capabilities are; 0: none */
    unsigned int table_users; /* entries in use, and ->kept */
    paddr_t table;            /* with users: where the table lies */
    struct frames entries, pending;
    struct list messages;
};

struct message {
    struct list link;
    struct function *function; /* NULL: was removed */
    unsigned int irq;
    bool masked;
    bool wide;           /* MSI: 64-bit address */
    u8 mask;             /* MSI: the mask register; 0: cannot be masked */
    u16 entry;           /* MSI-X: number, and */
    volatile u32 *table; /* place in the table; NULL: MSI */
};

static spinlock_t functions_lock = SPINLOCK_INIT(RANK_PCI);
static struct list functions = LIST_INIT(functions);
static struct message *messages[MAX_IRQS]; /* by the number of the interrupt */

void __init msi_init(void)
{
    device_window_init();
    mmio_read_only = rangeset_new();
    if (!mmio_read_only)
        panic("no memory for the list of read-only device frames");
}

void msi_lock(void)
{
    spin_lock(&functions_lock);
}

void msi_unlock(void)
{
    spin_unlock(&functions_lock);
}

/* ---- functions ---- */

static struct function *find_any(struct pci_address at)
{
    struct function *f;

    list_for_each (f, &functions, link)
        if (f->at.bus == at.bus && f->at.devfn == at.devfn)
            return f;
    return NULL;
}

static struct function *learn_function(struct pci_address at)
{
    struct function *f = xzalloc(struct function);

    if (!f)
        return NULL;
    f->at = at;
    list_init(&f->messages);
    if (pci_read(at, PCI_VENDOR, 2) != NO_VENDOR) {
        f->msi = pci_find_capability(at, PCI_CAPABILITY_MSI);
        f->msix = pci_find_capability(at, PCI_CAPABILITY_MSIX);
        if (f->msix > CONFIG_BYTES - MSIX_CAPABILITY)
            f->msix = 0; /* it would run out of configuration space */
    }
    list_add_tail(&functions, &f->link);
    return f;
}

/* Finds a device that is there, announced or not. */
static struct function *find_function(u16 segment, struct pci_address at)
{
    struct function *f = segment ? NULL : find_any(at);

    if (!f && !segment && pci_read(at, PCI_VENDOR, 2) != NO_VENDOR)
        f = learn_function(at);
    return f && !f->removed ? f : NULL;
}

static struct message *first_message(const struct function *f)
{
    return list_empty(&f->messages) ? NULL : list_first(&f->messages, struct message, link);
}

/* ---- programming; the descriptor's lock is held ---- */

static void message_set_mask(struct message *m, bool masked)
{
    m->masked = masked;
    if (!m->function)
        return;
    if (m->table) {
        writel(masked, &m->table[ENTRY_CONTROL]);
        readl(&m->table[ENTRY_CONTROL]); /* the read returns after the write has arrived */
    } else if (m->mask) {
        u32 bits = pci_read(m->function->at, m->mask, 4);

        pci_write(m->function->at, m->mask, 4, masked ? bits | 1 : bits & ~1U);
    }
}

static void message_mask(unsigned int irq)
{
    message_set_mask(messages[irq], true);
}

static void message_unmask(unsigned int irq)
{
    message_set_mask(messages[irq], false);
}

static void message_setup(unsigned int irq, u8 vector, bool level, bool active_low)
{
    struct message *m = messages[irq];
    u32 address = MESSAGE_ADDRESS(irq_destination(irq));
    unsigned int at;

    if (!m->function)
        return;
    message_set_mask(m, true);
    if (m->table) {
        writel(address, &m->table[ENTRY_ADDRESS]);
        writel(0, &m->table[ENTRY_ADDRESS_HIGH]);
        writel(vector, &m->table[ENTRY_DATA]);
        return;
    }
    at = m->function->msi;
    pci_write(m->function->at, at + MSI_ADDRESS, 4, address);
    if (m->wide)
        pci_write(m->function->at, at + MSI_ADDRESS_HIGH, 4, 0);
    pci_write(m->function->at, at + MSI_DATA + (m->wide ? 4 : 0), 2, vector);
}

/* An entry of MSI-X may change only while it is masked; what comes meanwhile is sent afterwards. */
static void message_redirect(unsigned int irq)
{
    struct message *m = messages[irq];
    u32 address = MESSAGE_ADDRESS(irq_destination(irq));
    bool masked = m->masked;

    if (!m->function)
        return;
    if (!m->table) {
        pci_write(m->function->at, m->function->msi + MSI_ADDRESS, 4, address);
        return;
    }
    message_set_mask(m, true);
    writel(address, &m->table[ENTRY_ADDRESS]);
    message_set_mask(m, masked);
}

static const struct irq_controller message_controller = {
    .name = "message",
    .mask = message_mask,
    .unmask = message_unmask,
    .setup = message_setup,
    .redirect = message_redirect,
};

/* ---- tables of MSI-X ---- */

static u32 msix_control(const struct function *f)
{
    return pci_read(f->at, f->msix + CONTROL, 2);
}

static void msix_set_control(const struct function *f, u32 control)
{
    pci_write(f->at, f->msix + CONTROL, 2, control);
}

static struct frames frames_of(paddr_t start, size_t bytes)
{
    return (struct frames){start >> PAGE_SHIFT, (start + bytes - 1) >> PAGE_SHIFT};
}

static bool is_device_memory(struct frames frames)
{
    for (unsigned long mfn = frames.first; mfn <= frames.last; mfn++)
        if (frame_is_ram(MFN(mfn)))
            return false;
    return rangeset_contains(dom0->iomem, frames.first, frames.last);
}

/* @return where the structure lies that register @reg describes; 0: nowhere */
static paddr_t msix_structure(const struct function *f, unsigned int reg, paddr_t table_base)
{
    u32 value = pci_read(f->at, f->msix + reg, 4);
    paddr_t base = pci_memory_bar(f->at, value & MSIX_BAR);

    if (!base)
        base = table_base;
    return base ? base + (value & ~MSIX_BAR) : 0;
}

static bool protected_by(const struct function *f, unsigned long mfn)
{
    return f->table_users && ((mfn >= f->entries.first && mfn <= f->entries.last) ||
                              (mfn >= f->pending.first && mfn <= f->pending.last));
}

/*
 * Permits writes to frames again. Small BARs of several devices may share a page, which stays
 * protected while any of them needs that, or when memory for the change is short.
 */
static void unprotect_frames(struct frames frames)
{
    for (unsigned long mfn = frames.first; mfn <= frames.last; mfn++) {
        const struct function *f;
        bool needed = false;

        list_for_each (f, &functions, link)
            needed = needed || protected_by(f, mfn);
        if (!needed)
            rangeset_remove(mmio_read_only, mfn, mfn);
    }
}

static void put_table(struct function *f)
{
    if (--f->table_users)
        return;
    unprotect_frames(f->entries);
    unprotect_frames(f->pending);
}

/* Counts one more user of the table; the first one finds the table and protects it. */
static int get_table(struct function *f, paddr_t table_base)
{
    unsigned int count = (msix_control(f) & MSIX_LAST) + 1;
    paddr_t pending;

    if (!(pci_read(f->at, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
        return -XEN_ENXIO;
    if (f->table_users) {
        f->table_users++;
        return 0;
    }
    f->table = msix_structure(f, MSIX_TABLE, table_base);
    pending = msix_structure(f, MSIX_PENDING, table_base);
    if (!f->table || !pending || f->table % ENTRY_BYTES) /* no entry may lie in two pages */
        return -XEN_ENXIO;
    f->entries = frames_of(f->table, (size_t)count * ENTRY_BYTES);
    f->pending = frames_of(pending, ROUND_UP(count, 64U) / 8);
    if (!is_device_memory(f->entries) || !is_device_memory(f->pending))
        return -XEN_ENXIO;
    f->table_users = 1;
    if (rangeset_add(mmio_read_only, f->entries.first, f->entries.last) ||
        rangeset_add(mmio_read_only, f->pending.first, f->pending.last)) {
        put_table(f);
        return -XEN_ENOMEM;
    }
    return 0;
}

/* ---- taking and giving back messages ---- */

static int take_msix_entry(struct function *f, struct message *m, const struct msi_request *r)
{
    struct message *other;
    paddr_t place;
    char *page;
    int rc;

    if (!f->msix)
        return -XEN_ENODEV;
    if (r->entry > (msix_control(f) & MSIX_LAST))
        return -XEN_EINVAL;
    list_for_each (other, &f->messages, link)
        if (!other->table || other->entry == r->entry)
            return -XEN_EEXIST;
    rc = get_table(f, r->table_base);
    if (rc)
        return rc;
    place = f->table + (paddr_t)r->entry * ENTRY_BYTES;
    page = device_window_map(MFN(place >> PAGE_SHIFT));
    if (!page) {
        put_table(f);
        return -XEN_ENOMEM;
    }
    m->entry = (u16)r->entry;
    m->table = (volatile u32 *)(page + (place & ~PAGE_MASK));
    return 0;
}

static int take_msi(struct function *f, struct message *m)
{
    unsigned int last; /* its last register, or of those that we use */
    u32 control;

    if (!f->msi)
        return -XEN_ENODEV;
    if (!list_empty(&f->messages))
        return -XEN_EEXIST;
    control = pci_read(f->at, f->msi + CONTROL, 2);
    m->wide = control & MSI_WIDE;
    last = f->msi + (control & MSI_MASKABLE ? MSI_MASK : MSI_DATA) + (m->wide ? 4U : 0U);
    if (last > CONFIG_BYTES - 4)
        return -XEN_ENODEV; /* it would run out of configuration space */
    if (control & MSI_MASKABLE)
        m->mask = (u8)last;
    return 0;
}

static void give_back(struct message *m)
{
    if (m->table) {
        device_window_unmap((void *)m->table);
        if (m->function)
            put_table(m->function);
    }
    xfree(m);
}

static int program_message(unsigned int irq)
{
    struct irq_desc *desc = irq_get(irq);
    unsigned long flags = spin_lock_irqsave(&desc->lock);
    int rc = irq_program(desc);

    spin_unlock_irqrestore(&desc->lock, flags);
    return rc;
}

/*
 * Programs the message with all that goes around it: some devices have no MSI-X table while MSI-X
 * is off, and MSI must be off while its registers change.
 */
static int program_disabled(const struct function *f, const struct message *m)
{
    u32 control;
    int rc;

    if (m->table) {
        control = msix_control(f);
        if (!(control & MSIX_ENABLE))
            msix_set_control(f, control | MSIX_ENABLE | MSIX_MASK_ALL);
        rc = program_message(m->irq);
        if (!(control & MSIX_ENABLE))
            msix_set_control(f, control);
    } else {
        control = pci_read(f->at, f->msi + CONTROL, 2) & ~MSI_COUNT;
        pci_write(f->at, f->msi + CONTROL, 2, control & ~MSI_ENABLE);
        rc = program_message(m->irq);
        pci_write(f->at, f->msi + CONTROL, 2, control);
    }
    return rc;
}

/* Takes a number of an interrupt for the message and programs it. */
static int start_message(struct function *f, struct message *m)
{
    int irq = irq_create(&message_controller), rc;

    if (irq < 0)
        return irq;
    m->irq = (unsigned int)irq;
    m->function = f;
    messages[irq] = m;
    rc = program_disabled(f, m);
    if (rc) {
        irq_destroy(m->irq);
        messages[irq] = NULL;
    }
    return rc;
}

int msi_map(const struct msi_request *request, unsigned int *irq)
{
    struct message *m = xzalloc(struct message);
    struct function *f;
    int rc;

    if (!m)
        return -XEN_ENOMEM;
    spin_lock(&functions_lock);
    f = find_function(request->segment, request->at);
    if (!f)
        rc = -XEN_ENODEV;
    else
        rc = request->msix ? take_msix_entry(f, m, request) : take_msi(f, m);
    if (rc) {
        xfree(m);
    } else {
        m->function = f;
        rc = start_message(f, m);
        if (rc) {
            give_back(m);
        } else {
            list_add_tail(&f->messages, &m->link);
            *irq = m->irq;
        }
    }
    spin_unlock(&functions_lock);
    return rc;
}

static void silence_message(const struct function *f, struct message *m)
{
    struct irq_desc *desc = irq_get(m->irq);
    unsigned long flags;

    if (!m->table) {
        u32 control = pci_read(f->at, f->msi + CONTROL, 2);

        pci_write(f->at, f->msi + CONTROL, 2, control & ~MSI_ENABLE);
    }
    flags = spin_lock_irqsave(&desc->lock);
    message_set_mask(m, true);
    spin_unlock_irqrestore(&desc->lock, flags);
}

void msi_unmap(unsigned int irq)
{
    struct message *m = messages[irq];

    spin_lock(&functions_lock);
    if (m->function) {
        silence_message(m->function, m);
        list_del(&m->link);
    }
    irq_destroy(irq);
    messages[irq] = NULL;
    give_back(m);
    spin_unlock(&functions_lock);
}

/* ---- what dom0 tells of devices ---- */

bool msi_device_known(u16 segment, struct pci_address at)
{
    const struct function *f;
    bool known;

    spin_lock(&functions_lock);
    f = segment ? NULL : find_any(at);
    known = f && !f->removed;
    spin_unlock(&functions_lock);
    return known;
}

int msi_device_add(u16 segment, struct pci_address at)
{
    struct function *f;
    int rc = 0;

    if (segment)
        return 0; /* out of our reach: dom0 will ask nothing of us there */
    spin_lock(&functions_lock);
    f = find_any(at);
    if (f && f->removed) {
        list_del(&f->link);
        xfree(f);
        f = NULL;
    }
    if (!f && !learn_function(at))
        rc = -XEN_ENOMEM;
    spin_unlock(&functions_lock);
    return rc;
}

int msi_device_remove(u16 segment, struct pci_address at)
{
    struct function *f;
    struct message *m;

    spin_lock(&functions_lock);
    f = find_function(segment, at);
    while (f && (m = first_message(f)) != NULL) {
        struct irq_desc *desc = irq_get(m->irq);
        unsigned long flags;

        silence_message(f, m);
        flags = spin_lock_irqsave(&desc->lock);
        m->function = NULL;
        spin_unlock_irqrestore(&desc->lock, flags);
        list_del(&m->link);
        if (m->table)
            put_table(f);
    }
    if (f) {
        if (f->kept)
            put_table(f);
        f->kept = false;
        f->removed = true;
    }
    spin_unlock(&functions_lock);
    return f ? 0 : -XEN_ENODEV;
}

static void restore_message(struct message *m)
{
    struct irq_desc *desc = irq_get(m->irq);
    unsigned long flags = spin_lock_irqsave(&desc->lock);
    bool masked = m->masked;

    message_setup(m->irq, desc->vector, false, false);
    message_set_mask(m, masked);
    spin_unlock_irqrestore(&desc->lock, flags);
}

static int restore_messages(struct function *f)
{
    struct message *m = first_message(f);
    u32 control;

    if (!m)
        return 0;
    if (!m->table) {
        control = pci_read(f->at, f->msi + CONTROL, 2) & ~MSI_COUNT;
        pci_write(f->at, f->msi + CONTROL, 2, control & ~MSI_ENABLE);
        restore_message(m);
        pci_write(f->at, f->msi + CONTROL, 2, control | MSI_ENABLE);
        return 0;
    }
    if (!(pci_read(f->at, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
        return -XEN_ENXIO;
    control = msix_control(f);
    msix_set_control(f, control | MSIX_ENABLE | MSIX_MASK_ALL);
    list_for_each (m, &f->messages, link)
        restore_message(m);
    msix_set_control(f, control | MSIX_ENABLE);
    return 0;
}

int msi_restore(u16 segment, struct pci_address at)
{
    struct function *f;
    int rc;

    spin_lock(&functions_lock);
    f = find_function(segment, at);
    rc = f ? restore_messages(f) : -XEN_ENODEV;
    spin_unlock(&functions_lock);
    return rc;
}

int msi_keep_table(u16 segment, struct pci_address at, bool release)
{
    struct function *f;
    int rc = 0;

    spin_lock(&functions_lock);
    f = find_function(segment, at);
    if (!f || !f->msix)
        rc = -XEN_ENODEV;
    else if (f->kept != release || f->table_users != (release ? 1U : 0U))
        rc = -XEN_EBUSY;
    else if (release)
        put_table(f);
    else
        rc = get_table(f, 0);
    if (!rc)
        f->kept = !release;
    spin_unlock(&functions_lock);
    return rc;
}

bool msi_allow_write(struct pci_address at, unsigned int reg, unsigned int bytes, u32 *value)
{
    const struct function *f = find_any(at);
    const struct message *m = f ? first_message(f) : NULL;
    unsigned int end;

    if (!f || f->removed)
        return true;
    if (f->msix && reg + bytes > f->msix && reg < f->msix + MSIX_CAPABILITY)
        return reg == f->msix + CONTROL && bytes == 2;
    if (!m || m->table)
        return true;
    end = m->mask ? m->mask + 8U : f->msi + MSI_DATA + (m->wide ? 4U : 0U) + 2U;
    if (reg + bytes <= f->msi || reg >= end)
        return true;
    if (reg == f->msi + CONTROL && bytes == 2) {
        *value &= ~MSI_COUNT;
        return true;
    }
    if (m->mask && reg == m->mask && bytes == 4) {
        *value |= ~1U | m->masked;
        return true;
    }
    return false;
}
