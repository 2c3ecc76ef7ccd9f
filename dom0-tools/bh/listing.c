/* SPDX-License-Identifier: MIT */
/* Going through the domains, and what is said of each: see listing.h. */
#include "listing.h"

#include <stdlib.h>

#include <tools/control.h>
#include <tools/service.h>

#define LIST_CHUNK 32

void bh_print_seconds(int width, uint64_t ns)
{
    bh_print("%*llu.%llu", width - 2, (unsigned long long)(ns / SECOND),
             (unsigned long long)(ns % SECOND / (SECOND / 10)));
}

static int show_named(const struct bh_call *call, const domid_t *domids, int named,
                      void (*show)(const domain_info *info, void *context), void *context)
{
    int status = 0;

    for (int i = 0; i < named; i++) {
        domain_info info;

        if (control_domain_info(domids[i], &info))
            status = bh_fail(call, "domain %u has gone away", domids[i]);
        else
            show(&info, context);
    }
    return status;
}

int bh_each_domain(const struct bh_call *call, const domid_t *domids, int named,
                   void (*show)(const domain_info *info, void *context), void *context)
{
    domain_info *list;
    struct error e;
    domid_t next = 0;
    int count;

    if (named)
        return show_named(call, domids, named, show, context);
    list = malloc(LIST_CHUNK * sizeof(*list));
    if (!list)
        return bh_fail(call, "not enough memory");
    do {
        count = control_list(next, list, LIST_CHUNK, &e);
        for (int i = 0; i < count; i++)
            show(&list[i], context);
        if (count > 0)
            next = (domid_t)(list[count - 1].domain + 1);
    } while (count == LIST_CHUNK);
    free(list);
    return count < 0 ? bh_fail(call, "%s", e.text) : 0;
}

void bh_print_domain(domid_t domid, unsigned int columns)
{
    char name[GUEST_NAME_SIZE];

    bh_print_padded(service_name(domid, name), columns);
}

void json_domain(struct json *j, domid_t domid)
{
    char name[GUEST_NAME_SIZE];

    json_text(j, "name", service_name(domid, name));
}
