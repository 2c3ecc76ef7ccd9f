/* SPDX-License-Identifier: MIT */
/*
 * The architecture's part of a domain's and a vCPU's life: creation, setting and reading a context,
 * areas in guest memory, the dump of a crashed vCPU.
 *
 * A context comes from a toolstack or from the guest itself. It is checked as if the guest had made
 * each setting by its own hypercall, and nothing is changed before the last check has passed.
 */
#include <arch.h>
#include <asm/context.h>
#include <asm/entry.h>
#include <asm/pv.h>
#include <asm/time.h>
#include <guest_access.h>
#include <page_alloc.h>
#include <sched.h>

#define VALID_VM_ASSIST                                                               \
    (1UL << VMASST_TYPE_4gb_segments | 1UL << VMASST_TYPE_4gb_segments_notify |       \
     1UL << VMASST_TYPE_writable_pagetables | 1UL << VMASST_TYPE_architectural_iopl | \
     1UL << VMASST_TYPE_runstate_update_flag | 1UL << VMASST_TYPE_m2p_strict)

/* The bits of CR4 that a guest sees, and those of them that it may change. */
#define CR4_VISIBLE                                                                                \
    (CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | \
     CR4_OSXSAVE)
#define CR4_GUEST_BITS (CR4_TSD | CR4_DE | CR4_FSGSBASE | CR4_OSXSAVE)

#define DR6_RESET 0xffff0ff0UL

/* ---- creation ---- */

int arch_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    spin_lock_init(&d->arch.page_tables_lock, RANK_PAGE_TABLES);
    d->arch.msr_relaxed = config->arch.misc_flags & XEN_X86_MSR_RELAXED;
    return 0;
}

void arch_domain_destroy(struct domain *d)
{
    xfree(d->arch.cpu_policy);
    xfree(d->arch.memory_map); /* a toolstack may have given the dead domain another one */
}

/* Sets the registers of a vCPU that has no context. */
static void reset_registers(struct vcpu *v)
{
    v->arch.user_regs = (struct cpu_user_regs){.rflags = EFLAGS_IF | 2};
    v->arch.debugreg[6] = DR6_RESET;
    v->arch.debugreg[7] = DR7_RESET;
    v->arch.guest_table = v->arch.guest_table_user = INVALID_MFN;
    v->arch.cr3 = 0;
}

int arch_vcpu_create(struct vcpu *v)
{
    reset_registers(v);
    if (v->domain->system)
        return 0;
    spin_lock_init(&v->arch.time_lock, RANK_DEVICE);
    fpu_vcpu_create(v);
    return pv_descriptors_create(v);
}

void arch_vcpu_destroy(struct vcpu *v)
{
    if (v->domain->system)
        return;
    pv_descriptors_destroy(v);
}

static void put_root(mfn_t *root)
{
    mfn_t mfn = *root;

    *root = INVALID_MFN;
    if (!mfn_eq(mfn, INVALID_MFN))
        put_page_table(mfn_to_page(mfn));
}

/* @v is paused and off its CPU, or never ran. */
int arch_vcpu_reset(struct vcpu *v)
{
    pv_descriptors_drop(v);
    v->arch.ldt_base = 0;
    v->arch.ldt_entries = 0;
    put_root(&v->arch.guest_table);
    put_root(&v->arch.guest_table_user);
    reset_registers(v);
    return 0;
}

void *arch_map_guest_page(mfn_t mfn)
{
    return mfn_to_virt(mfn);
}

void arch_unmap_guest_page(void *p)
{
    (void)p; /* the direct map stays */
}

/* ---- context in ---- */

unsigned long pv_fix_cr4(unsigned long cr4)
{
    unsigned long ours = hv_cr4 & CR4_VISIBLE & ~CR4_GUEST_BITS;
    unsigned long can = CR4_TSD | CR4_DE | (hv_cr4 & (CR4_FSGSBASE | CR4_OSXSAVE));

    return ours | (cr4 & can);
}

static bool context_addresses_ok(const struct vcpu_guest_context *c)
{
    if (!is_canonical(c->user_regs.rip) || !is_canonical(c->user_regs.rsp) ||
        !is_canonical(c->kernel_sp) || !is_canonical(c->fs_base) ||
        !is_canonical(c->gs_base_kernel) || !is_canonical(c->gs_base_user) ||
        !is_canonical(c->event_callback_eip) || !is_canonical(c->syscall_callback_eip) ||
        !is_canonical(c->failsafe_callback_eip))
        return false;
    for (unsigned int i = 0; i < ARRAY_SIZE(c->trap_ctxt); i++)
        if (!is_canonical(c->trap_ctxt[i].address))
            return false;
    if (c->ldt_ents && !is_canonical(c->ldt_base))
        return false;
    return guest_addr_ok(c->ldt_base, 0) && !(c->ldt_base & ~PAGE_MASK) && c->ldt_ents <= 8192;
}

