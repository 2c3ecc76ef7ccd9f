/* SPDX-License-Identifier: MIT */
/*
 * xen_version with all sub-operations, multicalls, assists, console_io, and what happens to calls
 * that do not exist.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <public/features.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

static void test_version(void)
{
    long version = hypercall_xen_version(XENVER_version, NULL);

    CHECK_EQ(version >> 16, 4);
    CHECK_EQ(version & 0xffff, 17);
    CHECK_EQ(hypercall_xen_version(XENVER_pagesize, NULL), 4096);
    CHECK_EQ(hypercall_xen_version(99, NULL), -ENOSYS);
}

static void test_texts(void)
{
    xen_extraversion_t extra;
    xen_capabilities_info_t capabilities;
    xen_changeset_info_t changeset;
    xen_commandline_t command_line;
    xen_compile_info_t compile;

    CHECK_EQ(hypercall_xen_version(XENVER_extraversion, extra), 0);
    CHECK(strnlen(extra, sizeof(extra)) < sizeof(extra));
    CHECK_EQ(hypercall_xen_version(XENVER_capabilities, capabilities), 0);
    CHECK(strstr(capabilities, "xen-3.0-x86_64 ") != NULL);
    CHECK_EQ(hypercall_xen_version(XENVER_changeset, changeset), 0);
    CHECK(strnlen(changeset, sizeof(changeset)) < sizeof(changeset));
    CHECK_EQ(hypercall_xen_version(XENVER_commandline, command_line), 0);
    if (guest_is_dom0())
        CHECK(strstr(command_line, "console=") != NULL);
    else
        CHECK(strcmp(command_line, "<denied>") == 0);
    CHECK_EQ(hypercall_xen_version(XENVER_compile_info, &compile), 0);
    CHECK(strnlen(compile.compiler, sizeof(compile.compiler)) < sizeof(compile.compiler));
    CHECK_EQ(hypercall_xen_version(XENVER_extraversion, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(hypercall_xen_version(XENVER_extraversion, HYPERVISOR_ADDRESS), -EFAULT);
}

static void test_parameters(void)
{
    xen_platform_parameters_t parameters;
    xen_feature_info_t features = {.submap_idx = 0};
    xen_domain_handle_t handle;

    CHECK_EQ(hypercall_xen_version(XENVER_platform_parameters, &parameters), 0);
    CHECK_EQ(parameters.virt_start, HYPERVISOR_VIRT_START);
    CHECK_EQ(hypercall_xen_version(XENVER_get_features, &features), 0);
    CHECK_EQ(features.submap & (1u << XENFEAT_hvm_callback_vector), 0);
    CHECK_EQ(features.submap & (1u << XENFEAT_mmu_pt_update_preserve_ad),
             1u << XENFEAT_mmu_pt_update_preserve_ad);
    CHECK_EQ(features.submap & (1u << XENFEAT_highmem_assist), 1u << XENFEAT_highmem_assist);
    features.submap_idx = 1;
    CHECK_EQ(hypercall_xen_version(XENVER_get_features, &features), -EINVAL);
    CHECK_EQ(hypercall_xen_version(XENVER_guest_handle, handle), 0);
    CHECK_EQ(hypercall_xen_version(XENVER_get_features, UNMAPPED_ADDRESS), -EFAULT);
}

static void test_build_id(void)
{
    union {
        xen_build_id_t id;
        unsigned char room[64];
    } buffer = {.id.len = 0};
    long size = hypercall_xen_version(XENVER_build_id, NULL);

    if (!guest_is_dom0()) {
        CHECK_EQ(size, -EPERM);
        return;
    }
    CHECK_EQ(size, 20);
    buffer.id.len = 20;
    CHECK_EQ(hypercall_xen_version(XENVER_build_id, &buffer), 20);
    buffer.id.len = 3;
    CHECK_EQ(hypercall_xen_version(XENVER_build_id, &buffer), -ENOBUFS);
    buffer.id.len = 0;
    CHECK_EQ(hypercall_xen_version(XENVER_build_id, &buffer), -EINVAL);
}

static void test_multicall(void)
{
    multicall_entry_t calls[4] = {
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_version, 0}},
        {.op = __HYPERVISOR_xen_version, .args = {99, 0}},
        {.op = 63},
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_pagesize, 0}},
    };
    multicall_entry_t nested = {.op = __HYPERVISOR_multicall, .args = {(unsigned long)calls, 4}};

    CHECK_EQ(hypercall_multicall(calls, 4), 0);
    CHECK_EQ(calls[0].result, 4 << 16 | 17);
    CHECK_EQ((long)calls[1].result, -ENOSYS);
    CHECK_EQ((long)calls[2].result, -ENOSYS);
    CHECK_EQ(calls[3].result, 4096);
    CHECK_EQ(hypercall_multicall(&nested, 1), 0);
    CHECK_EQ((long)nested.result, -EINVAL);
    CHECK_EQ(hypercall_multicall(calls, 0), 0);
    CHECK_EQ(hypercall_multicall(UNMAPPED_ADDRESS, 1), -EFAULT);
    CHECK_EQ(hypercall_multicall(HYPERVISOR_ADDRESS, 1), -EFAULT);
}

/* Page-table work in a batch, as kernels do it. */
static void test_multicall_mmu(void)
{
    char *window = window_reserve(2);
    uint64_t *page = page_alloc_zeroed();
    multicall_entry_t calls[3] = {
        {.op = __HYPERVISOR_update_va_mapping,
         .args = {(unsigned long)window, make_pte(va_to_mfn(page), PTE_KERNEL_DATA), UVMF_INVLPG}},
        {.op = __HYPERVISOR_update_va_mapping,
         .args = {(unsigned long)window + PAGE_SIZE, make_pte(va_to_mfn(page), PTE_KERNEL_RO),
                  UVMF_INVLPG}},
        {.op = __HYPERVISOR_stack_switch, .args = {FLAT_KERNEL_SS, 0xffffffff80001000}},
    };

    CHECK_EQ(hypercall_multicall(calls, 3), 0);
    CHECK_EQ(calls[0].result | calls[1].result | calls[2].result, 0);
    *(volatile uint64_t *)window = 0x5a5a;
    CHECK_EQ(*(volatile uint64_t *)(window + PAGE_SIZE), 0x5a5a);
    calls[0].args[1] = calls[1].args[1] = 0;
    CHECK_EQ(hypercall_multicall(calls, 2), 0);
    window_release(window, 2);
    page_free(page);
}

