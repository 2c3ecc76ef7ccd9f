/* SPDX-License-Identifier: MIT */
/*
 * The table of domains: by id in hash chains, which are read without a lock, and as a set of ids,
 * which says in order which there are. A second set holds the ids of domains whose state has
 * changed since the toolstack last asked (XEN_DOMCTL_get_domain_state): with a thousand domains it
 * need not look at all of them when one ends.
 */
#include <domain.h>
#include <domain_table.h>

#define ID_WORDS ((DOMID_FIRST_RESERVED + BITS_PER_LONG - 1U) / BITS_PER_LONG)

struct domain *domain_buckets[DOMAIN_BUCKETS];

static unsigned long ids[ID_WORDS];     /* of domains that are not system domains */
static unsigned long changed[ID_WORDS]; /* the same, or of domains that are gone */
static spinlock_t table_lock = SPINLOCK_INIT(RANK_DOMAIN_LIST);

void domain_table_insert(struct domain *d)
{
    struct domain **bucket = &domain_buckets[d->id % DOMAIN_BUCKETS];

    spin_lock(&table_lock);
    d->hash_next = *bucket;
    store_release(bucket, d);
    if (!d->system)
        set_bit(ids, d->id);
    spin_unlock(&table_lock);
}

void domain_table_remove(struct domain *d)
{
    struct domain **link = &domain_buckets[d->id % DOMAIN_BUCKETS];

    spin_lock(&table_lock);
    while (*link != d)
        link = &(*link)->hash_next;
    store_release(link, d->hash_next);
    if (!find_domain(d->id)) /* a new one may have got the id already */
        clear_bit(ids, d->id);
    spin_unlock(&table_lock);
}

void domain_state_changed(const struct domain *d)
{
    set_bit(changed, d->id);
}

/* @return the first id of @set that is at least @id, or DOMID_FIRST_RESERVED */
static unsigned int next_id(const unsigned long *set, unsigned int id)
{
    while (id < DOMID_FIRST_RESERVED) {
        unsigned long rest = READ_ONCE(set[id / BITS_PER_LONG]) >> id % BITS_PER_LONG;

        if (rest)
            return id + (unsigned int)__builtin_ctzl(rest);
        id = (id | (BITS_PER_LONG - 1U)) + 1;
    }
    return DOMID_FIRST_RESERVED;
}

struct domain *get_next_domain(domid_t id)
{
    unsigned int next = id;

    while ((next = next_id(ids, next)) < DOMID_FIRST_RESERVED) {
        struct domain *d = get_domain_by_id((domid_t)next);

        if (d)
            return d;
        next++;
    }
    return NULL;
}

bool domain_take_changed(domid_t *id)
{
    unsigned int next = 0;

    while ((next = next_id(changed, next)) < DOMID_FIRST_RESERVED) {
        if (test_and_clear_bit(changed, next)) {
            *id = (domid_t)next;
            return true;
        }
    }
    return false;
}
