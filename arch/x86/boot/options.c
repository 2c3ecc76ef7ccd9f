/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's command line: words of the form name, name=value or no-name, as docs/ lists
 * them.
 *
 * The line is parsed before the console works, which needs some of the values; so complaints are
 * remembered, and options_report() prints them. A word that cannot be understood changes nothing
 * and never stops the boot.
 */
#include <options.h>
#include <sched.h>

#include "boot.h"

struct option {
    const char *name;
    bool (*parse)(const char *value, void *arg); /* false: not understood */
    void *arg;
    const char *expected; /* form of the value; NULL: the word stands alone */
};

/* 1, yes, on, true; 0, no, off, false. */
static bool __init parse_bool(const char *value, void *arg)
{
    static const char words[][6] __initconst = {"0", "no",  "off", "false",
                                                "1", "yes", "on",  "true"};

    for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
        if (!strcmp(value, words[i])) {
            *(bool *)arg = i >= ARRAY_SIZE(words) / 2;
            return true;
        }
    }
    return false;
}

/* ---- spec-ctrl ---- */

static void __init complain_of_part(const char *part, size_t len);

/*
 * Xen's forms: a boolean, or parts separated by commas, each a boolean, NAME, NAME=boolean or
 * no-NAME. Of its names three have a meaning here: xen and branch-harden, the barriers that protect
 * the hypervisor, and md-clear, whether the CPU's buffers are cleared on the way to a guest,
 * whatever it needs. Every other name is reported to be without effect, and the parts around it
 * count.
 */
static void __init parse_spec_part(const char *part, size_t len)
{
    static const char names[][14] __initconst = {"xen", "branch-harden"};
    char word[24];
    bool on = true, negated;
    char *value;

    if (len >= sizeof(word)) {
        complain_of_part(part, len);
        return;
    }
    memcpy(word, part, len);
    word[len] = '\0';
    if (parse_bool(word, &hv_options.spec_ctrl))
        return;
    negated = !strncmp(word, "no-", 3);
    value = strchr(word, '=');
    if (value) {
        *value++ = '\0';
        if (negated || !parse_bool(value, &on)) {
            complain_of_part(part, len);
            return;
        }
    }
    if (!strcmp(word + (negated ? 3 : 0), "md-clear")) {
        hv_options.md_clear = on && !negated ? MD_CLEAR_ALWAYS : MD_CLEAR_NEVER;
        return;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(word + (negated ? 3 : 0), names[i])) {
            hv_options.spec_ctrl = on && !negated;
            return;
        }
    }
    complain_of_part(part, len);
}

static bool __init parse_spec_ctrl(const char *value, void *arg)
{
    if (!*value)
        return false;
    while (*value) {
        const char *comma = strchr(value, ',');
        size_t len = comma ? (size_t)(comma - value) : strlen(value);

        parse_spec_part(value, len);
        value += len + (comma != NULL);
    }
    return true;
}

/* ---- other values ---- */

static bool __init parse_not_bool(const char *value, void *arg)
{
    bool b;

    if (!parse_bool(value, &b))
        return false;
    *(bool *)arg = !b;
    return true;
}

static bool __init parse_count(const char *value, void *arg)
{
    const char *end;
    unsigned long n = strtoul(value, &end, 0);

    if (end == value || *end || n == 0 || n > INT32_MAX)
        return false;
    *(unsigned int *)arg = (unsigned int)n;
    return true;
}

static bool __init parse_address(const char *value, void *arg)
{
    const char *end;
    unsigned long address = strtoul(value, &end, 0);

    if (end == value || *end || !address)
        return false;
    *(u64 *)arg = address;
    return true;
}

/* A letter, of which Ctrl makes the switch character; x after it: the input stays ours at first. */
static bool __init parse_conswitch(const char *value, void *arg)
{
    char letter = (char)(value[0] | 0x20);
    bool keeps = value[0] && value[1] == 'x';

    if (letter < 'a' || letter > 'z' || value[keeps ? 2 : 1])
        return false;
    hv_options.switch_character = (char)(letter - 'a' + 1);
    hv_options.keeps_input = keeps;
    return true;
}

