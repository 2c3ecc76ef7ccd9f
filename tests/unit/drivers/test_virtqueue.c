/* SPDX-License-Identifier: MIT */
/* SOURCES: pv-guest/drivers/virtqueue.c */
/*
 * Virtqueues against a device made of plain code: chains of all lengths with and without indirect
 * descriptors, notifications with and without EVENT_IDX, indices that wrap, and a device that lies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <drivers/virtqueue.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 16u

/* Both sides of one queue. "Machine addresses" are pointers. */
struct fixture {
    struct virtqueue queue;
    char *descriptors, *rings;
    struct virtqueue_slot *slots;
    volatile uint16_t doorbell;
    struct virtq_avail *avail;
    struct virtq_used *used;
    uint16_t taken; /* the device's place in the available ring */
};

static struct fixture *make(bool indirect, bool event_idx)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->descriptors = aligned_alloc(4096, 4096);
    f->rings = aligned_alloc(4096, 4096);
    f->slots = calloc(SIZE, sizeof(*f->slots));
    memset(f->descriptors, 0, 4096);
    memset(f->rings, 0, 4096);
    f->doorbell = 0xffff;
    virtqueue_init(&f->queue, 3, SIZE, f->descriptors, f->rings, f->slots, &f->doorbell, indirect,
                   event_idx);
    f->avail = (void *)(f->rings + VIRTQUEUE_AVAIL_OFFSET);
    f->used = (void *)(f->rings + VIRTQUEUE_USED_OFFSET);
    return f;
}

static void end(struct fixture *f)
{
    free(f->descriptors);
    free(f->rings);
    free(f->slots);
    free(f);
}

static bool rung(struct fixture *f)
{
    bool was = f->doorbell == 3;

    f->doorbell = 0xffff;
    return was;
}

/* A table of `count` descriptors that are linked 0, 2, 3 ... 1, as the block driver does. */
static void make_table(struct virtq_desc *table, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        uint16_t next = (uint16_t)(i == 0 ? 2 : i + 1u == count ? 1 : i + 1);
        uint16_t flags = VIRTQ_DESC_NEXT;

        if (count == 2 && i == 0)
            next = 1;
        if (i == 1 || count == 1)
            flags = next = 0;
        virtq_desc_set(&table[i], 0x1000 * (i + 1), 100 + i, VIRTQ_DESC_LINK(flags, next));
    }
}

static bool add(struct fixture *f, struct virtq_desc *table, unsigned int count, void *token)
{
    return virtqueue_add(&f->queue, table, (uintptr_t)table, count, 1000, token);
}

/*
 * The device: takes the next chain and checks that it has what make_table() made. @return its id.
 */
static uint16_t device_take(struct fixture *f, unsigned int count)
{
    struct virtq_desc *all = (void *)f->descriptors, *table = all, *at;
    uint16_t id = f->avail->ring[f->taken++ % SIZE];
    unsigned int left = count;

    assert_true(id < SIZE);
    at = &all[id];
    if (at->flags & VIRTQ_DESC_INDIRECT) {
        assert_int_equal(at->flags, VIRTQ_DESC_INDIRECT);
        assert_int_equal(at->length, count * 16);
        at = table = (void *)(uintptr_t)at->address;
    }
    for (unsigned int i = 0;; left--) {
        assert_int_equal(at->address, 0x1000 * (i + 1));
        assert_int_equal(at->length, 100 + i);
        if (!(at->flags & VIRTQ_DESC_NEXT))
            break;
        i = i == 0 ? (count == 2 ? 1 : 2) : i + 1 == count ? 1 : i + 1;
        at = &table[at->next];
    }
    assert_int_equal(left, 1);
    return id;
}

static void device_return(struct fixture *f, uint32_t id, uint32_t length)
{
    f->used->ring[f->used->index % SIZE] = (struct virtq_used_entry){.id = id, .length = length};
    f->used->index++;
}

static void expect(struct fixture *f, void *token, uint32_t length)
{
    uint32_t got = 0;

    assert_ptr_equal(virtqueue_get(&f->queue, &got), token);
    assert_int_equal(got, length);
}

static void expect_nothing(struct fixture *f)
{
    uint32_t got;

    assert_null(virtqueue_get(&f->queue, &got));
}

