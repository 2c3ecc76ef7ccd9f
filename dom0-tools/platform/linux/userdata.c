/* SPDX-License-Identifier: MIT */
/* The files that libxl keeps of each domain: see userdata.h. */
#include "userdata.h"

#include <glob.h>
#include <stdio.h>
#include <unistd.h>

#include <tools/guest_config.h>

#define FOLDER "/var/lib/xen"

void userdata_remove(domid_t domid, const uint8_t uuid[16])
{
    char pattern[128], text[37];
    glob_t files;

    uuid_format(text, uuid);
    snprintf(pattern, sizeof(pattern), FOLDER "/userdata-?.%u.%s.*", domid, text);
    if (glob(pattern, GLOB_NOSORT, NULL, &files))
        return; /* there is none */
    for (size_t i = 0; i < files.gl_pathc; i++)
        unlink(files.gl_pathv[i]);
    globfree(&files);
}
