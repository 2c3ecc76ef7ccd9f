/* SPDX-License-Identifier: MIT */
/* The near ends of a domain's store and console rings: see domain_rings.h. */
#include "domain_rings.h"

#include "console_archive.h"
#include "store_clients.h"

static struct index console_ports;

int domain_rings_attach(struct managed_domain *d, const struct build_result *built, struct error *e)
{
    d->console_page = platform_map_frames(d->domid, &built->console_frame, 1, true);
    if (!d->console_page)
        return error_set(e, "mapping the console's ring failed");
    d->console = console_open(d->console_page);
    if (!d->console)
        return error_set(e, "not enough memory");
    if (store_client_attach(d->domid, built->store_frame, built->store_port, e))
        return -1;
    d->console_port = platform_port_bind(d->domid, built->console_port);
    if (d->console_port < 0)
        return error_set(e, "binding the console's event channel: %s",
                         error_words(-d->console_port));
    index_enter(&console_ports, &d->by_port, (uint32_t)d->console_port);
    return 0;
}

void domain_rings_detach(struct managed_domain *d)
{
    if (d->exists)
        store_client_detach(d->domid);
    index_leave(&d->by_port);
    if (d->console_port >= 0)
        platform_port_close(d->console_port);
    d->console_port = -1;
    if (d->console) {
        console_stop(d->console); /* after its last words */
        for (; console_is_behind(d->console); platform_yield())
            console_show(d->console);
        console_archive_keep(d->domid, d->config.name, d->console);
        console_close(d->console);
    }
    d->console = NULL;
    if (d->console_page)
        platform_unmap_frames(d->console_page, 1);
    d->console_page = NULL;
}

bool domain_rings_show_last_words(struct managed_domain *d)
{
    if (!d->console)
        return false;
    domain_rings_console_turn(d);
    return console_is_behind(d->console);
}

void domain_rings_serve(int port)
{
    struct index_entry *e = index_first(&console_ports, (uint32_t)port);
    struct managed_domain *d = index_owner_or_null(e, struct managed_domain, by_port);

    if (d && d->console)
        domain_rings_console_turn(d);
}

void domain_rings_console_turn(struct managed_domain *d)
{
    if (console_turn(d->console))
        platform_port_notify(d->console_port);
    if (console_is_behind(d->console))
        platform_wake();
}
