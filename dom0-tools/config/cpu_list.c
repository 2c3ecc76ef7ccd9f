/* SPDX-License-Identifier: MIT */
/* Lists of CPUs: see tools/cpu_list.h. */
#include <stdio.h>
#include <string.h>

#include <tools/cpu_list.h>

#define LAST_CPU (CPU_SET_CPUS - 1)

/* Where in a list the reader stands, and the list as a whole for messages. */
struct cpu_list_reader {
    const char *at, *text;
    struct error *error;
};

static void skip_blanks(struct cpu_list_reader *r)
{
    r->at += strspn(r->at, " \t");
}

static int not_a_list(const struct cpu_list_reader *r)
{
    return error_set(r->error,
                     "'%.100s' is not a list of CPUs: expected \"all\", or numbers and ranges such "
                     "as \"0-3,5,^1\"",
                     r->text);
}

static int read_cpu(struct cpu_list_reader *r, unsigned int *cpu)
{
    unsigned int value = 0;

    skip_blanks(r);
    if (*r->at < '0' || *r->at > '9')
        return not_a_list(r);
    for (; *r->at >= '0' && *r->at <= '9'; r->at++) {
        value = value * 10 + (unsigned int)(*r->at - '0');
        if (value > LAST_CPU)
            return error_set(r->error, "'%.100s': the highest number of a CPU is %d", r->text,
                             LAST_CPU);
    }
    skip_blanks(r);
    *cpu = value;
    return 0;
}

/* Reads what an item names besides its ^: "all", a number or a range. */
static int read_range(struct cpu_list_reader *r, unsigned int *first, unsigned int *last)
{
    if (!strncmp(r->at, "node", 4))
        return error_set(r->error, "'%.100s': nodes are not supported here, name CPUs instead",
                         r->text);
    if (!strncmp(r->at, "all", 3)) {
        r->at += 3;
        skip_blanks(r);
        *first = 0;
        *last = LAST_CPU;
        return 0;
    }
    if (read_cpu(r, first))
        return -1;
    *last = *first;
    if (*r->at != '-')
        return 0;
    r->at++;
    if (read_cpu(r, last))
        return -1;
    return *last < *first ? not_a_list(r) : 0;
}

static int read_item(struct cpu_list_reader *r, struct cpu_set *set)
{
    unsigned int first = 0, last = 0;
    bool in = true;

    if (*r->at == '^') {
        in = false;
        r->at++;
        skip_blanks(r);
    }
    if (read_range(r, &first, &last))
        return -1;
    for (unsigned int cpu = first; cpu <= last; cpu++)
        cpu_set_put(set, cpu, in);
    return 0;
}

int cpu_list_parse(struct cpu_set *set, const char *text, struct error *e)
{
    static const struct cpu_set empty;
    struct cpu_list_reader r = {.at = text, .text = text, .error = e};

    *set = empty;
    for (;;) {
        skip_blanks(&r);
        /* xl overlooks an item without text, as behind a last comma. */
        if (*r.at && *r.at != ',' && read_item(&r, set))
            return -1;
        if (!*r.at)
            break;
        if (*r.at++ != ',')
            return not_a_list(&r);
    }
    if (!memcmp(set, &empty, sizeof(empty)))
        return error_set(e, "'%.100s': there is no CPU in this list", text);
    return 0;
}

const char *cpu_list_format(char text[CPU_LIST_TEXT_SIZE], const struct cpu_set *set,
                            unsigned int cpus)
{
    unsigned int cpu = 0, first, count = 0;
    size_t used = 0;

    text[0] = '\0';
    while (cpu < cpus) {
        if (!cpu_set_has(set, cpu)) {
            cpu++;
            continue;
        }
        first = cpu;
        while (cpu < cpus && cpu_set_has(set, cpu))
            cpu++;
        count += cpu - first;
        used += (size_t)snprintf(text + used, CPU_LIST_TEXT_SIZE - used, "%s%u", used ? "," : "",
                                 first);
        if (cpu - first > 1)
            used += (size_t)snprintf(text + used, CPU_LIST_TEXT_SIZE - used, "-%u", cpu - 1);
    }
    if (count == 0 || count == cpus)
        snprintf(text, CPU_LIST_TEXT_SIZE, "%s", count ? "all" : "none");
    return text;
}
