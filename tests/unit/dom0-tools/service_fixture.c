/* SPDX-License-Identifier: MIT */
/* The service on the fake machine. */
/* CFLAGS: -Idom0-tools */
#include "service_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <image/elf.h>
#include <public/elfnote.h>
#include <service/console_archive.h>
#include <service/domains.h>
#include <service/memory_target.h>
#include <service/store_clients.h>

#include "fake_platform.h"

uint8_t kernel[32768], ramdisk[RAMDISK_SIZE];
char notices[2048];

static void notice(const char *text)
{
    snprintf(notices + strlen(notices), sizeof(notices) - strlen(notices), "%s\n", text);
}

static void add_bytes(size_t *at, uint32_t type, const void *desc, uint32_t length)
{
    struct elf_note note = {.n_namesz = 4, .n_descsz = length, .n_type = type};

    memcpy(kernel + *at, &note, sizeof(note));
    memcpy(kernel + *at + sizeof(note), "Xen", 4);
    memcpy(kernel + *at + sizeof(note) + 4, desc, length);
    *at += sizeof(note) + 4 + length;
}

static void add_note(size_t *at, uint32_t type, uint64_t number)
{
    add_bytes(at, type, &number, sizeof(number));
}

void make_kernel(bool modern)
{
    size_t notes_at = 4096 + KERNEL_SIZE, at = notes_at;
    struct elf_header h = {
        .e_magic = {0x7f, 'E', 'L', 'F'},
        .e_class = ELF_CLASS_64,
        .e_data = ELF_DATA_LITTLE,
        .e_type = ELF_TYPE_EXEC,
        .e_machine = ELF_MACHINE_X86_64,
        .e_phoff = sizeof(h),
        .e_phnum = 2,
        .e_phentsize = sizeof(struct elf_segment),
    };
    struct elf_segment p[2] = {
        {.p_type = ELF_PT_LOAD,
         .p_offset = 4096,
         .p_paddr = KERNEL_AT,
         .p_filesz = KERNEL_SIZE,
         .p_memsz = KERNEL_SIZE + 100},
        {.p_type = ELF_PT_NOTE, .p_offset = notes_at},
    };

    memset(kernel, 0, sizeof(kernel));
    for (size_t i = 0; i < KERNEL_SIZE; i++)
        kernel[4096 + i] = (uint8_t)(i * 13);
    add_bytes(&at, XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
    add_bytes(&at, XEN_ELFNOTE_LOADER, "generic", 8);
    add_note(&at, XEN_ELFNOTE_VIRT_BASE, BASE);
    add_note(&at, XEN_ELFNOTE_ENTRY, ENTRY);
    add_note(&at, XEN_ELFNOTE_HYPERCALL_PAGE, BASE + KERNEL_AT + 0x1000);
    if (modern) {
        add_note(&at, XEN_ELFNOTE_INIT_P2M, OWN_P2M);
        add_note(&at, XEN_ELFNOTE_MOD_START_PFN, 1);
    }
    p[1].p_filesz = at - notes_at;
    memcpy(kernel, &h, sizeof(h));
    memcpy(kernel + sizeof(h), p, sizeof(p));
    fake_add_file("/kernel", kernel, at);
}

struct guest_config config = {
    .name = "test",
    .kernel = (char *)"/kernel",
    .ramdisk = (char *)"/ramdisk",
    .cmdline = (char *)"hello world",
    .memory_mib = 16,
    .maxmem_mib = 16,
    .vcpus = 1,
    .maxvcpus = 2,
    .on_poweroff = STOP_DESTROY,
    .on_reboot = STOP_RESTART,
    .on_crash = STOP_RENAME_RESTART,
    .on_watchdog = STOP_DESTROY,
    .on_soft_reset = STOP_SOFT_RESET,
};

int setup(void **state)
{
    struct error e;

    fake_reset();
    notices[0] = '\0';
    make_kernel(false);
    for (size_t i = 0; i < RAMDISK_SIZE; i++)
        ramdisk[i] = (uint8_t)(i * 7);
    fake_add_file("/ramdisk", ramdisk, RAMDISK_SIZE);
    assert_int_equal(service_start(notice, &e), 0);
    return 0;
}

int teardown(void **state)
{
    struct error e;

    /* A test that failed may have left a domain half built, which would be waited for. */
    fake_on_yield(NULL);
    for (struct managed_domain *d = service_domains; d; d = d->next)
        d->life = LIFE_STOPPED;
    while (service_domains)
        assert_int_equal(service_destroy(service_domains->domid, &e), 0);
    assert_int_equal(fake_mappings(), 0);
    console_archive_clear();
    memory_targets_stop();
    store_disconnect(service_tools);
    store_destroy(service_store);
    assert_int_equal(fake_blocks(), 0);
    return 0;
}
