/* SPDX-License-Identifier: MIT */
/*
 * Why a frame cannot be had, in words: for the log of a guest whose kernel is being ported.
 *
 * An errno says that an operation was refused; the kernel's author wants to know what the frame is
 * instead. It is looked up after the refusal, so all that is read may have changed meanwhile.
 */
#include <domain.h>
#include <page.h>

static const char *table_state(u64 state)
{
    if (state & (PG_BUSY | PG_PARTIAL))
        return ", not yet done";
    return state & PG_PINNED ? ", pinned" : "";
}

/* Writes to @text what a frame of @state is in use as. */
static void describe_use(char *text, size_t size, u64 state)
{
    switch (state & PG_TYPE_MASK) {
    case PG_TYPE_WRITABLE:
        snprintf(text, size, "it is mapped writable (%lu times)",
                 (unsigned long)page_type_count(state));
        break;
    case PG_TYPE_SEGDESC:
        snprintf(text, size, "it is a descriptor table");
        break;
    case PG_TYPE_NONE:
        snprintf(text, size, "it is ours, and read-only");
        break;
    default:
        snprintf(text, size, "it is an L%lu table%s",
                 (unsigned long)((state & PG_TYPE_MASK) >> PG_TYPE_SHIFT), table_state(state));
        break;
    }
}

static void describe_frame(char *text, size_t size, mfn_t mfn, const struct domain *d, u64 type)
{
    const struct page *pg = mfn_to_page(mfn);
    const struct domain *owner;
    u64 state;

    if (!mfn_valid(mfn)) {
        snprintf(text, size, "it is not RAM");
        return;
    }
    state = READ_ONCE(pg->state);
    owner = page_owner(pg);
    if (!page_refs(state) || !owner)
        snprintf(text, size, "frame %lx has no owner; is it a pfn?", mfn.n);
    else if (owner != d)
        snprintf(text, size, "frame %lx is d%u's, not d%u's; is it a pfn?", mfn.n, owner->id,
                 d->id);
    else if (type != PG_TYPE_NONE && page_type_count(state) && (state & PG_TYPE_MASK) != type)
        describe_use(text, size, state);
    else if (!page_refs_ok(state))
        snprintf(text, size, "it has as many references as it can have");
    else
        snprintf(text, size, "its contents are refused");
}

void page_refused(const char *what, mfn_t mfn, const struct domain *d, u64 type)
{
    char why[96];

    describe_frame(why, sizeof(why), mfn, d, type);
    printk_guest(LOG_DEBUG, "%s %lx: %s", what, mfn.n, why);
}
