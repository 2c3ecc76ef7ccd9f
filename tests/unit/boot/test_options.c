/* SPDX-License-Identifier: MIT */
/*
 * The command line: what each option accepts, and that what it does not accept changes nothing and
 * is named.
 */
/* SOURCES: arch/x86/boot/options.c hypervisor/options.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lib.h>
#include <options.h>

char *strstr(const char *haystack, const char *needle);

const char *sched_name = "credit2";
static char messages[4096];

void printk(enum loglevel level, const char *fmt, ...)
{
    size_t n = strlen(messages);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(messages + n, sizeof(messages) - n, fmt, ap);
    va_end(ap);
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
    snprintf(dst, size, "%s", src);
    return strlen(src);
}

static void good_values(void **state)
{
    options_parse(
        "  console=com1,vga com1=9600,8n1 noreboot   maxcpus=4 spec-ctrl=no dom0_max_vcpus=0x10 "
        "dom0_mem=64M,min:32m,max:1G loglvl=all x2apic=off sched=credit2 acpi_rsdp=0x7fb7e014 "
        "no-real-mode edd=off dom0_vcpus_pin conswitch=Bx");
    options_report();
    assert_string_equal(messages, "");
    assert_string_equal(hv_options.console, "com1,vga");
    assert_string_equal(hv_options.com1, "9600,8n1");
    assert_true(hv_options.noreboot);
    assert_int_equal(hv_options.maxcpus, 4);
    assert_false(hv_options.spec_ctrl);
    assert_int_equal(hv_options.dom0_max_vcpus, 16);
    assert_int_equal(hv_options.dom0_mem, 64 << 20);
    assert_int_equal(hv_options.dom0_mem_min, 32 << 20);
    assert_int_equal(hv_options.dom0_mem_max, 1 << 30);
    assert_string_equal(hv_options.loglvl, "all");
    assert_true(hv_options.no_x2apic);
    assert_int_equal(hv_options.acpi_rsdp, 0x7fb7e014);
    assert_true(hv_options.dom0_vcpus_pin);
    assert_int_equal(hv_options.switch_character, 2);
    assert_true(hv_options.keeps_input);
    options_parse("conswitch=z");
    assert_int_equal(hv_options.switch_character, 26);
    assert_false(hv_options.keeps_input);
}

static void yes_and_no(void **state)
{
    options_parse("noreboot watchdog");
    assert_true(hv_options.noreboot && hv_options.watchdog);
    options_parse("no-noreboot watchdog=no no-x2apic");
    assert_true(!hv_options.noreboot && !hv_options.watchdog && hv_options.no_x2apic);
    options_parse("noreboot=1 x2apic");
    assert_true(hv_options.noreboot && !hv_options.no_x2apic);
    options_report();
    assert_string_equal(messages, "");
}

/* What Xen's users write: the parts that have a meaning here count, each other one is named. */
static void lists_of_spec_ctrl(void **state)
{
    static const struct {
        const char *line;
        bool barriers;
        const char *complaint;
    } forms[] = {
        {"spec-ctrl=false", false, NULL},
        {"spec-ctrl=on", true, NULL},
        {"spec-ctrl=no-xen", false, NULL},
        {"spec-ctrl=xen", true, NULL},
        {"spec-ctrl=no-branch-harden", false, NULL},
        {"spec-ctrl=branch-harden=yes", true, NULL},
        {"spec-ctrl=no,ibrs=yes", false, "'spec-ctrl=ibrs=yes' ignored"},
        {"spec-ctrl=no-bti-thunk,branch-harden", true, "'spec-ctrl=no-bti-thunk' ignored"},
        {"spec-ctrl=yes,no-xen=1", true, "'spec-ctrl=no-xen=1' ignored"},
        {"spec-ctrl=a-part-that-is-too-long-for-any-name,0", false,
         "too-long-for-any-name' ignored"},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
        hv_options.spec_ctrl = !forms[i].barriers;
        options_parse(forms[i].line);
        assert_int_equal(hv_options.spec_ctrl, forms[i].barriers);
    }
    hv_options.md_clear = MD_CLEAR_BY_CPU;
    options_parse("spec-ctrl=no,md-clear");
    assert_int_equal(hv_options.md_clear, MD_CLEAR_ALWAYS);
    options_parse("spec-ctrl=no-md-clear");
    assert_int_equal(hv_options.md_clear, MD_CLEAR_NEVER);
    options_parse("spec-ctrl=md-clear=on");
    assert_int_equal(hv_options.md_clear, MD_CLEAR_ALWAYS);
    options_report();
    for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++)
        if (forms[i].complaint)
            assert_non_null(strstr(messages, forms[i].complaint));
}

static void negative_and_plain_sizes(void **state)
{
    options_parse("dom0_mem=-128M,max:4096");
    assert_int_equal(hv_options.dom0_mem, -(128 << 20));
    assert_int_equal(hv_options.dom0_mem_min, DOM0_MEM_UNSET);
    assert_int_equal(hv_options.dom0_mem_max, 4096 << 10);
}

static void bad_values_change_nothing(void **state)
{
    struct hv_options before = hv_options;
    static const char *const bad[] = {
        "dom0_mem=",     "dom0_mem=12q",      "dom0_mem=1M,", "dom0_mem=99999999999T",
        "dom0_mem=min:", "maxcpus=0",         "maxcpus=x",    "maxcpus",
        "noreboot=2",    "spec-ctrl=perhaps", "nosuch=1",     "console=",
        "sched=rtds",    "acpi_rsdp=0",       "acpi_rsdp=x",  "edd",
        "conswitch=",    "conswitch=1",       "conswitch=ay", "conswitch=axx",
        "no-maxcpus",    "no-nosuch",         "no-edd=off",   "watchdog=",
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        options_parse(bad[i]);
        options_report();
    }
    memcpy(before.cmdline, hv_options.cmdline, sizeof(before.cmdline));
    assert_memory_equal(&before, &hv_options, sizeof(before));
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
        assert_non_null(strstr(messages, bad[i]));
    assert_non_null(strstr(messages, "unknown option 'nosuch=1'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_values),
        cmocka_unit_test(yes_and_no),
        cmocka_unit_test(lists_of_spec_ctrl),
        cmocka_unit_test(negative_and_plain_sizes),
        cmocka_unit_test(bad_values_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
