/* SPDX-License-Identifier: MIT */
/*
 * An item of `vif = [ ... ]`, in the syntax of xl-network-configuration: key=value pairs and flags,
 * separated by commas. The flag `antispoof` is Bulkhead's own: frames with another source address
 * than the vif's own are dropped.
 */
#include <stdio.h>
#include <string.h>

#include <tools/device_config.h>

#include "parameters.h"

#define EXPECTED "expected key=value pairs, such as 'mac=00:16:3e:01:02:03,bridge=xenbr0'"

#define DEFAULT_RATE_INTERVAL 50000u /* microseconds */

struct reading {
    struct vif_config *vif;
    struct error *error;
};

static int vif_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int mac_parse(uint8_t mac[6], const char *text)
{
    uint8_t bytes[6];

    for (unsigned int i = 0; i < 6; i++) {
        int high = vif_hex_value(*text++), low = high < 0 ? -1 : vif_hex_value(*text);

        if (high < 0)
            return -1;
        bytes[i] = (uint8_t)(low < 0 ? high : high << 4 | low);
        text += low >= 0;
        if (*text++ != (i < 5 ? ':' : '\0'))
            return -1;
    }
    memcpy(mac, bytes, sizeof(bytes));
    return 0;
}

void mac_format(char text[MAC_TEXT_SIZE], const uint8_t mac[6])
{
    snprintf(text, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
}

static int vif_read_mac(struct reading *r, const char *value)
{
    static const uint8_t zero[6];

    if (mac_parse(r->vif->mac, value))
        return error_set(r->error, "mac '%s': expected six bytes such as 00:16:3e:01:02:03", value);
    if ((r->vif->mac[0] & 1) || !memcmp(r->vif->mac, zero, sizeof(zero)))
        return error_set(r->error, "mac '%s' is not the address of one interface", value);
    r->vif->mac_set = true;
    return 0;
}

static int vif_read_name(struct reading *r, const char *name, const char *value,
                         char text[VIF_NAME_SIZE])
{
    if (!*value || strpbrk(value, " \t/:"))
        return error_set(r->error, "%s '%s': expected the name of a network interface", name,
                         value);
    return parameter_copy(text, VIF_NAME_SIZE, name, value, r->error);
}

static int vif_read_bridge(struct reading *r, const char *value)
{
    return vif_read_name(r, "bridge", value, r->vif->bridge);
}

static int vif_read_vifname(struct reading *r, const char *value)
{
    return vif_read_name(r, "vifname", value, r->vif->vifname);
}

static int vif_read_ip(struct reading *r, const char *value)
{
    return parameter_copy(r->vif->ip, sizeof(r->vif->ip), "ip", value, r->error);
}

static int vif_read_type(struct reading *r, const char *value)
{
    if (!strcmp(value, "vif"))
        return 0;
    return error_set(r->error, "type '%s' is not for this kind of domain: expected vif", value);
}

static int vif_read_ignored(struct reading *r, const char *value)
{
    return 0; /* xl does nothing with it for this kind of domain either */
}

static int vif_read_script(struct reading *r, const char *value)
{
    const char *slash = strrchr(value, '/');

    if (!strcmp(slash ? slash + 1 : value, "vif-bridge"))
        return 0;
    return error_set(r->error, "script '%s' is not supported here: expected vif-bridge", value);
}

static int vif_read_backend(struct reading *r, const char *value)
{
    if (!strcmp(value, "0") || !strcmp(value, "Domain-0"))
        return 0;
    return error_set(r->error,
                     "backend '%s': back ends in other domains than Domain-0 are not "
                     "supported here",
                     value);
}

static int vif_read_gateway(struct reading *r, const char *value)
{
    return error_set(r->error, "gatewaydev '%s': routed interfaces are not supported here", value);
}

static int vif_read_mtu(struct reading *r, const char *value)
{
    uint64_t mtu;

    if (parameter_number(value, VIF_MAX_MTU, &mtu) || mtu < VIF_MIN_MTU)
        return error_set(r->error, "mtu '%s': expected a number from %d to %d", value, VIF_MIN_MTU,
                         VIF_MAX_MTU);
    r->vif->mtu = (uint32_t)mtu;
    return 0;
}

static int vif_read_devid(struct reading *r, const char *value)
{
    uint64_t devid;

    if (parameter_number(value, VIF_MAX_DEVID, &devid))
        return error_set(r->error, "devid '%s': expected a number from 0 to %d", value,
                         VIF_MAX_DEVID);
    r->vif->devid = (unsigned int)devid;
    r->vif->devid_set = true;
    return 0;
}

/* Reads digits. @return what follows, or NULL: there are none, or too many. */
static const char *vif_read_digits(const char *at, uint64_t *number)
{
    const char *start = at;
    uint64_t value = 0;

    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
        if (at - start == 15)
            return NULL;
    }
    *number = value;
    return at == start ? NULL : at;
}