void arch_vm_assist_changed(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        if (d->vm_assist & 1UL << VMASST_TYPE_architectural_iopl)
            atomic_or(&v->arch.rare, (u8)RARE_ARCH_IOPL);
        else
            atomic_and(&v->arch.rare, (u8)~RARE_ARCH_IOPL);
    }
}

void arch_raise_nmi(struct vcpu *v)
{
    pv_set_nmi_pending(v);
    vcpu_kick(v);
}

void arch_nmi_softirq(void)
{
    arch_raise_nmi(dom0->vcpu[0]);
}

/* Does a new context name the tables that @v has? A vCPU that has a context keeps its tables. */
static bool same_tables(const struct vcpu *v, const struct vcpu_guest_context *c)
{
    unsigned int frames = DIV_ROUND_UP(v->arch.gdt_entries, 512U);
    bool user = !mfn_eq(v->arch.guest_table_user, INVALID_MFN);

    if (c->ctrlreg[3] != xen_pfn_to_cr3(v->arch.guest_table.n) ||
        c->ctrlreg[1] != (user ? xen_pfn_to_cr3(v->arch.guest_table_user.n) : 0) ||
        (!user && !(c->flags & VGCF_in_kernel)))
        return false;
    if (c->gdt_ents != v->arch.gdt_entries || c->ldt_base != v->arch.ldt_base ||
        c->ldt_ents != v->arch.ldt_entries)
        return false;
    for (unsigned int i = 0; i < frames; i++)
        if (c->gdt_frames[i] != v->arch.gdt_frames[i].n)
            return false;
    return true;
}

/*
 * Puts the root that @cr3 names into *@root, with its references. It is there already when an
 * earlier try was preempted behind it; the root of a try with another context is dropped.
 * @return 0; -XEN_EINVAL; -ERESTART
 */
static int take_root(struct domain *d, unsigned long cr3, mfn_t *root)
{
    mfn_t mfn = MFN(xen_cr3_to_pfn(cr3));
    int rc;

    if (mfn_eq(*root, mfn))
        return 0;
    put_root(root);
    if (!mfn_valid(mfn))
        return -XEN_EINVAL;
    rc = get_page_and_type_preemptible(mfn_to_page(mfn), d, PG_TYPE_L4);
    if (rc == 0)
        *root = mfn;
    return rc;
}

/*
 * Takes GDT and roots of a new vCPU: all of them, or none and an error. When it is preempted
 * (-ERESTART), the vCPU keeps what it has got so far: otherwise a root that takes longer than a
 * time slice would be started again for ever.
 */
static int take_tables(struct vcpu *v, const struct vcpu_guest_context *c)
{
    int rc;

    if (!(c->flags & VGCF_in_kernel) && !c->ctrlreg[1]) {
        printk_guest(LOG_DEBUG,
                     "context of d%uv%u: it begins in user mode (no VGCF_in_kernel) "
                     "without a user page table (ctrlreg[1])",
                     v->domain->id, v->id);
        return -XEN_EINVAL;
    }
    rc = take_root(v->domain, c->ctrlreg[3], &v->arch.guest_table);
    if (rc == 0 && c->ctrlreg[1])
        rc = take_root(v->domain, c->ctrlreg[1], &v->arch.guest_table_user);
    else if (rc == 0)
        put_root(&v->arch.guest_table_user);
    if (rc == 0)
        rc = (int)set_gdt(v, c->gdt_frames, (unsigned int)c->gdt_ents);
    if (rc) {
        if (rc != -ERESTART) {
            put_root(&v->arch.guest_table_user);
            put_root(&v->arch.guest_table);
        }
        return rc;
    }
    v->arch.ldt_base = c->ldt_base;
    v->arch.ldt_entries = (unsigned int)c->ldt_ents;
    return 0;
}

static void set_trap_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(v->arch.traps); i++) {
        const struct trap_info *ti = &c->trap_ctxt[i];

        v->arch.traps[i] = (struct guest_trap){
            .address = ti->address,
            .cs = ti->cs | 3,
            .dpl = TI_GET_DPL(ti),
            .disable_events = TI_GET_IF(ti),
        };
    }
    v->arch.event_callback_eip = c->event_callback_eip;
    v->arch.failsafe_callback_eip = c->failsafe_callback_eip;
    v->arch.syscall_callback_eip = c->syscall_callback_eip;
    v->arch.failsafe_disables_events = c->flags & VGCF_failsafe_disables_events;
    v->arch.syscall_disables_events = c->flags & VGCF_syscall_disables_events;
    set_kernel_stack(v, c->kernel_ss, c->kernel_sp);
}

