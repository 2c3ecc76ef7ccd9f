/* SPDX-License-Identifier: MIT */
/*
 * The drivers of the built-in dom0: its own devices first, then the back ends that lend them to
 * other domains. After builtin_store_attach().
 */
#include <stdio.h>

#include <drivers/blkback.h>
#include <drivers/netback.h>
#include <drivers/undriven.h>
#include <drivers/virtio_blk.h>
#include <drivers/virtio_net.h>

#include "builtin.h"

void builtin_drivers_start(void)
{
    virtio_blk_init();
    virtio_net_init();
    undriven_report();
    if (blkback_init())
        printf("The block back driver does not start.\n");
    if (netback_start())
        printf("The network back driver does not start.\n");
}