static void chains_come_back(bool indirect)
{
    struct fixture *f = make(indirect, true);
    struct virtq_desc table[SIZE];

    /* Long enough for all indices to wrap. */
    for (unsigned int round = 0; round < 70000; round++) {
        unsigned int count = round % SIZE + 1;

        make_table(table, count);
        assert_true(add(f, table, count, &table[round % SIZE]));
        virtqueue_kick(&f->queue);
        assert_int_equal(f->avail->index, (uint16_t)(round + 1));
        device_return(f, device_take(f, count), round % 1001);
        expect(f, &table[round % SIZE], round % 1001);
        expect_nothing(f);
        assert_int_equal(f->queue.free_count, SIZE);
    }
    end(f);
}

static void indirect_chains(void **state)
{
    chains_come_back(true);
}

static void direct_chains(void **state)
{
    chains_come_back(false);
}

static void full(bool indirect, unsigned int count, unsigned int fit)
{
    struct fixture *f = make(indirect, false);
    struct virtq_desc tables[SIZE][4];
    uint16_t ids[SIZE];

    for (unsigned int i = 0; i < SIZE; i++)
        make_table(tables[i], count);
    for (unsigned int i = 0; i < fit; i++)
        assert_true(add(f, tables[i], count, tables[i]));
    assert_false(add(f, tables[0], count, tables[0]));
    virtqueue_kick(&f->queue);
    for (unsigned int i = 0; i < fit; i++)
        ids[i] = device_take(f, count);
    /* In any order. */
    for (unsigned int i = 0; i < fit; i++)
        device_return(f, ids[(i * 3 + 1) % fit], 0);
    for (unsigned int i = 0; i < fit; i++)
        expect(f, tables[(i * 3 + 1) % fit], 0);
    for (unsigned int i = 0; i < fit; i++)
        assert_true(add(f, tables[i], count, tables[i]));
    assert_false(add(f, tables[0], count, tables[0]));
    end(f);
}

static void full_queue(void **state)
{
    full(true, 4, 16);
    full(false, 4, 4);
    full(false, 1, 16);
    full(false, 3, 5);
}

static void device_is_woken_when_it_asks(void **state)
{
    struct fixture *f = make(true, true);
    struct virtq_desc table[2];
    uint16_t *avail_event = (void *)&f->used->ring[SIZE];

    make_table(table, 2);
    virtqueue_kick(&f->queue);
    assert_false(rung(f));
    /* It wants to hear of entry 0, then of entry 3. */
    add(f, table, 2, table);
    assert_int_equal(f->avail->index, 0);
    virtqueue_kick(&f->queue);
    assert_true(rung(f));
    *avail_event = 3;
    add(f, table, 2, table);
    add(f, table, 2, table);
    virtqueue_kick(&f->queue);
    assert_false(rung(f));
    add(f, table, 2, table);
    add(f, table, 2, table);
    virtqueue_kick(&f->queue);
    assert_true(rung(f));
    virtqueue_kick(&f->queue);
    assert_false(rung(f));
    end(f);

    f = make(true, false);
    add(f, table, 2, table);
    virtqueue_kick(&f->queue);
    assert_true(rung(f));
    f->used->flags = VIRTQ_USED_NO_NOTIFY;
    add(f, table, 2, table);
    virtqueue_kick(&f->queue);
    assert_false(rung(f));
    end(f);
}

static void interrupts_are_asked_for(void **state)
{
    struct fixture *f = make(true, true);
    const uint16_t *used_event = &f->avail->ring[SIZE];
    struct virtq_desc table[2];

    make_table(table, 2);
    add(f, table, 2, table);
    virtqueue_kick(&f->queue);
    assert_true(virtqueue_rearm(&f->queue));
    assert_int_equal(*used_event, 0);
    device_return(f, device_take(f, 2), 0);
    assert_false(virtqueue_rearm(&f->queue));
    expect(f, table, 0);
    assert_true(virtqueue_rearm(&f->queue));
    assert_int_equal(*used_event, 1);
    end(f);
}

/* ---- A device that lies ---- */

static void lie(uint32_t id, uint32_t length, uint16_t index)
{
    struct fixture *f = make(true, true);
    struct virtq_desc table[2];

    make_table(table, 2);
    add(f, table, 2, table);
    virtqueue_kick(&f->queue);
    f->used->ring[0] = (struct virtq_used_entry){.id = id, .length = length};
    f->used->index = index;
    expect_nothing(f);
    assert_true(f->queue.broken);
    assert_true(virtqueue_rearm(&f->queue)); /* no endless loop */
    expect_nothing(f);
    assert_ptr_equal(virtqueue_detach(&f->queue), table);
    assert_null(virtqueue_detach(&f->queue));
    end(f);
}

