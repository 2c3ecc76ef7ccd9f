/* SPDX-License-Identifier: MIT */
/* Sets of integers as a sorted array of disjoint, non-adjacent ranges. Small: a domain's resources
 * are few. */
#include <lib.h>
#include <page_alloc.h>
#include <public/errno.h>
#include <rangeset.h>
#include <spinlock.h>

struct range {
    unsigned long first, last;
};

struct rangeset {
    spinlock_t lock;
    unsigned int count, capacity;
    struct range *ranges;
};

struct rangeset *rangeset_new(void)
{
    struct rangeset *r = xzalloc(struct rangeset);

    if (r)
        spin_lock_init(&r->lock, RANK_RANGESET);
    return r;
}

void rangeset_free(struct rangeset *r)
{
    if (!r)
        return;
    xfree(r->ranges);
    xfree(r);
}

/* Makes room for one more range. */
static int reserve_one(struct rangeset *r)
{
    unsigned int capacity = r->capacity ? r->capacity * 2 : 8;
    struct range *ranges;

    if (r->count < r->capacity)
        return 0;
    ranges = xzalloc_array(struct range, capacity);
    if (!ranges)
        return -XEN_ENOMEM;
    if (r->count)
        memcpy(ranges, r->ranges, r->count * sizeof(*ranges));
    xfree(r->ranges);
    r->ranges = ranges;
    r->capacity = capacity;
    return 0;
}

/* @return the index of the first range whose end is at or above @x */
static unsigned int find_range(const struct rangeset *r, unsigned long x)
{
    unsigned int lo = 0, hi = r->count;

    while (lo < hi) {
        unsigned int mid = (lo + hi) / 2;

        if (r->ranges[mid].last < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void remove_at(struct rangeset *r, unsigned int from, unsigned int to)
{
    memmove(&r->ranges[from], &r->ranges[to], (r->count - to) * sizeof(*r->ranges));
    r->count -= to - from;
}

static void insert_at(struct rangeset *r, unsigned int i, unsigned long first, unsigned long last)
{
    memmove(&r->ranges[i + 1], &r->ranges[i], (r->count - i) * sizeof(*r->ranges));
    r->ranges[i] = (struct range){first, last};
    r->count++;
}

int rangeset_add(struct rangeset *r, unsigned long first, unsigned long last)
{
    unsigned int i, j;
    int rc;

    if (first > last)
        return -XEN_EINVAL;
    spin_lock(&r->lock);
    rc = reserve_one(r);
    if (rc)
        goto out;
    /* All ranges that overlap or touch the new one become one range. */
    i = find_range(r, first ? first - 1 : 0);
    for (j = i; j < r->count && (last == ~0UL || r->ranges[j].first <= last + 1); j++) {
        first = MIN(first, r->ranges[j].first);
        last = MAX(last, r->ranges[j].last);
    }
    if (j > i) {
        r->ranges[i] = (struct range){first, last};
        remove_at(r, i + 1, j);
    } else {
        insert_at(r, i, first, last);
    }
out:
    spin_unlock(&r->lock);
    return rc;
}

int rangeset_remove(struct rangeset *r, unsigned long first, unsigned long last)
{
    unsigned int i;
    int rc;

    if (first > last)
        return -XEN_EINVAL;
    spin_lock(&r->lock);
    rc = reserve_one(r); /* cutting the middle out of a range makes two */
    if (rc)
        goto out;
    i = find_range(r, first);
    while (i < r->count && r->ranges[i].first <= last) {
        struct range *it = &r->ranges[i];

        if (it->first < first && it->last > last) {
            unsigned long end = it->last;

            it->last = first - 1;
            insert_at(r, i + 1, last + 1, end);
            break;
        }
        if (it->first < first) {
            it->last = first - 1;
            i++;
        } else if (it->last > last) {
            it->first = last + 1;
            break;
        } else {
            remove_at(r, i, i + 1);
        }
    }
out:
    spin_unlock(&r->lock);
    return rc;
}

bool rangeset_contains(const struct rangeset *r, unsigned long first, unsigned long last)
{
    struct rangeset *rw = (struct rangeset *)(unsigned long)r; /* only its lock is written */
    unsigned int i;
    bool in;

    if (!r || first > last)
        return false;
    spin_lock(&rw->lock);
    i = find_range(r, first);
    in = i < r->count && r->ranges[i].first <= first && r->ranges[i].last >= last;
    spin_unlock(&rw->lock);
    return in;
}

int rangeset_for_each(const struct rangeset *r,
                      int (*fn)(unsigned long first, unsigned long last, void *arg), void *arg)
{
    struct rangeset *rw = (struct rangeset *)(unsigned long)r; /* only its lock is written */
    int rc = 0;

    if (!r)
        return 0;
    spin_lock(&rw->lock);
    for (unsigned int i = 0; i < r->count && !rc; i++)
        rc = fn(r->ranges[i].first, r->ranges[i].last, arg);
    spin_unlock(&rw->lock);
    return rc;
}
