/* SPDX-License-Identifier: MIT */
/* Lists of CPUs: what xl.cfg(5) allows, what is refused and how, and how xl prints them. */
/* SOURCES: dom0-tools/utf8.c */
/* SOURCES: dom0-tools/error.c dom0-tools/config/cpu_list.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <tools/cpu_list.h>

static void test_lists(void **state)
{
    static const struct {
        const char *text;
        unsigned int cpus; /* that are printed */
        const char *printed;
    } lists[] = {
        {"0", 4, "0"},
        {"0-3", 4, "all"},
        {"0-3", 8, "0-3"},
        {"all", 4, "all"},
        {"all", 256, "all"},
        {"0-3,5,^1", 8, "0,2-3,5"},
        {"all,^7", 8, "0-6"},
        {"all,^7", 256, "0-6,8-255"},
        {"^1,0-1", 4, "0-1"}, /* in the order in which it is written */
        {"2,2,1", 4, "1-2"},
        {" 0 , 2 - 3 ", 4, "0,2-3"},
        {",1,,2,", 4, "1-2"},
        {"255", 256, "255"},
        {"63-64,127-128", 256, "63-64,127-128"},
        {"5", 4, "none"},
        {"007", 8, "7"},
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char text[CPU_LIST_TEXT_SIZE];
        struct cpu_set set;
        struct error e;

        if (cpu_list_parse(&set, lists[i].text, &e))
            fail_msg("%s", e.text);
        assert_string_equal(cpu_list_format(text, &set, lists[i].cpus), lists[i].printed);
    }
}

#define FORM " is not a list of CPUs: expected \"all\", or numbers and ranges such as \"0-3,5,^1\""

static void test_refused_lists(void **state)
{
    static const struct {
        const char *text, *message;
    } lists[] = {
        {"", "'': there is no CPU in this list"},
        {",", "',': there is no CPU in this list"},
        {"^0", "'^0': there is no CPU in this list"},
        {"0-3,^0-3", "'0-3,^0-3': there is no CPU in this list"},
        {"abc", "'abc'" FORM},
        {"none", "'none'" FORM},
        {"all1", "'all1'" FORM},
        {"1-0", "'1-0'" FORM},
        {"1-", "'1-'" FORM},
        {"-1", "'-1'" FORM},
        {"1^2", "'1^2'" FORM},
        {"^^1", "'^^1'" FORM},
        {"1 2", "'1 2'" FORM},
        {"1;2", "'1;2'" FORM},
        {"0x1", "'0x1'" FORM},
        {"256", "'256': the highest number of a CPU is 255"},
        {"0-99999999999999999999", "'0-99999999999999999999': the highest number of a CPU is 255"},
        {"nodes:0", "'nodes:0': nodes are not supported here, name CPUs instead"},
        {"all,^node:1", "'all,^node:1': nodes are not supported here, name CPUs instead"},
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct cpu_set set;
        struct error e;

        assert_int_equal(cpu_list_parse(&set, lists[i].text, &e), -1);
        assert_string_equal(e.text, lists[i].message);
    }
}

/* The longest texts: CPUs that stand alone, and pairs of them. */
static void test_long_lists(void **state)
{
    for (unsigned int period = 2; period <= 4; period++) {
        char text[CPU_LIST_TEXT_SIZE];
        struct cpu_set set = {{0}}, read;
        struct error e;

        for (unsigned int cpu = 0; cpu < CPU_SET_CPUS; cpu++)
            cpu_set_put(&set, cpu, cpu % period != 0);
        cpu_list_format(text, &set, CPU_SET_CPUS);
        assert_int_equal(cpu_list_parse(&read, text, &e), 0);
        assert_memory_equal(&read, &set, sizeof(set));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_refused_lists),
        cmocka_unit_test(test_long_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
