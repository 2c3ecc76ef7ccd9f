/* SPDX-License-Identifier: MIT */
/*
 * Start of day: from the builder's entry point to guest_main(), in the order of dependencies. There
 * is no recovery: a failure is reported and the domain crashes.
 */
#include <console.h>
#include <guest.h>
#include <hypercall.h>
#include <stdlib.h>
#include <thread.h>

#include "internal.h"

start_info_t *start_info;
shared_info_t *shared_info;

/* A page of the image whose mapping is replaced by the shared page. */
static char shared_info_page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

extern void (*const init_array_start[])(void);
extern void (*const init_array_end[])(void);

static void map_shared_info(void)
{
    pte_t pte = make_pte(start_info->shared_info >> PAGE_SHIFT, PTE_KERNEL_DATA);

    if (hypercall_update_va_mapping(shared_info_page, pte, UVMF_INVLPG))
        guest_panic("cannot map the shared page");
    shared_info = (shared_info_t *)shared_info_page;
}

/* Constructors of linked archives: liblzma chooses its checksum code in one. */
static void run_constructors(void)
{
    bool enabled = events_disable();

    for (void (*const *constructor)(void) = init_array_start; constructor < init_array_end;
         constructor++)
        (*constructor)();
    events_restore(enabled);
}

static void first_thread(void *argument)
{
    store_init();
    guest_main();
    guest_shutdown(SHUTDOWN_poweroff);
}

void guest_start(start_info_t *info)
{
    start_info = info;
    map_shared_info();
    vcpu_init();
    traps_init();
    memory_init();
    console_init();
    events_init();
    clock_init();
    threads_init();
    console_start_input();
    run_constructors();
    if (!thread_create("main", first_thread, NULL))
        guest_panic("no memory for the first thread");
    threads_run();
}
