/* SPDX-License-Identifier: MIT */
/*
 * What the store holds of a domain, where libxl has it: a node below /local/domain/DOMID, one below
 * /vm/UUID, one below /libxl/DOMID. Private to dom0-tools/platform/linux.
 */
#ifndef TOOLS_LINUX_DOMAIN_NODES_H
#define TOOLS_LINUX_DOMAIN_NODES_H

#include <stdbool.h>

#include <platform.h>
#include <tools/error.h>

/* Reads /local/domain/DOMID/NODE. @return its value, which the caller frees, or NULL. */
char *domain_node_read(domid_t domid, const char *node);

/* Writes it, if it is there already. @return 0, or -1 with the reason in @e. */
int domain_node_change(domid_t domid, const char *node, const char *value, struct error *e);

/*
 * Reads when the domain was created: seconds since 1970. @return false if that is not in the store.
 */
bool domain_start_time(domid_t domid, uint64_t *seconds);

/*
 * Whether xl has given the domain devices with back ends, beside its console. @return 1; 0; -1 with
 * the reason in @e: the store does not tell.
 */
int domain_has_devices(domid_t domid, struct error *e);

/* Changes the name, here and in the domain's /vm/UUID. @return 0, or -1 with the reason in @e. */
int domain_name_change(domid_t domid, const char *name, struct error *e);

/* Has the domain's kernel use the first @online of its @count vCPUs, all of that or nothing. */
int domain_availability_change(domid_t domid, unsigned int online, unsigned int count,
                               struct error *e);

/* Removes all nodes of a domain of that number and UUID. */
void domain_nodes_remove(domid_t domid, const uint8_t uuid[16]);

#endif