static void set_registers(struct vcpu *v, const struct vcpu_guest_context *c)
{
    struct cpu_user_regs *r = &v->arch.user_regs;

    *r = c->user_regs;
    r->error_code = 0;
    r->entry_vector = 0;
    *(u64 *)&r->cs = c->user_regs.cs | 3;
    r->ss |= 3;
    v->arch.iopl = r->rflags & EFLAGS_IOPL;
    r->rflags = (r->rflags & ~(EFLAGS_IOPL | EFLAGS_NT | EFLAGS_VM)) | EFLAGS_IF | 2;

    v->arch.fs_base = c->fs_base;
    v->arch.gs_base_kernel = c->gs_base_kernel;
    v->arch.gs_base_user = c->gs_base_user;
    v->arch.ctrlreg[0] = (c->ctrlreg[0] & CR0_TS) | (read_cr0() & ~CR0_TS);
    v->arch.ctrlreg[2] = c->ctrlreg[2];
    v->arch.ctrlreg[4] = pv_fix_cr4(c->ctrlreg[4]);
    if (c->flags & VGCF_i387_valid)
        fpu_set_legacy(v, &c->fpu_ctxt);

    memset(v->arch.debugreg, 0, sizeof(v->arch.debugreg));
    v->arch.debugreg[6] = DR6_RESET;
    v->arch.debugreg[7] = DR7_RESET;
    for (unsigned int i = 0; i < ARRAY_SIZE(c->debugreg); i++)
        if (i != 4 && i != 5)
            pv_set_debugreg(v, i, c->debugreg[i]); /* a refused one stays at its reset value */
}

int arch_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    struct domain *d = v->domain;

    if (!context_addresses_ok(c)) {
        printk_guest(LOG_DEBUG,
                     "context of d%uv%u: an address in it is not canonical, or the LDT is "
                     "not the guest's",
                     d->id, v->id);
        return -XEN_EINVAL;
    }
    if (v->initialised) {
        if (!same_tables(v, c)) {
            printk_guest(LOG_DEBUG,
                         "context of d%uv%u: it has tables already, and these are others", d->id,
                         v->id);
            return -XEN_EOPNOTSUPP;
        }
    } else {
        int rc = take_tables(v, c);

        if (rc)
            return rc;
        if (v->id == 0)
            d->vm_assist = c->vm_assist & VALID_VM_ASSIST;
    }
    arch_vm_assist_changed(d);
    v->arch.flags &= TF_OLD_TABLES;
    if (c->flags & VGCF_in_kernel)
        v->arch.flags |= TF_KERNEL_MODE;
    set_trap_context(v, c);
    set_registers(v, c);
    v->arch.cr3 = v->arch.guest_table.n << PAGE_SHIFT;
    /* A domain builder may have cleared the page after we filled it in. */
    arch_update_time_record(v);
    if (v->id == 0)
        arch_update_wallclock(v->domain);
    return 0;
}

/* ---- context out ---- */

