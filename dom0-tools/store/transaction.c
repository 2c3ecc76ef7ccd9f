/* SPDX-License-Identifier: MIT */
/*
 * Transactions.
 *
 * A transaction holds the root it began with and its own working root; it notes each path that it
 * looked at or changed, and each change. Ending it compares the noted paths in the root it began
 * with and in the live one: if all are unchanged, the changes are repeated on the live tree. So two
 * transactions conflict only if they touch the same nodes.
 *
 * The nodes that a transaction makes in its working root are charged to its owner, like its other
 * memory. Old roots keep former versions of all nodes alive, which no domain is charged for; so
 * beyond a bound the oldest transactions continue from the live root.
 */
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "store_internal.h"

#ifndef HELD_BYTES            /* the fuzzer has few */
#define HELD_BYTES (1u << 20) /* of former versions, more than was left by the last look */
#endif

#define PATH_STEPS   8u    /* what looking at a path in a tree counts as, or changing it */
#define FOLLOW_STEPS 4096u /* after which a request leaves the others to the next one */

struct transaction *transaction_find(struct store_connection *c, uint32_t id)
{
    struct transaction *t = c->transactions;

    while (t && t->id != id)
        t = t->next;
    return t;
}

static void charge(struct transaction *t, size_t bytes)
{
    t->bytes += bytes;
    xs_charge(t->owner, (long)bytes);
}

/* Sets what the transaction is charged for the nodes that it has made. */
static void charge_made(struct transaction *t, size_t bytes)
{
    struct store *s = t->owner->store;

    xs_charge(t->owner, (long)(bytes - t->made));
    s->made += bytes - t->made;
    t->made = bytes;
}

static struct touched **touched_bucket(struct transaction *t, uint32_t hash)
{
    return &t->buckets[hash >> (32 - TOUCHED_BITS)];
}

static struct touched *find_touched(struct transaction *t, const char *path, uint32_t hash)
{
    struct touched *touched = *touched_bucket(t, hash);

    for (; touched; touched = touched->bucket_next) {
        t->owner->store->steps++;
        if (touched->hash == hash && !strcmp(touched->path, path))
            break;
    }
    return touched;
}

static int add_touched(struct transaction *t, const char *path, uint32_t hash,
                       struct touched **found)
{
    size_t length = strlen(path) + 1;
    struct touched *touched, **bucket = touched_bucket(t, hash);

    if (t->touched_count >= t->limit)
        return XEN_ENOSPC;
    if (connection_is_over_memory(t->owner))
        return XEN_ENOMEM;
    touched = malloc(sizeof(*touched) + length);
    if (!touched)
        return XEN_ENOMEM;
    memcpy(touched->path, path, length);
    touched->hash = hash;
    touched->removed = touched->told = false;
    touched->next = t->touched;
    t->touched = touched;
    touched->bucket_next = *bucket;
    *bucket = touched;
    t->touched_count++;
    charge(t, sizeof(*touched) + length + BLOCK_OVERHEAD);
    *found = touched;
    return 0;
}

int transaction_touch(struct transaction *t, const char *path, struct touched **found)
{
    struct touched *touched;
    uint32_t hash;
    int error = 0;

    if (!t)
        return 0;
    hash = hash_bytes(t->owner->store->seed, path, strlen(path));
    touched = find_touched(t, path, hash);
    if (!touched)
        error = add_touched(t, path, hash, &touched);
    if (!error && found)
        *found = touched;
    return error;
}

/* Keeps a change that was made on the transaction's tree. */
static void keep_change(struct transaction *t, struct change *change)
{
    *t->changes_end = change;
    t->changes_end = &change->next;
    t->change_count++;
    change->touched->removed |= change->kind == CHANGE_REMOVE;
    charge(t, sizeof(*change) + change->perm_count * sizeof(*change->perms) + change->length +
                  strlen(change->path) + 1 + BLOCK_OVERHEAD);
}