/* There is one scheduler, so only its name is accepted. */
static bool __init parse_sched(const char *value, void *arg)
{
    return !strcmp(value, "credit2");
}

/* An option of Xen that asks for what we do in any case. */
static bool __init parse_nothing(const char *value, void *arg)
{
    return true;
}

/*
 * [-]<number>[b|k|m|g|t], KiB when there is no suffix; 0 or a size too large for arithmetic is
 * refused.
 */
static bool __init parse_size(const char *value, const char **end, s64 *size)
{
    static const char suffixes[] __initconst = "bkmgt";
    bool negative = *value == '-';
    const char *digits = value + negative, *suffix;
    unsigned long n = strtoul(digits, end, 0);
    unsigned int shift = 10;

    if (*end == digits)
        return false;
    suffix = **end ? strchr(suffixes, **end | 0x20) : NULL;
    if (suffix && *suffix) {
        shift = 10 * (unsigned int)(suffix - suffixes);
        ++*end;
    }
    if (!n || n > (unsigned long)INT64_MAX >> 12 >> shift)
        return false;
    *size = (s64)(n << shift);
    if (negative)
        *size = -*size;
    return true;
}

/* SIZE, min:SIZE, max:SIZE, separated by commas. */
static bool __init parse_dom0_mem(const char *value, void *arg)
{
    s64 parts[3] = {DOM0_MEM_UNSET, DOM0_MEM_UNSET, DOM0_MEM_UNSET};

    for (;;) {
        unsigned int part = !strncmp(value, "min:", 4) ? 1 : !strncmp(value, "max:", 4) ? 2 : 0;

        if (!parse_size(value + (part ? 4 : 0), &value, &parts[part]))
            return false;
        if (!*value)
            break;
        if (*value++ != ',')
            return false;
    }
    hv_options.dom0_mem = parts[0];
    hv_options.dom0_mem_min = parts[1];
    hv_options.dom0_mem_max = parts[2];
    return true;
}

#define TEXT_OPTION(option_name, field, form)              \
    {                                                      \
        option_name, parse_##field, hv_options.field, form \
    }
#define TEXT_PARSER(field)                                                                         \
    static bool __init parse_##field(const char *value, void *arg)                                 \
    {                                                                                              \
        return *value && strlcpy(arg, value, sizeof(hv_options.field)) < sizeof(hv_options.field); \
    }

TEXT_PARSER(console)
TEXT_PARSER(com1)
TEXT_PARSER(loglvl)
TEXT_PARSER(guest_loglvl)
TEXT_PARSER(clocksource)

#define SIZE_FORM      "a number with b, k, m, g or t"
#define SPEC_CTRL_FORM "yes, no, [no-]xen or [no-]branch-harden"

static const struct option options[] __initconst = {
    TEXT_OPTION("console", console, "com1, vga, none or com1,vga"),
    TEXT_OPTION("com1", com1, "baud[,8n1[,io-base[,irq]]]"),
    TEXT_OPTION("loglvl", loglvl, "none, error, warning, info, debug or all"),
    TEXT_OPTION("guest_loglvl", guest_loglvl, "none, error, warning, info, debug or all"),
    TEXT_OPTION("clocksource", clocksource, "hpet, acpi or pit"),
    {"conswitch", parse_conswitch, NULL, "a letter, and x after it or not"},
    {"sched", parse_sched, NULL, "credit2, which is the one scheduler"},
    {"acpi_rsdp", parse_address, &hv_options.acpi_rsdp, "an address"},
    {"x2apic", parse_not_bool, &hv_options.no_x2apic, "yes or no"},
    {"noreboot", parse_bool, &hv_options.noreboot, "yes or no"},
    {"spec-ctrl", parse_spec_ctrl, NULL, SPEC_CTRL_FORM},
    {"watchdog", parse_bool, &hv_options.watchdog, "yes or no"},
    {"watchdog_timeout", parse_count, &hv_options.watchdog_timeout, "seconds, from 1 on"},
    {"maxcpus", parse_count, &hv_options.maxcpus, "a number from 1 on"},
    {"dom0_max_vcpus", parse_count, &hv_options.dom0_max_vcpus, "a number from 1 on"},
    {"dom0_vcpus_pin", parse_bool, &hv_options.dom0_vcpus_pin, "yes or no"},
    {"dom0_mem", parse_dom0_mem, NULL, "SIZE[,min:SIZE][,max:SIZE], SIZE being " SIZE_FORM},
    /*
     * GRUB's entries on UEFI have both: use no real mode, and no disk data of the BIOS. We use
     * neither.
     */
    {"no-real-mode", parse_nothing, NULL, NULL},
    {"edd", parse_nothing, NULL, "off, on or skipmbr"},
};

