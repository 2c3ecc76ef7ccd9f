/* SPDX-License-Identifier: MIT */
/* Writing JSON (RFC 8259) to the terminal, two blanks a level. Private to dom0-tools/bh. */
#ifndef TOOLS_BH_JSON_H
#define TOOLS_BH_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tools/device_config.h>

struct json {
    unsigned int depth;
    bool empty[8];   /* for each open bracket: nothing is in it yet */
    bool others_run; /* other threads do while texts are printed, which may be long */
};

/* In an object each value has a @key; in an array, and for the outermost value, @key is NULL. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_text(struct json *j, const char *key, const char *text);
void json_bytes(struct json *j, const char *key, const void *bytes, size_t length);
void json_number(struct json *j, const char *key, uint64_t number);
void json_signed(struct json *j, const char *key, int64_t number);
void json_tenths(struct json *j, const char *key, uint64_t tenths); /* 637 is 63.7 */
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key); /* not known */

/*
 * A device's configuration as an object, with the keys of libxl's JSON. Keys that libxl does not
 * have (`access`, which distinguishes `w!` from `w`, and `antispoof`) come last.
 */
void json_disk(struct json *j, const char *key, const struct disk_config *disk);
void json_vif(struct json *j, const char *key, const struct vif_config *vif);

#endif
