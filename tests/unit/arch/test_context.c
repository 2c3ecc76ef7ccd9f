/* SPDX-License-Identifier: MIT */
/*
 * Contexts of new vCPUs (arch/x86/domain.c): the roots that they take, and what is left of those
 * when it takes several tries. And what a vCPU has to do before it runs on, when it comes back to
 * its CPU (arch/x86/context.c).
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) hypervisor/vcpu_op.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/pv.h>
#include <guest_access.h>
#include <hypercall.h>
#include <public/vcpu.h>

#include "own_frames.h"

#define FRAMES      14U
#define KERNEL_ROOT 4U /* with a table of each level in the frames behind it */
#define USER_ROOT   8U
#define TRIES       100

static struct vcpu_guest_context context;

bool tscs_differ;
static unsigned int time_records; /* written since the test began */
static const struct vcpu *record_of;

void arch_update_time_record(struct vcpu *v)
{
    time_records++;
    record_of = v;
}

/* A root, not validated, with a table of each level below it. */
static void make_root(unsigned int root)
{
    for (unsigned int n = root; n < root + 4; n++) {
        assert_int_equal(map(n, 0), 0);
        memset(words(n), 0, PAGE_SIZE);
        if (n < root + 3)
            words(n)[1] = maddr(n + 1) | PTE_PRESENT | PTE_WRITE | PTE_USER;
    }
}

static int setup(void **state)
{
    machine_start(FRAMES);
    machine_switch(1, 0);
    vcpu_reset(current->domain->vcpu[1]);
    make_root(KERNEL_ROOT);
    make_root(USER_ROOT);
    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel;
    context.ctrlreg[3] = xen_pfn_to_cr3(mfn(KERNEL_ROOT));
    context.ctrlreg[1] = xen_pfn_to_cr3(mfn(USER_ROOT));
    return 0;
}

static int teardown(void **state)
{
    host_preempt_every(0);
    machine_check();
    machine_end();
    return 0;
}

/* @return what the last of the tries answers */
static int set_context(struct vcpu *v)
{
    int rc = -ERESTART;

    for (unsigned int tries = 0; tries < TRIES && rc == -ERESTART; tries++) {
        rc = arch_set_context(v, &context);
        host_return_to_guest();
    }
    return rc;
}

static void expect_roots(u32 counts)
{
    assert_int_equal(types(KERNEL_ROOT), counts);
    assert_int_equal(types(USER_ROOT), counts);
}

/* A try that is preempted keeps the root that it has, else the tries would never end. */
static void preempted_tries_come_to_an_end(void **state)
{
    struct vcpu *v = current->domain->vcpu[1];

    host_preempt_every(1);
    assert_int_equal(arch_set_context(v, &context), -ERESTART);
    assert_int_equal(set_context(v), 0);
    assert_int_equal(v->arch.guest_table.n, mfn(KERNEL_ROOT));
    assert_int_equal(v->arch.guest_table_user.n, mfn(USER_ROOT));
    expect_roots(1);
    assert_int_equal(arch_vcpu_reset(v), 0);
}

/* A context that is refused in the end leaves neither root behind. */
static void refused_context_gives_its_roots_back(void **state)
{
    struct vcpu *v = current->domain->vcpu[1];

    context.gdt_ents = 1;
    context.gdt_frames[0] = ~0UL;
    host_preempt_every(1);
    assert_int_equal(set_context(v), -XEN_EINVAL);
    host_return_to_guest();
    expect_roots(0);
    assert_int_equal(v->arch.guest_table.n, INVALID_MFN.n);
    assert_int_equal(v->arch.guest_table_user.n, INVALID_MFN.n);
}

/* A later try may have another context: what only the first one named goes. */
static void another_try_with_other_roots(void **state)
{
    struct vcpu *v = current->domain->vcpu[1];
    int rc;

    host_preempt_every(1);
    do {
        rc = arch_set_context(v, &context);
        assert_int_equal(rc, -ERESTART);
        host_return_to_guest();
    } while (mfn_eq(v->arch.guest_table, INVALID_MFN));
    context.ctrlreg[3] = context.ctrlreg[1];
    context.ctrlreg[1] = 0;
    assert_int_equal(set_context(v), 0);
    host_return_to_guest();
    assert_int_equal(types(KERNEL_ROOT), 0);
    assert_int_equal(types(USER_ROOT), 1);
    assert_int_equal(v->arch.guest_table_user.n, INVALID_MFN.n);
    assert_int_equal(arch_vcpu_reset(v), 0);
}

/*
 * While another vCPU of the domain has page tables validated, which may take long, this one does
 * not wait; and what it needs the domain's lock for it gets.
 */
static void nobody_waits_for_a_context(void **state)
{
    struct domain *d = current->domain;

    memcpy(host_guest, &context, sizeof(context));
    assert_true(spin_trylock(&d->context_lock));
    assert_int_equal(do_vcpu_op(VCPUOP_initialise, 1, GUEST(0)), HOST_CONTINUED);
    host_return_to_guest();
    assert_int_equal(do_vcpu_op(VCPUOP_up, 1, 0), -XEN_EINVAL);
    spin_unlock(&d->context_lock);
    assert_int_equal(do_vcpu_op(VCPUOP_initialise, 1, GUEST(0)), 0);
    assert_int_equal(do_vcpu_op(VCPUOP_initialise, 1, GUEST(0)), -XEN_EEXIST);
    expect_roots(1);
    assert_int_equal(arch_vcpu_reset(d->vcpu[1]), 0);
}

/* A vCPU continues to take its old tables apart when it comes back; another vCPU does not. */
static void old_tables_wait_for_their_vcpu(void **state)
{
    struct vcpu *v = current;

    arch_old_tables_left();
    assert_true(get_cpu_info()->exit_work & EXIT_WORK_TABLES);
    machine_switch(2, 0);
    assert_false(get_cpu_info()->exit_work & EXIT_WORK_TABLES);
    machine_run(v);
    assert_true(get_cpu_info()->exit_work & EXIT_WORK_TABLES);
    pv_exit_work(guest_regs());
    assert_false(get_cpu_info()->exit_work & EXIT_WORK_TABLES);
    assert_false(v->arch.flags & TF_OLD_TABLES);
}

/* Where TSCs differ, the record of a vCPU is that of the CPU that it comes to. */
static void time_record_follows_the_tsc(void **state)
{
    struct vcpu *v = current;

    time_records = 0;
    machine_switch(2, 0);
    machine_run(v);
    assert_int_equal(time_records, 0);
    tscs_differ = true;
    machine_switch(2, 0);
    assert_int_equal(time_records, 1);
    assert_ptr_equal(record_of, current);
    machine_run(v);
    assert_int_equal(time_records, 2);
    assert_ptr_equal(record_of, v);
    tscs_differ = false;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(preempted_tries_come_to_an_end), TEST(refused_context_gives_its_roots_back),
        TEST(another_try_with_other_roots),   TEST(nobody_waits_for_a_context),
        TEST(old_tables_wait_for_their_vcpu), TEST(time_record_follows_the_tsc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