/* ---- complaints ---- */

#define COMPLAINTS_MAX 16U

struct complaint {
    char word[80];
    const struct option *option; /* NULL: unknown */
};

static struct complaint complaints[COMPLAINTS_MAX] __initdata;
static unsigned int nr_complaints __initdata;

static void __init complain(const char *word, const struct option *option)
{
    if (nr_complaints < COMPLAINTS_MAX) {
        strlcpy(complaints[nr_complaints].word, word, sizeof(complaints[0].word));
        complaints[nr_complaints].option = option;
    }
    nr_complaints++;
}

static void __init complain_of_part(const char *part, size_t len)
{
    static const struct option spec_ctrl __initconst = {"spec-ctrl", NULL, NULL, SPEC_CTRL_FORM};
    char word[sizeof(complaints[0].word)] = "spec-ctrl=";
    size_t n = strlen(word);

    len = MIN(len, sizeof(word) - 1 - n);
    memcpy(word + n, part, len);
    word[n + len] = '\0';
    complain(word, &spec_ctrl);
}

void __init options_report(void)
{
    for (unsigned int i = 0; i < MIN(nr_complaints, COMPLAINTS_MAX); i++) {
        const struct complaint *c = &complaints[i];

        if (!c->option)
            printk(LOG_WARNING, "command line: unknown option '%s' ignored", c->word);
        else if (c->option->expected)
            printk(LOG_WARNING, "command line: '%s' ignored: %s takes %s", c->word, c->option->name,
                   c->option->expected);
        else
            printk(LOG_WARNING, "command line: '%s' ignored: %s takes no value", c->word,
                   c->option->name);
    }
    if (nr_complaints > COMPLAINTS_MAX)
        printk(LOG_WARNING, "command line: %u more words ignored", nr_complaints - COMPLAINTS_MAX);
    nr_complaints = 0;
}

/* ---- the line ---- */

static const struct option *__init find_option(const char *name, size_t len)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(options); i++)
        if (strlen(options[i].name) == len && !strncmp(options[i].name, name, len))
            return &options[i];
    return NULL;
}

/* A boolean option may stand alone, which means yes, or as no-NAME. */
static bool __init is_boolean(const struct option *o)
{
    return o && (o->parse == parse_bool || o->parse == parse_not_bool);
}

static void __init parse_word(const char *word)
{
    const char *eq = strchr(word, '='), *value = eq ? eq + 1 : NULL;
    size_t len = eq ? (size_t)(eq - word) : strlen(word);
    const struct option *o = find_option(word, len);

    if (!eq && is_boolean(o)) {
        value = "yes";
    } else if (!eq && !o && !strncmp(word, "no-", 3) &&
               is_boolean(find_option(word + 3, len - 3))) {
        o = find_option(word + 3, len - 3);
        value = "no";
    }
    if (!o || !value != !o->expected || !o->parse(value ? value : "", o->arg))
        complain(word, o);
}

void __init options_parse(const char *cmdline)
{
    char word[128];

    strlcpy(hv_options.cmdline, cmdline, sizeof(hv_options.cmdline));
    while (*cmdline) {
        size_t n = 0;

        for (; *cmdline == ' '; cmdline++)
            ;
        for (; *cmdline && *cmdline != ' '; cmdline++)
            if (n < sizeof(word) - 1)
                word[n++] = *cmdline;
        word[n] = '\0';
        if (n)
            parse_word(word);
    }
}
