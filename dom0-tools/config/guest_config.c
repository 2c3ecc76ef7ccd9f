/* SPDX-License-Identifier: MIT */
/*
 * The keys of xl.cfg, their forms, limits and defaults. Each key is one row of a table; a row's
 * reader checks the form and says, with file and line, which form it expected.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tools/guest_config.h>
#include <tools/utf8.h>

#include "device_list.h"
#include "foreign_keys.h"

#define DEFAULT_MEMORY_MIB 128

/* Texts of the keys that only together make the kernel's command line. */
struct reading {
    struct guest_config *guest;
    char *cmdline, *root, *extra;
    bool memory_set, maxmem_set, vcpus_set, maxvcpus_set, bootloader_set;
    config_warn_fn *warn;
    void *context; /* the warning's */
    struct error *error;
};

/* "FILE:LINE: " of a setting, or "ARGUMENT: ", and @text. */
static void error_place(struct error *e, const struct config_setting *s, const char *text)
{
    if (s->line)
        error_set(e, "%s:%u: %s", s->file, s->line, text);
    else
        error_set(e, "%.100s: %s", s->file, text);
}

static int __attribute__((format(printf, 3, 4)))
bad_value(struct reading *r, const struct config_setting *s, const char *format, ...)
{
    char text[ERROR_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return s->line ? error_set(r->error, "%s:%u: %s: %s", s->file, s->line, s->key, text)
                   : error_set(r->error, "%.100s: %s", s->file, text);
}

static int key_read_text(struct reading *r, const struct config_setting *s, char **text)
{
    /* On a command line nothing tells the string "3" from the number. */
    if (s->value.kind == CONFIG_LIST || (s->value.kind == CONFIG_NUMBER && s->line))
        return bad_value(r, s, "expected a string in quotes");
    free(*text);
    *text = strdup(s->value.text);
    if (!*text) {
        bad_value(r, s, "not enough memory");
        return -1;
    }
    return 0;
}

static int key_read_path(struct reading *r, const struct config_setting *s, char **path)
{
    if (key_read_text(r, s, path))
        return -1;
    return **path ? 0 : bad_value(r, s, "expected the path of a file");
}

/* A number in decimal, octal (0...) or hexadecimal (0x...), as xl takes it, also inside quotes. */
static int key_read_number(struct reading *r, const struct config_setting *s, uint64_t min,
                           uint64_t max, const char *what, uint64_t *number)
{
    const char *text = s->value.text;
    unsigned int base = 10;
    uint64_t value = 0;
    bool good = s->value.kind != CONFIG_LIST && *text;

    if (good && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
        good = *text != '\0';
    } else if (good && text[0] == '0') {
        base = 8;
    }
    for (; good && *text; text++) {
        char c = *text;
        unsigned int digit = c >= '0' && c <= '9'   ? (unsigned int)(c - '0')
                             : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a' + 10)
                             : c >= 'A' && c <= 'F' ? (unsigned int)(c - 'A' + 10)
                                                    : 99;

        good = digit < base && value <= (UINT64_MAX - digit) / base;
        value = value * base + digit;
    }
    if (!good || value < min || value > max)
        return bad_value(r, s, "expected %s, a number from %llu to %llu", what,
                         (unsigned long long)min, (unsigned long long)max);
    *number = value;
    return 0;
}

static int key_read_name(struct reading *r, const struct config_setting *s)
{
    struct error why;

    if (s->value.kind == CONFIG_LIST)
        return bad_value(r, s, "expected a string in quotes");
    if (guest_name_check(s->value.text, &why))
        return bad_value(r, s, "%s", why.text);
    snprintf(r->guest->name, sizeof(r->guest->name), "%s", s->value.text);
    return 0;
}

static int key_read_uuid(struct reading *r, const struct config_setting *s)
{
    if (s->value.kind != CONFIG_STRING || uuid_parse(r->guest->uuid, s->value.text))
        return bad_value(r, s, "expected a UUID, 32 hexadecimal digits as \"8-4-4-4-12\"");
    return 0;
}

static int key_read_kernel(struct reading *r, const struct config_setting *s)
{
    return key_read_path(r, s, &r->guest->kernel);
}

static int key_read_ramdisk(struct reading *r, const struct config_setting *s)
{
    return key_read_path(r, s, &r->guest->ramdisk);
}

static int key_read_cmdline(struct reading *r, const struct config_setting *s)
{
    return key_read_text(r, s, &r->cmdline);
}

static int key_read_root(struct reading *r, const struct config_setting *s)
{
    return key_read_text(r, s, &r->root);
}

static int key_read_extra(struct reading *r, const struct config_setting *s)
{
    return key_read_text(r, s, &r->extra);
}

static int key_read_mib(struct reading *r, const struct config_setting *s, uint32_t *mib, bool *set)
{
    uint64_t value = 0;

    if (key_read_number(r, s, GUEST_MIN_MEMORY_MIB, GUEST_MAX_MEMORY_MIB, "MiB of memory", &value))
        return -1;
    *mib = (uint32_t)value;
    *set = true;
    return 0;
}

static int key_read_memory(struct reading *r, const struct config_setting *s)
{
    return key_read_mib(r, s, &r->guest->memory_mib, &r->memory_set);
}

static int key_read_maxmem(struct reading *r, const struct config_setting *s)
{
    return key_read_mib(r, s, &r->guest->maxmem_mib, &r->maxmem_set);
}

static int key_read_count(struct reading *r, const struct config_setting *s, unsigned int *count,
                          bool *set)
{
    uint64_t value = 0;

    if (key_read_number(r, s, 1, GUEST_MAX_VCPUS, "how many vCPUs", &value))
        return -1;
    *count = (unsigned int)value;
    *set = true;
    return 0;
}

static int key_read_vcpus(struct reading *r, const struct config_setting *s)
{
    return key_read_count(r, s, &r->guest->vcpus, &r->vcpus_set);
}

static int key_read_maxvcpus(struct reading *r, const struct config_setting *s)
{
    return key_read_count(r, s, &r->guest->maxvcpus, &r->maxvcpus_set);
}

/* One list for all vCPUs, or a list of lists, one for each vCPU. */
static int key_read_affinity(struct reading *r, const struct config_setting *s,
                             struct guest_affinity *a)
{
    bool each = s->value.kind == CONFIG_LIST;
    const struct config_value *items = each ? s->value.items : &s->value;
    size_t count = each ? s->value.count : 1;
    struct error why;

    free(a->sets);
    *a = (struct guest_affinity){.each = each};
    if (!count)
        return 0;
    a->sets = calloc(count, sizeof(*a->sets));
    if (!a->sets)
        return bad_value(r, s, "not enough memory");
    for (; a->count < count; a->count++) {
        const char *text = items[a->count].text;

        if (!text)
            return bad_value(r, s, "expected a list of CPUs for each vCPU, as [\"0\", \"1-2\"]");
        if (cpu_list_parse(&a->sets[a->count], text, &why))
            return bad_value(r, s, "%s", why.text);
    }
    return 0;
}

static int key_read_cpus(struct reading *r, const struct config_setting *s)
{
    return key_read_affinity(r, s, &r->guest->cpus);
}

static int key_read_cpus_soft(struct reading *r, const struct config_setting *s)
{
    return key_read_affinity(r, s, &r->guest->cpus_soft);
}

static int key_read_pool(struct reading *r, const struct config_setting *s)
{
    if (s->value.kind != CONFIG_LIST &&
        (!strcmp(s->value.text, "Pool-0") || !strcmp(s->value.text, "0")))
        return 0;
    return bad_value(r, s, "expected \"Pool-0\": there is no other pool of CPUs");
}

static int key_read_weight(struct reading *r, const struct config_setting *s)
{
    uint64_t value = 0;

    if (key_read_number(r, s, 1, GUEST_MAX_WEIGHT, "a weight", &value))
        return -1;
    r->guest->cpu_weight = (uint16_t)value;
    return 0;
}

static int key_read_cap(struct reading *r, const struct config_setting *s)
{
    uint64_t value = 0;

    if (key_read_number(r, s, 0, GUEST_MAX_VCPUS * GUEST_VCPU_CAP, "per cent of one CPU", &value))
        return -1;
    r->guest->cap = (uint16_t)value;
    return 0;
}

static const char *const action_words[] = {
    [STOP_DESTROY] = "destroy",
    [STOP_RESTART] = "restart",
    [STOP_RENAME_RESTART] = "rename-restart",
    [STOP_PRESERVE] = "preserve",
    [STOP_COREDUMP_DESTROY] = "coredump-destroy",
    [STOP_COREDUMP_RESTART] = "coredump-restart",
    [STOP_SOFT_RESET] = "soft-reset",
};

#define ACTIONS (sizeof(action_words) / sizeof(action_words[0]))

/* Says what of an action cannot be done. */
static void warn_of_action(struct reading *r, const struct config_setting *s,
                           enum stop_action action)
{
    char text[ERROR_TEXT_SIZE];
    struct error e;

    if (stop_action_part(action) == action)
        return;
    snprintf(text, sizeof(text), "%.20s: \"%s\" is not supported here: %s, so the domain is %s",
             s->key, action_words[action],
             action == STOP_SOFT_RESET ? "it is for domains with emulated hardware"
                                       : "there is no place to write a core dump to",
             stop_action_part(action) == STOP_DESTROY ? "destroyed" : "restarted");
    error_place(&e, s, text);
    r->warn(r->context, e.text);
}

static int key_read_action(struct reading *r, const struct config_setting *s,
                           enum stop_action *action)
{
    for (size_t i = 0; s->value.kind == CONFIG_STRING && i < ACTIONS; i++) {
        if (!strcmp(s->value.text, action_words[i])) {
            *action = (enum stop_action)i;
            warn_of_action(r, s, *action);
            return 0;
        }
    }
    return bad_value(r, s,
                     "expected \"destroy\", \"restart\", \"rename-restart\", \"preserve\", "
                     "\"coredump-destroy\", \"coredump-restart\" or \"soft-reset\"");
}

static int key_read_on_poweroff(struct reading *r, const struct config_setting *s)
{
    return key_read_action(r, s, &r->guest->on_poweroff);
}

static int key_read_on_reboot(struct reading *r, const struct config_setting *s)
{
    return key_read_action(r, s, &r->guest->on_reboot);
}

static int key_read_on_crash(struct reading *r, const struct config_setting *s)
{
    return key_read_action(r, s, &r->guest->on_crash);
}

static int key_read_on_watchdog(struct reading *r, const struct config_setting *s)
{
    return key_read_action(r, s, &r->guest->on_watchdog);
}

static int key_read_on_soft_reset(struct reading *r, const struct config_setting *s)
{
    return key_read_action(r, s, &r->guest->on_soft_reset);
}

/* "pv" is the only kind of domain here; one of another kind would not be what its owner expects. */
static int key_read_type(struct reading *r, const struct config_setting *s)
{
    static const char *const good[] = {"pv", "generic",
                                       "linux"}; /* the latter two: an old builder= */

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (s->value.kind != CONFIG_LIST && !strcmp(s->value.text, good[i]))
            return 0;
    return bad_value(r, s, "expected \"pv\": all domains are paravirtualized here");
}

static int key_read_disks(struct reading *r, const struct config_setting *s)
{
    return read_disk_list(r->guest, s, r->error);
}

static int key_read_vifs(struct reading *r, const struct config_setting *s)
{
    return read_vif_list(r->guest, s, r->error);
}

static const struct {
    const char *key;
    int (*read)(struct reading *r, const struct config_setting *s);
} keys[] = {
    {"type", key_read_type},
    {"builder", key_read_type},
    {"name", key_read_name},
    {"uuid", key_read_uuid},
    {"kernel", key_read_kernel},
    {"ramdisk", key_read_ramdisk},
    {"cmdline", key_read_cmdline},
    {"root", key_read_root},
    {"extra", key_read_extra},
    {"memory", key_read_memory},
    {"maxmem", key_read_maxmem},
    {"vcpus", key_read_vcpus},
    {"maxvcpus", key_read_maxvcpus},
    {"pool", key_read_pool},
    {"cpus", key_read_cpus},
    {"cpus_soft", key_read_cpus_soft},
    {"cpu_weight", key_read_weight},
    {"cap", key_read_cap},
    {"on_poweroff", key_read_on_poweroff},
    {"on_reboot", key_read_on_reboot},
    {"on_crash", key_read_on_crash},
    {"on_watchdog", key_read_on_watchdog},
    {"on_soft_reset", key_read_on_soft_reset},
    {"disk", key_read_disks},
    {"vif", key_read_vifs},
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

static void warn_of_key(struct reading *r, const struct config_setting *s)
{
    const char *own[KEYS + 1] = {NULL};
    char text[ERROR_TEXT_SIZE];
    struct error e;

    for (size_t i = 0; i < KEYS; i++)
        own[i] = keys[i].key;
    foreign_key_words(text, sizeof(text), s->key, own);
    error_place(&e, s, text);
    r->warn(r->context, e.text);
    r->bootloader_set = r->bootloader_set || !strcmp(s->key, "bootloader");
}

static int read_settings(struct reading *r, const struct config *c)
{
    for (const struct config_setting *s = c->first; s; s = s->next) {
        size_t i = 0;

        while (i < KEYS && strcmp(keys[i].key, s->key) != 0)
            i++;
        if (i == KEYS)
            warn_of_key(r, s);
        else if (keys[i].read(r, s))
            return -1;
    }
    return 0;
}

/* `cmdline` as it is, else `root=<root> <extra>`. */
static int join_cmdline(struct reading *r, const char *file)
{
    char joined[GUEST_CMDLINE_SIZE + 1];
    int length;

    if (r->cmdline) {
        if (r->root || r->extra)
            r->warn(r->context, "root and extra are ignored, since cmdline is given");
        length = snprintf(joined, sizeof(joined), "%s", r->cmdline);
    } else {
        length = snprintf(joined, sizeof(joined), "%s%s%s%s", r->root ? "root=" : "",
                          r->root ? r->root : "", r->root && r->extra ? " " : "",
                          r->extra ? r->extra : "");
    }
    if (length >= GUEST_CMDLINE_SIZE)
        return error_set(r->error, "%s: the kernel's command line is longer than %d bytes", file,
                         GUEST_CMDLINE_SIZE - 1);
    r->guest->cmdline = strdup(joined);
    return r->guest->cmdline ? 0 : error_set(r->error, "not enough memory");
}

static void warn_of_surplus(struct reading *r, const char *key, const struct guest_affinity *a)
{
    char text[ERROR_TEXT_SIZE];

    if (!a->each || a->count <= r->guest->maxvcpus)
        return;
    snprintf(text, sizeof(text), "%s: the domain has %u vCPUs, the rest of the %u lists is ignored",
             key, r->guest->maxvcpus, a->count);
    r->warn(r->context, text);
}

/* Fills in defaults, and checks keys against each other. */
static int fill_in_defaults(struct reading *r, const char *file)
{
    struct guest_config *g = r->guest;

    if (!g->name[0])
        return error_set(r->error, "%s: the key name is missing", file);
    if (!g->kernel)
        return error_set(r->error, "%s: the key kernel is missing%s", file,
                         r->bootloader_set ? ", which stands in for bootloader here" : "");
    if (!r->memory_set)
        g->memory_mib = r->maxmem_set ? g->maxmem_mib : DEFAULT_MEMORY_MIB;
    if (!r->maxmem_set)
        g->maxmem_mib = g->memory_mib;
    if (!r->vcpus_set)
        g->vcpus = 1;
    if (!r->maxvcpus_set)
        g->maxvcpus = g->vcpus;
    if (g->maxmem_mib < g->memory_mib)
        return error_set(r->error, "%s: maxmem (%u) is less than memory (%u)", file, g->maxmem_mib,
                         g->memory_mib);
    if (g->maxvcpus < g->vcpus)
        return error_set(r->error, "%s: maxvcpus (%u) is less than vcpus (%u)", file, g->maxvcpus,
                         g->vcpus);
    if (g->cap > g->maxvcpus * GUEST_VCPU_CAP)
        return error_set(r->error, "%s: cap (%u) is more than %u for each of its vCPUs (%u)", file,
                         g->cap, GUEST_VCPU_CAP, g->maxvcpus);
    warn_of_surplus(r, "cpus", &g->cpus);
    warn_of_surplus(r, "cpus_soft", &g->cpus_soft);
    return 0;
}

int guest_config_read(struct guest_config *g, const struct config *c, const char *file,
                      config_warn_fn *warn, void *context, struct error *e)
{
    struct reading r = {.guest = g, .warn = warn, .context = context, .error = e};
    int status;

    memset(g, 0, sizeof(*g));
    g->on_poweroff = STOP_DESTROY;
    g->on_reboot = STOP_RESTART;
    g->on_crash = STOP_DESTROY;
    g->on_watchdog = STOP_DESTROY;
    g->on_soft_reset = STOP_SOFT_RESET;
    status = read_settings(&r, c);
    if (!status)
        status = fill_in_defaults(&r, file);
    if (!status)
        status = join_cmdline(&r, file);
    free(r.cmdline);
    free(r.root);
    free(r.extra);
    if (status)
        guest_config_free(g);
    return status;
}

void guest_config_free(struct guest_config *g)
{
    free(g->kernel);
    free(g->ramdisk);
    free(g->cmdline);
    free(g->disks);
    free(g->vifs);
    free(g->cpus.sets);
    free(g->cpus_soft.sets);
    g->cpus.sets = g->cpus_soft.sets = NULL;
    g->cpus.count = g->cpus_soft.count = 0;
    g->kernel = g->ramdisk = g->cmdline = NULL;
    g->disks = NULL;
    g->vifs = NULL;
    g->disk_count = g->vif_count = 0;
}

/*
 * Copies @size bytes into memory of their own. @return NULL when memory is short, or there is
 * nothing.
 */
static void *copy_array(const void *from, size_t size)
{
    void *to = size ? malloc(size) : NULL;

    return to ? memcpy(to, from, size) : NULL;
}

int guest_config_copy(struct guest_config *to, const struct guest_config *from)
{
    *to = *from;
    to->kernel = strdup(from->kernel);
    to->ramdisk = from->ramdisk ? strdup(from->ramdisk) : NULL;
    to->cmdline = strdup(from->cmdline);
    to->disks = copy_array(from->disks, from->disk_count * sizeof(*from->disks));
    to->vifs = copy_array(from->vifs, from->vif_count * sizeof(*from->vifs));
    to->cpus.sets = copy_array(from->cpus.sets, from->cpus.count * sizeof(*from->cpus.sets));
    to->cpus_soft.sets = copy_array(from->cpus_soft.sets,
                                    from->cpus_soft.count * sizeof(*from->cpus_soft.sets));
    if (to->kernel && to->cmdline && (to->ramdisk || !from->ramdisk) &&
        (to->disks || !from->disk_count) && (to->vifs || !from->vif_count) &&
        (to->cpus.sets || !from->cpus.count) && (to->cpus_soft.sets || !from->cpus_soft.count))
        return 0;
    guest_config_free(to);
    return -1;
}

const struct cpu_set *guest_affinity_of(const struct guest_affinity *a, unsigned int vcpu)
{
    if (!a->each)
        return a->sets;
    return vcpu < a->count ? &a->sets[vcpu] : NULL;
}

/* Whether a character of @length bytes may stand in a name. */
static bool fits_name(const char *character, size_t length)
{
    unsigned char first = (unsigned char)character[0];

    if (length == 1)
        return first > ' ' && first != '/' && first != 0x7f;
    /* U+0080 to U+009F are control characters, too. */
    return first != 0xc2 || (unsigned char)character[1] >= 0xa0;
}

int guest_name_check(const char *name, struct error *e)
{
    size_t length = strlen(name), at = 0;

    if (!*name)
        return error_set(e, "a domain's name is not empty");
    if (length >= GUEST_NAME_SIZE)
        return error_set(e, "a domain's name has at most %d bytes", GUEST_NAME_SIZE - 1);
    while (at < length) {
        size_t character = utf8_length(name + at, length - at);

        if (!character)
            return error_set(e, "a domain's name is text in UTF-8");
        if (!fits_name(name + at, character))
            return error_set(e, "a domain's name has no blanks, slashes or control characters");
        at += character;
    }
    if (strspn(name, "0123456789") == length)
        return error_set(e, "a domain's name of digits alone would be taken for a domain's number");
    return 0;
}

const char *stop_action_word(enum stop_action action)
{
    return action_words[action];
}

enum stop_action stop_action_part(enum stop_action action)
{
    switch (action) {
    case STOP_COREDUMP_DESTROY:
        return STOP_DESTROY;
    case STOP_COREDUMP_RESTART:
    case STOP_SOFT_RESET:
        return STOP_RESTART;
    default:
        return action;
    }
}

void uuid_format(char text[37], const uint8_t uuid[16])
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        *text++ = digits[uuid[i] >> 4];
        *text++ = digits[uuid[i] & 15];
    }
    *text = '\0';
}

int uuid_parse(uint8_t uuid[16], const char *text)
{
    unsigned int nibbles = 0;
    uint8_t bytes[16] = {0};

    for (; *text; text++) {
        char c = *text;
        unsigned int digit = c >= '0' && c <= '9'   ? (unsigned int)(c - '0')
                             : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a' + 10)
                             : c >= 'A' && c <= 'F' ? (unsigned int)(c - 'A' + 10)
                                                    : 99;

        if (c == '-' && (nibbles == 8 || nibbles == 12 || nibbles == 16 || nibbles == 20))
            continue;
        if (digit > 15 || nibbles == 32)
            return -1;
        bytes[nibbles / 2] = (uint8_t)(bytes[nibbles / 2] << 4 | digit);
        nibbles++;
    }
    if (nibbles != 32)
        return -1;
    memcpy(uuid, bytes, sizeof(bytes));
    return 0;
}