int transaction_change(struct transaction *t, struct change *change, const struct tree_node *node)
{
    const struct tree_forest *forest = &t->owner->store->forest;
    size_t before = forest->bytes;
    struct tree_edit edit;
    int error = change_make(t->owner, &t->work, &t->created, change, node, &edit);

    tree_edit_end(&edit);
    /* What @base has, it keeps: only nodes that the transaction has made come and go. */
    charge_made(t, t->made + (forest->bytes - before));
    if (error)
        free(change);
    else
        keep_change(t, change);
    return error;
}

/* Puts a transaction behind those whose base is older. */
static void line_up(struct transaction *t)
{
    struct store *s = t->owner->store;

    t->later = NULL;
    t->earlier = s->newest_end;
    *s->newest_end = t;
    s->newest_end = &t->later;
    s->transaction_count++;
}

static void leave_line(struct transaction *t)
{
    struct store *s = t->owner->store;

    *t->earlier = t->later;
    if (t->later)
        t->later->earlier = t->earlier;
    else
        s->newest_end = t->earlier;
    s->transaction_count--;
}

static void free_transaction(struct transaction *t)
{
    while (t->touched) {
        struct touched *touched = t->touched;

        t->touched = touched->next;
        free(touched);
    }
    while (t->changes) {
        struct change *change = t->changes;

        t->changes = change->next;
        free(change);
    }
    leave_line(t);
    charge_made(t, 0);
    xs_charge(t->owner, -(long)t->bytes);
    tree_release(t->base);
    tree_release(t->work);
    free(t);
}

int xs_transaction_start(struct store_connection *c, uint32_t *transaction)
{
    struct transaction *t;
    unsigned int open = 0;

    for (t = c->transactions; t; t = t->next)
        open++;
    if (!c->privileged && open >= c->limits->transactions)
        return XEN_ENOSPC;
    if (connection_is_over_memory(c))
        return XEN_ENOMEM;
    t = calloc(1, sizeof(*t));
    if (!t)
        return XEN_ENOMEM;
    do
        t->id = ++c->last_transaction;
    while (t->id == STORE_NO_TRANSACTION || transaction_find(c, t->id));
    t->owner = c;
    charge(t, sizeof(*t) + BLOCK_OVERHEAD);
    t->base = tree_hold(c->store->root);
    t->work = tree_hold(c->store->root);
    t->changes_end = &t->changes;
    t->limit = c->privileged ? UINT32_MAX : c->limits->changes;
    t->next = c->transactions;
    c->transactions = t;
    line_up(t);
    *transaction = t->id;
    return 0;
}

/* Whether all that the transaction depends on is in the live tree as it was when it began. */
static bool still_valid(struct store *s, const struct transaction *t)
{
    for (const struct touched *touched = t->touched; touched; touched = touched->next) {
        const struct tree_node *before = tree_find(t->base, touched->path);
        const struct tree_node *now = tree_find(s->root, touched->path);

        s->steps += PATH_STEPS;
        if (before != now && (!before || !now || before->stamp != now->stamp))
            return false;
        /*
         * Of what is not there, the folders above count: it would be made in them, with their
         * rights.
         */
        if (!now && tree_missing(t->base, touched->path) != tree_missing(s->root, touched->path))
            return false;
    }
    return true;
}

/* What came of making a transaction's changes again. */
struct replay {
    struct tree_node *root;
    int created; /* as in struct transaction */
    size_t made;
};

/*
 * Makes the changes again, from the live tree. @return 0, the errno of the first change that cannot
 * be made (the others are), or XEN_ENOMEM, and then has stopped.
 */
static int replay(struct store *s, const struct transaction *t, struct replay *r)
{
    size_t before = s->forest.bytes;
    int first = 0;

    r->root = tree_hold(s->root);
    r->created = 0;
    for (const struct change *change = t->changes; change; change = change->next) {
        const struct tree_node *node;
        struct tree_edit edit;
        int error = change_check(t->owner, r->root, r->created, change, &node);

        s->steps += PATH_STEPS;
        if (!error) {
            error = change_make(t->owner, &r->root, &r->created, change, node, &edit);
            tree_edit_end(&edit);
        }
        if (error == XEN_ENOMEM) {
            first = error;
            break;
        }
        if (error && !first)
            first = error == XEN_ENOSPC ? error : XEN_EAGAIN;
    }
    r->made = s->forest.bytes - before;
    return first;
}

