/* SPDX-License-Identifier: MIT */
/*
 * Any text as a domain's configuration, or as the description of a disk or network interface: it
 * parses or gets a message, and nothing leaks.
 */
/* SOURCES: dom0-tools/error.c dom0-tools/config/config.c dom0-tools/config/guest_config.c */
/* SOURCES: dom0-tools/utf8.c dom0-tools/config/foreign_keys.c */
/* SOURCES: dom0-tools/config/device_list.c dom0-tools/config/parameters.c */
/* SOURCES: dom0-tools/config/cpu_list.c */
/* SOURCES: dom0-tools/config/disk_config.c dom0-tools/config/vif_config.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tools/guest_config.h>

static void warn(void *context, const char *text)
{
}

static void describe(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    const char *texts[] = {text};
    struct disk_config disk;
    struct vif_config vif;
    struct error e = {""};

    if (disk_config_parse(&disk, texts, 1, &e) && !e.text[0])
        abort();
    e.text[0] = '\0';
    if (vif_config_parse(&vif, texts, 1, &e) && !e.text[0])
        abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guest_config g;
    struct config c;
    struct error e = {""};

    describe(data, size);
    config_init(&c);
    if (!config_parse(&c, "f", (const char *)data, size, &e)) {
        if (!guest_config_read(&g, &c, "f", warn, NULL, &e))
            guest_config_free(&g);
        else if (!e.text[0])
            abort(); /* a refusal without a reason */
    } else if (!e.text[0]) {
        abort();
    }
    config_free(&c);
    return 0;
}