static void test_unknown(void)
{
    static const unsigned int numbers[] = {11, 27, 43, 47, 50, 55, 63, 64, 1000, 0x7fffffff};

    for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        long result = hypercall_any(numbers[i], 0, 0, 0, 0, 0, 0);

        if (result != -ENOSYS)
            test_fail(__FILE__, __LINE__, "hypercall %u gives %ld", numbers[i], result);
    }
}

static void test_vm_assist(void)
{
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), 0);
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_4gb_segments), 0);
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3), 0);
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_m2p_strict), 0);
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_architectural_iopl), 0);
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_architectural_iopl), 0);
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_enable, 63), -EINVAL);
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_enable, 64), -EINVAL);
    CHECK_EQ(hypercall_vm_assist(9, VMASST_TYPE_writable_pagetables), -ENOSYS);
}

static void test_console_io(void)
{
    char buffer[16];

    if (!guest_is_dom0()) {
        CHECK_EQ(hypercall_console_io(CONSOLEIO_read, sizeof(buffer), buffer), -EPERM);
        return;
    }
    CHECK_EQ(hypercall_console_io(CONSOLEIO_write, 0, buffer), 0);
    CHECK_EQ(hypercall_console_io(CONSOLEIO_read, sizeof(buffer), buffer), 0);
    CHECK_EQ(hypercall_console_io(CONSOLEIO_write, 4, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(hypercall_console_io(CONSOLEIO_write, 4, HYPERVISOR_ADDRESS), -EFAULT);
    CHECK_EQ(hypercall_console_io(99, 4, buffer), -ENOSYS);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"version", test_version},       {"texts", test_texts},
        {"parameters", test_parameters}, {"build_id", test_build_id},
        {"multicall", test_multicall},   {"multicall_mmu", test_multicall_mmu},
        {"unknown", test_unknown},       {"vm_assist", test_vm_assist},
        {"console_io", test_console_io}, {NULL, NULL},
    };

    run_tests(tests);
}