/* "50ms", "20us", "1s"; as with xl, "50m" and "20u", too. A number alone is of microseconds. */
static int parse_interval(const char *at, uint32_t *interval)
{
    static const struct {
        const char *unit;
        uint64_t factor;
    } units[] = {{"", 1}, {"u", 1}, {"us", 1}, {"m", 1000}, {"ms", 1000}, {"s", 1000000}};
    uint64_t number = 0;

    at = vif_read_digits(at, &number);
    for (size_t i = 0; at && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(at, units[i].unit) != 0)
            continue;
        if (!number || number > UINT32_MAX / units[i].factor)
            return -1;
        *interval = (uint32_t)(number * units[i].factor);
        return 0;
    }
    return -1;
}

/* "10Mb/s", "250KB/s", "1MB/s@20ms" */
static int parse_rate(struct vif_config *vif, const char *at)
{
    uint64_t number = 0, factor = 1;
    bool bits;

    vif->rate_interval = DEFAULT_RATE_INTERVAL;
    at = vif_read_digits(at, &number);
    if (!at)
        return -1;
    if (*at == 'K' || *at == 'M' || *at == 'G')
        factor = *at == 'K' ? 1000 : *at == 'M' ? 1000000 : 1000000000;
    at += factor > 1;
    bits = *at == 'b';
    if ((!bits && *at != 'B') || strncmp(at + 1, "/s", 2) != 0)
        return -1;
    at += 3;
    if (*at && (*at != '@' || parse_interval(at + 1, &vif->rate_interval)))
        return -1;
    if (number > UINT64_MAX / factor)
        return -1;
    number *= factor;
    if (bits)
        number /= 8;
    if (number > UINT64_MAX / vif->rate_interval)
        return -1;
    vif->rate_bytes = number * vif->rate_interval / 1000000;
    return vif->rate_bytes ? 0 : -1;
}

static int vif_read_rate(struct reading *r, const char *value)
{
    if (parse_rate(r->vif, value))
        return error_set(r->error,
                         "rate '%s': expected NUMBER[K|M|G](B|b)/s[@NUMBER(us|ms|s)], such as "
                         "10Mb/s or 1MB/s@20ms",
                         value);
    return 0;
}

static const struct {
    const char *key;
    int (*read)(struct reading *r, const char *value);
} keys[] = {
    {"mac", vif_read_mac},        {"bridge", vif_read_bridge},   {"vifname", vif_read_vifname},
    {"ip", vif_read_ip},          {"type", vif_read_type},       {"model", vif_read_ignored},
    {"script", vif_read_script},  {"backend", vif_read_backend}, {"gatewaydev", vif_read_gateway},
    {"netdev", vif_read_gateway}, {"mtu", vif_read_mtu},         {"devid", vif_read_devid},
    {"rate", vif_read_rate},      {"accel", vif_read_ignored},
};

static int vif_read_key(struct reading *r, const struct parameter *p)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!strcmp(p->key, keys[i].key))
            return keys[i].read(r, p->value);
    return error_set(r->error, "unknown parameter '%s': %s", p->key, EXPECTED);
}

static int vif_read_flag(struct reading *r, const char *word)
{
    if (!strcmp(word, "antispoof"))
        r->vif->antispoof = true;
    else if (!strcmp(word, "trusted") || !strcmp(word, "untrusted"))
        r->vif->trusted = *word == 't';
    else if (*word)
        return error_set(r->error, "'%s': %s", word, EXPECTED);
    return 0;
}

int vif_config_parse(struct vif_config *vif, const char *const *texts, size_t count,
                     struct error *e)
{
    struct reading r = {.vif = vif, .error = e};

    memset(vif, 0, sizeof(*vif));
    snprintf(vif->bridge, sizeof(vif->bridge), "%s", VIF_DEFAULT_BRIDGE);
    vif->trusted = true;
    for (size_t i = 0; i < count; i++) {
        const char *text = texts[i];

        while (text) {
            struct parameter p;

            if (parameter_next(&text, &p, e) ||
                (p.key[0] ? vif_read_key(&r, &p) : vif_read_flag(&r, p.value)))
                return -1;
        }
    }
    return 0;
}
