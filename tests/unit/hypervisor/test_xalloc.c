/* SPDX-License-Identifier: MIT */
/* SOURCES: hypervisor/xalloc.c hypervisor/page_alloc.c hypervisor/spinlock.c */
/* SOURCES: tests/host/machine.c */
/* Small objects: they are zero, aligned, do not overlap, and every byte and frame comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <host.h>

/* What page_alloc.c wants of the rest; nothing here belongs to a domain. */
void heap_reset(void);
void heap_reset(void)
{
}

static unsigned long flushes;

/* It may wait for other CPUs, and these for a lock or an answer of this one. */
void tlb_flush_stale(const cpumask_t *mask, u32 stamp)
{
    BUG_ON(this_cpu()->nr_locks_held || !local_irq_is_enabled());
    atomic_add(&flushes, 1);
}

void tlb_relax(void)
{
}

bool softirq_pending(void)
{
    return false;
}

void page_flush_caches(struct page *pg)
{
}

void arch_set_m2p(mfn_t mfn, unsigned long pfn)
{
}

bool get_domain(struct domain *d)
{
    return true;
}

void put_domain(struct domain *d)
{
}

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static int group_setup(void **state)
{
    host_boot_memory(2048, 2);
    return 0;
}

static void sizes(void **state)
{
    for (size_t size = 1; size <= 3 * PAGE_SIZE; size += size < 200 ? 1 : 97) {
        u8 *p = xzalloc_bytes(size), *q = xzalloc_bytes(size);

        assert_non_null(p);
        assert_int_equal((unsigned long)p % (size >= PAGE_SIZE ? PAGE_SIZE : 16), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i] | q[i], 0);
        assert_true(p + size <= q || q + size <= p);
        memset(p, 0xff, size);
        memset(q, 0xff, size);
        xfree(p);
        xfree(q);
        assert_int_equal(xalloc_in_use(), 0);
    }
    xfree(NULL);
}

static void random_objects(void **state)
{
    enum { N = 400 };
    static u8 *obj[N];
    static size_t size[N];
    unsigned long free = heap_free_pages();
    unsigned int seed = 11;

    for (unsigned int i = 0; i < 60000; i++) {
        unsigned int k;

        seed = seed * 1103515245 + 12345;
        k = (seed >> 16) % N;
        if (obj[k]) {
            for (size_t b = 0; b < size[k]; b += MAX(size[k] / 8, (size_t)1))
                assert_int_equal(obj[k][b], (u8)k);
            xfree(obj[k]);
            obj[k] = NULL;
        } else {
            size[k] = 1 + (seed >> 8) % (seed >> 30 ? 300 : 6000);
            obj[k] = xzalloc_bytes(size[k]);
            assert_non_null(obj[k]);
            assert_int_equal(obj[k][0] | obj[k][size[k] - 1], 0);
            memset(obj[k], (int)k, size[k]);
        }
    }
    for (unsigned int k = 0; k < N; k++)
        xfree(obj[k]);
    assert_int_equal(xalloc_in_use(), 0);
    assert_int_equal(heap_free_pages(), free);
}

static void out_of_memory(void **state)
{
    unsigned long free = heap_free_pages();
    void **list = NULL, **p;

    /* Here all frames that were freed are flushed for and used again. */
    flushes = 0;
    while ((p = xzalloc_bytes(100)) != NULL) {
        *p = list;
        list = p;
    }
    assert_null(xzalloc_bytes(PAGE_SIZE));
    assert_int_equal(heap_free_pages(), 0);
    assert_true(flushes > 0);
    while (list) {
        p = *list;
        xfree(list);
        list = p;
    }
    assert_int_equal(heap_free_pages(), free);
}

/* pthread.h includes <sched.h>, and that is the hypervisor's here. */
int pthread_create(unsigned long *thread, const void *attr, void *(*fn)(void *), void *arg);
int pthread_join(unsigned long thread, void **result);
int sched_setaffinity(int thread, size_t bytes, const void *mask);

static unsigned int started;

static void *allocate_on(void *cpu)
{
    unsigned long self = (unsigned long)cpu, mask = 1UL << self;

    sched_setaffinity(0, sizeof(mask), &mask); /* else both may share one for long */
    host_run_on((unsigned int)self);
    local_irq_enable();
    atomic_add(&started, 1);
    while (load_acquire(&started) < 2)
        cpu_relax();
    for (unsigned int i = 0; i < 800000; i++)
        xfree(xzalloc_bytes(self ? PAGE_SIZE : 1));
    return NULL;
}

/* Small and large objects are counted together, on all CPUs. */
static void two_cpus(void **state)
{
    unsigned long thread;

    assert_int_equal(pthread_create(&thread, NULL, allocate_on, (void *)1), 0);
    allocate_on((void *)0);
    pthread_join(thread, NULL);
    assert_int_equal(xalloc_in_use(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(random_objects),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(two_cpus),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