/* Has the transaction's tree be what replay() came to. */
static void take_replay(struct transaction *t, const struct replay *r)
{
    tree_release(t->work);
    t->work = r->root;
    t->created = r->created;
    charge_made(t, r->made);
}

/*
 * Fires the watches for what a commit has changed since @former: once for each path, however many
 * changes it had, as in Xen's store. Nobody hears of what has come and gone within.
 */
static void fire_changes(struct store *s, const struct tree_node *former,
                         const struct transaction *t)
{
    watches_retry(s);
    for (const struct change *change = t->changes; change; change = change->next) {
        struct touched *touched = change->touched;
        const struct tree_node *before;

        if (touched->told)
            continue;
        touched->told = true;
        before = tree_find(former, change->path);
        if (before || tree_find(s->root, change->path))
            watches_fire(s, before, change->path, touched->removed);
    }
}

/* Makes the changes again on the live tree, all or none, then fires the watches. */
static int commit(struct store_connection *c, struct transaction *t)
{
    struct store *s = c->store;
    struct tree_node *former;
    struct replay rehearsal;
    int error = t->failed || !still_valid(s, t) ? XEN_EAGAIN : 0;

    if (error || !t->changes)
        return error;
    /* A rehearsal on a root of its own finds what would fail, before anything counts. */
    tree_release(t->work);
    t->work = tree_hold(t->base);
    error = replay(s, t, &rehearsal);
    take_replay(t, &rehearsal);
    if (error)
        return error;
    former = s->root;
    s->root = tree_hold(t->work);
    store_recount(s, former, s->root);
    charge_made(t, 0); /* they are live now */
    fire_changes(s, former, t);
    tree_release(former);
    return 0;
}

/*
 * Has a transaction continue from the live tree. What it has looked at is as it was, so it sees the
 * same; or it is not, and the transaction has failed, though it is told at its end only. Without
 * memory it stays where it is.
 */
static void follow(struct store *s, struct transaction *t)
{
    bool valid = still_valid(s, t);
    struct replay r;
    int error = replay(s, t, &r);

    if (error == XEN_ENOMEM) {
        tree_release(r.root);
        return;
    }
    t->failed = t->failed || !valid || error == XEN_EAGAIN;
    tree_release(t->base);
    t->base = tree_hold(s->root);
    take_replay(t, &r);
}

/* The bytes of former trees: what is not live, without what transactions have made. */
static size_t former_bytes(const struct store *s)
{
    return xs_memory_held(s) - s->made;
}

void transactions_follow(struct store *s)
{
    uint64_t end = s->steps + FOLLOW_STEPS;

    for (unsigned int left = s->transaction_count;; left--) {
        size_t bytes = former_bytes(s);
        struct transaction *t = s->oldest;

        if (bytes < s->held || !left)
            s->held = bytes; /* with none left: nobody can let go of these */
        if (bytes - s->held < HELD_BYTES || s->steps >= end)
            return;
        follow(s, t);
        leave_line(t);
        line_up(t);
    }
}

int xs_transaction_end(struct store_connection *c, uint32_t transaction, bool wanted)
{
    struct transaction **link = &c->transactions;
    struct transaction *t;
    int error;

    while (*link && (*link)->id != transaction)
        link = &(*link)->next;
    t = *link;
    if (!t)
        return XEN_ENOENT;
    *link = t->next;
    error = wanted ? commit(c, t) : 0;
    free_transaction(t);
    transactions_follow(c->store);
    return error;
}

void transactions_drop(struct store_connection *c)
{
    while (c->transactions) {
        struct transaction *t = c->transactions;

        c->transactions = t->next;
        free_transaction(t);
    }
}
