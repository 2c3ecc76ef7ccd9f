/* SPDX-License-Identifier: MIT */
/* Any text as a domain's configuration: it parses or gets a message, and nothing leaks. */
/* SOURCES: dom0-tools/error.c dom0-tools/config/config.c dom0-tools/config/guest_config.c */
#include <stdint.h>
#include <stdlib.h>

#include <tools/guest_config.h>

static void warn(void *context, const char *text)
{
    (void)context;
    (void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guest_config g;
    struct config c;
    struct error e = {""};

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
