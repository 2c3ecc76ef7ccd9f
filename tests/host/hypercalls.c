/* SPDX-License-Identifier: MIT */
/* Hypercalls as a guest makes them, with continuations followed. See host.h. */
#include <grant_table.h>
#include <host.h>

long host_memory_op(unsigned int cmd, void *op, unsigned long size)
{
    long rc;

    memcpy(host_guest, op, size);
    rc = do_memory_op(cmd, GUEST(0));
    while (rc == HOST_CONTINUED)
        rc = do_memory_op(host_continued.args[0], host_continued.args[1]);
    memcpy(op, host_guest, size);
    return rc;
}

long host_grant_op(unsigned int cmd, void *ops, unsigned long size, unsigned int count)
{
    long rc;

    memcpy(host_guest, ops, size * count);
    rc = do_grant_table_op(cmd, GUEST(0), count);
    while (rc == HOST_CONTINUED)
        rc = do_grant_table_op((unsigned int)host_continued.args[0], host_continued.args[1],
                               (unsigned int)host_continued.args[2]);
    memcpy(ops, host_guest, size * count);
    return rc;
}
