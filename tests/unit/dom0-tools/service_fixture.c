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

#include <public/elfnote.h>
#include <service/console_archive.h>
#include <service/domains.h>
#include <service/memory_target.h>
#include <service/store_clients.h>

#include "fake_platform.h"

struct file kernel;
uint8_t ramdisk[RAMDISK_SIZE];
char notices[2048];

static void notice(const char *text)
{
    snprintf(notices + strlen(notices), sizeof(notices) - strlen(notices), "%s\n", text);
}

void make_kernel(bool modern)
{
    const struct elf_variant old = {
        .text_size = KERNEL_SIZE,
        .bss_size = 100,
        .extra = {{XEN_ELFNOTE_MOD_START_PFN, .drop = true}},
    };
    const struct elf_variant new = {
        .text_size = KERNEL_SIZE,
        .bss_size = 100,
        .extra = {{XEN_ELFNOTE_INIT_P2M, .number = OWN_P2M}},
    };

    free(kernel.bytes);
    kernel = make_elf(modern ? &new : &old);
    fake_add_file("/kernel", kernel.bytes, kernel.size);
}

static struct cpu_set cpus[] = {{{2}}, {{6}}};

struct guest_config config = {
    .name = "test",
    .kernel = (char *)"/kernel",
    .ramdisk = (char *)"/ramdisk",
    .cmdline = (char *)"hello world",
    .memory_mib = 16,
    .maxmem_mib = 16,
    .vcpus = 1,
    .maxvcpus = 2,
    .cpus = {.sets = cpus, .count = 2, .each = true},
    .cpus_soft = {.sets = cpus, .count = 1},
    .cpu_weight = 512,
    .cap = 150,
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
    free(kernel.bytes);
    kernel.bytes = NULL;
    assert_int_equal(fake_blocks(), 0);
    return 0;
}
