/* SPDX-License-Identifier: MIT */
/*
 * What each vCPU of each domain of the stress test does by chance: it writes, gives back,
 * exchanges and grants pages, makes page tables of them, maps what other domains grant, opens and
 * rings ports, waits, and goes down until another vCPU brings it up. It checks all that it reads.
 *
 * The pages, tables, addresses and ports of a worker are used by its vCPU alone, so there are no
 * locks: what vCPUs and domains share is the hypervisor. Only to pages whose content is nobody's
 * others write, too, so that their CPUs remember where these were.
 */
#ifndef STRESS_H
#define STRESS_H

#include <grant.h>
#include <guest.h>
#include <memory.h>
#include <public/event_channel.h>
#include <public/grant_table.h>
#include <stdbool.h>
#include <stdint.h>

#include "hostile.h"

#define STRESS_PEERS 6u /* the domains 0 to 5 work, and know each other by these numbers */
#define STRESS_VCPUS 4u

enum stress_stage { STRESS_STARTS, STRESS_WORKS, STRESS_DONE };

/* What a domain tells dom0, and what dom0 tells it. A domU's is in its shared page. */
struct stress_board {
    uint32_t stage;  /* enum stress_stage */
    uint32_t stop;   /* dom0 wants all vCPUs to come to an end */
    uint64_t frame;  /* one of its frames, which may be another's by now */
    uint32_t claims; /* of the right to write the text: the first one has it */
    uint32_t troubles;
    char text[200]; /* what the first trouble was */
    struct {
        uint64_t steps, maps, moves, pins, nmis; /* that went well */
    } done[STRESS_VCPUS];
};
#define STRESS_BOARD_OFFSET 3328u

/* Pages by what they hold. Other domains are offered the first two of each vCPU. */
enum {
    PAGE_PUBLIC,  /* content that follows from domain and vCPU; others may read it */
    PAGE_MAILBOX, /* anything; others may write to it */
    PAGE_DATA,    /* from here on: what its vCPU wrote */
    PAGES = 8,
};
#define OFFERED_PAGES 2u

#define TREE_PAGES 5u /* a root, one table of each other level, and the page that they map */
#define SLOTS      4u
#define PORTS      6u

/* Pages that another domain grants are mapped here. */
struct slot {
    uint8_t *va;
    bool mapped;
    bool by_entry; /* the entry was named, not the address */
    unsigned int page;
    uint64_t tag;
    grant_handle_t handle;
};

struct worker {
    struct hostile random;
    struct stress_board *board;
    domid_t domain;
    unsigned int vcpu;
    bool finished;

    uint8_t *pages[PAGES];
    uint64_t tags[PAGES];
    uint8_t *tree[TREE_PAGES];
    bool tree_pinned, on_tree;
    struct slot slots[SLOTS];
    int timer_port; /* VIRQ_TIMER; not of vCPU 0, where threads use it */
    evtchn_port_t ports[PORTS];
};

/* The workers of this domain, by vCPU. */
extern struct worker stress_workers[STRESS_VCPUS];

/* ---- stress-work.c ---- */

/* Prepares a vCPU before it is started; called on vCPU 0. */
void stress_prepare(unsigned int vcpu, struct stress_board *board);

/* Its own vCPU begins, does one thing by chance, and puts everything back. */
void stress_begin(struct worker *w);
void stress_step(struct worker *w);
void stress_end(struct worker *w);

/* Reports what is wrong. The domain continues. */
void stress_trouble(struct worker *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Waits for at most @nanoseconds. */
void stress_nap(struct worker *w, uint64_t nanoseconds);

static inline bool stress_chance(struct worker *w, unsigned int of)
{
    return hostile_below(&w->random, of) == 0;
}

/* ---- stress-pages.c: what is done with pages of this domain ---- */

void stress_fill(uint8_t *page, uint64_t tag);
bool stress_is_filled(const uint8_t *page, uint64_t tag);

/* What the page of another worker holds. */
uint64_t stress_public_tag(domid_t domain, unsigned int vcpu);

void stress_check_pages(struct worker *w);
void stress_rewrite(struct worker *w);
void stress_exchange(struct worker *w);
/* Gives the page another frame, with any content. @return false: somebody uses the old one */
bool stress_move(struct worker *w, unsigned int page);
void stress_give_back(struct worker *w);
void stress_meddle(struct worker *w);
void stress_pin(struct worker *w);
void stress_tree(struct worker *w);
void stress_drop_tree(struct worker *w);
void stress_ldt(struct worker *w);
void stress_flush(struct worker *w);

/* ---- stress-grants.c ---- */

/* Offers a page to all domains, or to none: false if one of them uses it. */
void stress_offer(struct worker *w, unsigned int page);
bool stress_revoke(struct worker *w, unsigned int page);

void stress_map(struct worker *w);
void stress_unmap(struct worker *w, struct slot *slot);
void stress_copy(struct worker *w);

/* ---- stress-vcpus.c: events, time, and vCPUs ---- */

void stress_ports(struct worker *w);
void stress_close_ports(struct worker *w);
void stress_wait(struct worker *w);
void stress_vcpus(struct worker *w);

#endif