void arch_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    memset(c, 0, sizeof(*c));
    c->flags = VGCF_i387_valid;
    if (in_guest_kernel(v))
        c->flags |= VGCF_in_kernel;
    if (v->arch.failsafe_disables_events)
        c->flags |= VGCF_failsafe_disables_events;
    if (v->arch.syscall_disables_events)
        c->flags |= VGCF_syscall_disables_events;
    if (!test_bit(&v->pause_flags, VPF_DOWN))
        c->flags |= VGCF_online;
    if (v->arch.fpu)
        fpu_get_legacy(v, &c->fpu_ctxt);

    c->user_regs = v->arch.user_regs;
    if (v == current) { /* a guest cannot ask for its own, but a crash dump can */
        memcpy(&c->user_regs, guest_regs(), offsetof(struct cpu_user_regs, es));
        save_selectors(&c->user_regs);
    }
    c->user_regs.error_code &= 0xffff;
    c->user_regs.rflags |= v->arch.iopl;
    for (unsigned int i = 0; i < ARRAY_SIZE(v->arch.traps); i++) {
        const struct guest_trap *t = &v->arch.traps[i];

        c->trap_ctxt[i].vector = (u8)i;
        c->trap_ctxt[i].flags = (u8)(t->dpl | t->disable_events << 2);
        c->trap_ctxt[i].cs = t->cs;
        c->trap_ctxt[i].address = t->address;
    }
    c->ldt_base = v->arch.ldt_base;
    c->ldt_ents = v->arch.ldt_entries;
    c->gdt_ents = v->arch.gdt_entries;
    for (unsigned int i = 0; i < DIV_ROUND_UP(v->arch.gdt_entries, 512U); i++)
        c->gdt_frames[i] = v->arch.gdt_frames[i].n;
    c->kernel_ss = v->arch.kernel_ss;
    c->kernel_sp = v->arch.kernel_sp;
    c->ctrlreg[0] = v->arch.ctrlreg[0];
    c->ctrlreg[2] = v->arch.ctrlreg[2];
    c->ctrlreg[4] = v->arch.ctrlreg[4];
    if (!mfn_eq(v->arch.guest_table, INVALID_MFN))
        c->ctrlreg[3] = xen_pfn_to_cr3(v->arch.guest_table.n);
    if (!mfn_eq(v->arch.guest_table_user, INVALID_MFN))
        c->ctrlreg[1] = xen_pfn_to_cr3(v->arch.guest_table_user.n);
    memcpy(c->debugreg, v->arch.debugreg, sizeof(c->debugreg));
    c->debugreg[7] |= c->debugreg[5];
    c->debugreg[5] = 0;
    c->event_callback_eip = v->arch.event_callback_eip;
    c->failsafe_callback_eip = v->arch.failsafe_callback_eip;
    c->syscall_callback_eip = v->arch.syscall_callback_eip;
    c->vm_assist = v->domain->vm_assist;
    c->fs_base = v->arch.fs_base;
    c->gs_base_kernel = v->arch.gs_base_kernel;
    c->gs_base_user = v->arch.gs_base_user;
}

/* ---- areas in guest memory ---- */

bool arch_write_runstate(struct vcpu *v)
{
    unsigned long area = v->runstate_guest;
    struct vcpu_runstate_info r;
    u64 updating;

    vcpu_runstate_get(v, &r);
    if (!(v->domain->vm_assist & 1UL << VMASST_TYPE_runstate_update_flag))
        return put_guest(area, &r) == 0;
    /* A reader that sees the flag, or an entry time that changed, reads again. */
    updating = r.state_entry_time | XEN_RUNSTATE_UPDATE;
    if (put_guest(area + offsetof(struct vcpu_runstate_info, state_entry_time), &updating))
        return false;
    smp_wmb();
    r.state_entry_time = updating;
    if (put_guest(area, &r))
        return false;
    smp_wmb();
    r.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
    return put_guest(area + offsetof(struct vcpu_runstate_info, state_entry_time),
                     &r.state_entry_time) == 0;
}

/*
 * The areas are kernel addresses: they can be written only while the kernel's tables are loaded.
 * Otherwise enter_guest_kernel() sees the flag when the kernel is entered next.
 */
void arch_update_guest_areas(struct vcpu *v)
{
    if (!v->runstate_guest && !v->time_guest)
        return;
    if (v != current || !in_guest_kernel(v)) {
        v->arch.flags |= TF_AREAS_PENDING;
        return;
    }
    v->arch.flags &= ~TF_AREAS_PENDING;
    if (v->runstate_guest)
        arch_write_runstate(v);
    if (v->time_guest)
        time_write_secondary(v, v->time_guest);
}

/* ---- the dump of a crashed vCPU ---- */

#define DUMP_WORDS 32U

void arch_dump_vcpu(struct vcpu *v)
{
    const struct cpu_user_regs *r = v == current ? guest_regs() : &v->arch.user_regs;

    printk(LOG_ERR,
           "d%uv%u in %s mode, CR3 %016lx, CR2 %016lx, FS %016lx, GS %016lx (kernel) %016lx (user)",
           v->domain->id, v->id, in_guest_kernel(v) ? "kernel" : "user", vcpu_cr3(v),
           v->arch.ctrlreg[2], v->arch.fs_base, v->arch.gs_base_kernel, v->arch.gs_base_user);
    show_registers(r);
    if (v != current)
        return; /* its page tables are not loaded */
    printk(LOG_ERR, "Stack at %016lx:", (unsigned long)r->rsp);
    for (unsigned int i = 0; i < DUMP_WORDS; i += 4) {
        u64 w[4];

        if (get_guest(&w, r->rsp + i * 8)) {
            printk(LOG_ERR, "  (not mapped)");
            return;
        }
        printk(LOG_ERR, "  %016lx %016lx %016lx %016lx", (unsigned long)w[0], (unsigned long)w[1],
               (unsigned long)w[2], (unsigned long)w[3]);
    }
}
