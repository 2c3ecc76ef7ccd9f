/* SPDX-License-Identifier: MIT */
/*
 * Keys that xl.cfg(5) has and this configuration does not use, with what to use instead, and the
 * search for the key that is nearest to a mistyped one.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "foreign_keys.h"

#define LONGEST_KEY  48 /* bytes; a longer one resembles none */
#define MAX_DISTANCE 2  /* mistyped letters */

struct advice {
    const char *text;
    const char *keys; /* parted by blanks */
};

static const struct advice advices[] = {
    {"give kernel=, for example pvgrub, which reads the boot menu of the domain's disk",
     "bootloader bootloader_args"},
    {"all memory of the machine counts as near to all CPUs", "vnuma"},
    {"the clock of every domain is in UTC; its own time zone stands in its own files",
     "localtime rtc_timeoffset"},
    {"a domain has a text console: bh console",
     "vfb vkb vdispl vga stdvga videoram vnc vncdisplay vnclisten vncpasswd vncunused sdl opengl "
     "nographic keymap serial spice spice_clipboard_sharing spice_image_compression "
     "spice_streaming_video spiceagent_mouse spicedisable_ticketing spicehost spicepasswd spiceport "
     "spicetls_port spiceusbredirection spicevdagent vkb_device"},
    {"devices of the machine cannot be given to a domain; use disk= and vif=",
     "pci pci_msitranslate pci_permissive pci_power_mgmt pci_seize ioports iomem irqs rdm "
     "rdm_mem_boundary dtdev device_tree passthrough gfx_passthru usb usbctrl usbdev usbdevice "
     "usbversion"},
    {"the limit is the hypervisor's",
     "max_grant_frames max_maptrack_frames max_event_channels max_grant_version"},
    {"it is for domains with emulated hardware, which there are not here",
     "acpi acpi_firmware acpi_laptop_slate acpi_s3 acpi_s4 altp2m altp2mhvm apic bios "
     "bios_path_override boot device_model_args device_model_args_hvm device_model_args_pv "
     "device_model_override device_model_stubdomain_override device_model_stubdomain_seclabel "
     "device_model_user device_model_version dm_restrict firmware gic_version hap hdtype hpet "
     "mca_caps mmio_hole ms_vm_genid msr_relaxed nestedhvm nx oos pae pvshim pvshim_cmdline "
     "pvshim_extra pvshim_path shadow_memory smbios_firmware soundhw stubdomain_cmdline "
     "stubdomain_kernel stubdomain_memory stubdomain_ramdisk tee timer_mode vendor_device viridian "
     "vmtrace_buf_kb vpt_align vuart xen_platform_pci xend_suspend_evtchn_compat"},
    {NULL, "channel cpuid driver_domain e820_host init_seclabel nomigrate p9 pvcalls seclabel "
           "tsc_mode vpmu vsnd vtpm"},
};

/* Copies the next word of *@list and moves *@list behind it. @return false at the end. */
static bool next_word(const char **list, char word[LONGEST_KEY])
{
    size_t length = strcspn(*list, " ");

    if (!length)
        return false;
    memcpy(word, *list, length);
    word[length] = '\0';
    *list += length + ((*list)[length] == ' ');
    return true;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters have to be changed, left out, put in or swapped with the next one. */
static size_t key_distance(const char *a, const char *b)
{
    size_t rows[3][LONGEST_KEY + 1], *two_ago = rows[0], *before = rows[1], *now = rows[2];
    size_t length = strlen(b);

    for (size_t k = 0; k <= length; k++)
        before[k] = k;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t *spare = two_ago;

        now[0] = i;
        for (size_t k = 1; k <= length; k++) {
            now[k] = least(least(before[k], now[k - 1]) + 1,
                           before[k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                now[k] = least(now[k], two_ago[k - 2] + 1);
        }
        two_ago = before;
        before = now;
        now = spare;
    }
    return before[length];
}

struct nearest {
    const char *key;
    size_t distance;
    char word[LONGEST_KEY];
};

static void consider_key(struct nearest *nearest, const char *candidate)
{
    size_t distance = key_distance(nearest->key, candidate);

    if (distance >= nearest->distance || distance >= strlen(candidate))
        return;
    nearest->distance = distance;
    snprintf(nearest->word, sizeof(nearest->word), "%s", candidate);
}

static void find_nearest(struct nearest *nearest, const char *const *own)
{
    char word[LONGEST_KEY];

    if (strlen(nearest->key) >= LONGEST_KEY)
        return;
    for (; *own; own++)
        consider_key(nearest, *own);
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
        for (const char *list = advices[i].keys; next_word(&list, word);)
            consider_key(nearest, word);
}

static const struct advice *find_advice(const char *key)
{
    char word[LONGEST_KEY];

    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
        for (const char *list = advices[i].keys; next_word(&list, word);)
            if (!strcmp(word, key))
                return &advices[i];
    return NULL;
}

void foreign_key_words(char *text, size_t size, const char *key, const char *const *own)
{
    const struct advice *advice = find_advice(key);
    struct nearest nearest = {.key = key, .distance = MAX_DISTANCE + 1};

    if (advice) {
        snprintf(text, size, "xl's key '%s' is not supported here%s%s", key,
                 advice->text ? ": " : "", advice->text ? advice->text : "");
        return;
    }
    find_nearest(&nearest, own);
    if (nearest.word[0])
        snprintf(text, size, "unknown key '%.100s' ignored: is '%s' meant?", key, nearest.word);
    else
        snprintf(text, size, "unknown key '%.100s' ignored", key);
}