static void wrong_answers(void **state)
{
    lie(1, 0, 1);
    lie(SIZE, 0, 1);
    lie(0xffffffff, 0, 1);
    lie(0x10000, 0, 1);
    lie(0, 1001, 1);
    lie(0, 0xffffffff, 1);
}

static void an_index_that_jumps(void **state)
{
    struct fixture *f = make(true, true);
    struct virtq_desc table[2];

    make_table(table, 2);
    add(f, table, 2, table);
    virtqueue_kick(&f->queue);
    f->used->index = 0x8000;
    expect(f, table, 0);
    expect_nothing(f);
    assert_true(f->queue.broken);
    end(f);
}

/* The same chain twice, and one in the middle of another. */
static void answers_about_others(void **state)
{
    struct fixture *f = make(false, true);
    struct virtq_desc table[4];
    uint16_t id;

    make_table(table, 4);
    add(f, table, 4, table);
    virtqueue_kick(&f->queue);
    id = device_take(f, 4);
    device_return(f, id, 0);
    device_return(f, id, 0);
    expect(f, table, 0);
    expect_nothing(f);
    assert_true(f->queue.broken);
    end(f);

    f = make(false, true);
    add(f, table, 4, table);
    virtqueue_kick(&f->queue);
    device_return(f, f->slots[device_take(f, 4)].next, 0);
    expect_nothing(f);
    assert_true(f->queue.broken);
    end(f);
}

/* Any bytes in what the device can write. */
static void random_answers(void **state)
{
    unsigned int seed = 1;

    for (unsigned int round = 0; round < 20000; round++) {
        struct fixture *f = make(round & 1, round & 2);
        struct virtq_desc tables[SIZE][4];
        unsigned int given = 0, back = 0;
        uint32_t length;

        for (unsigned int i = 0; i < SIZE; i++) {
            make_table(tables[i], 4);
            given += add(f, tables[i], 4, tables[i]);
        }
        virtqueue_kick(&f->queue);
        for (unsigned int i = 0; i < SIZE; i++)
            f->used->ring[i] = (struct virtq_used_entry){(uint32_t)rand_r(&seed) % (SIZE + 1),
                                                         (uint32_t)rand_r(&seed) % 1002};
        f->used->index = (uint16_t)rand_r(&seed);
        f->used->flags = (uint16_t)rand_r(&seed);
        while (virtqueue_get(&f->queue, &length)) {
            assert_true(length <= 1000);
            back++;
        }
        while (virtqueue_detach(&f->queue))
            back++;
        assert_int_equal(back, given);
        assert_int_equal(f->queue.free_count, SIZE);
        end(f);
    }
}

/* Both sides looked too early: neither notified the other. */
static void lost_events_are_found(void **state)
{
    for (int event_idx = 0; event_idx < 2; event_idx++) {
        struct fixture *f = make(true, event_idx);
        struct virtq_desc table[3];
        uint16_t *avail_event = (uint16_t *)&f->used->ring[SIZE];
        uint32_t length;

        make_table(table, 3);
        assert_false(virtqueue_recheck(&f->queue));
        assert_false(rung(f));
        /* The device sleeps without having seen the chain that we did not ring for. */
        *avail_event = 7;
        f->used->flags = VIRTQ_USED_NO_NOTIFY;
        assert_true(add(f, table, 3, table));
        virtqueue_kick(&f->queue);
        assert_false(rung(f));
        assert_false(virtqueue_recheck(&f->queue));
        assert_true(rung(f));
        /* It used the chain and did not interrupt. */
        *avail_event = 1;
        f->used->ring[0] = (struct virtq_used_entry){.id = device_take(f, 3), .length = 10};
        f->used->index = 1;
        assert_true(virtqueue_recheck(&f->queue));
        assert_ptr_equal(virtqueue_get(&f->queue, &length), table);
        assert_false(virtqueue_recheck(&f->queue));
        assert_false(rung(f));
        end(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indirect_chains),
        cmocka_unit_test(direct_chains),
        cmocka_unit_test(full_queue),
        cmocka_unit_test(device_is_woken_when_it_asks),
        cmocka_unit_test(interrupts_are_asked_for),
        cmocka_unit_test(wrong_answers),
        cmocka_unit_test(an_index_that_jumps),
        cmocka_unit_test(answers_about_others),
        cmocka_unit_test(random_answers),
        cmocka_unit_test(lost_events_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
