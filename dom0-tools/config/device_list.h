/* SPDX-License-Identifier: MIT */
/* Reading lists of devices. Private to dom0-tools/config. */
#ifndef TOOLS_CONFIG_DEVICE_LIST_H
#define TOOLS_CONFIG_DEVICE_LIST_H

#include <tools/guest_config.h>

/*
 * Fill the list in @g from a setting, replacing its former contents. @return 0, or -1 with the
 * reason in @e.
 */
int read_disk_list(struct guest_config *g, const struct config_setting *s, struct error *e);
int read_vif_list(struct guest_config *g, const struct config_setting *s, struct error *e);

#endif
