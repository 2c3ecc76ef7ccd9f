/* SPDX-License-Identifier: MIT */
/*
 * bzImages and packings. Every offset comes from a file that may be damaged or hostile: it is
 * checked against the file's size before it is used.
 */
#include <image/bzimage.h>

#include "bytes.h"

/* Offsets into a bzImage's setup header (Linux boot protocol 2.08 and 2.10). */
#define BZ_SETUP_SECTS     0x1f1
#define BZ_HEADER          0x202
#define BZ_VERSION         0x206
#define BZ_PAYLOAD_OFFSET  0x248
#define BZ_PAYLOAD_LENGTH  0x24c
#define BZ_END             0x250
#define BZ_VERSION_PAYLOAD 0x0208 /* the first one with a payload offset */
#define BZ_PREF_ADDRESS    0x258
#define BZ_INIT_SIZE       0x260
#define BZ_NEEDS_END       0x264
#define BZ_VERSION_NEEDS   0x020a /* the first one with these two */

#define BZ_SECTOR          512u
#define BZ_SETUP_SECTS_OLD 4u /* what 0 means */

static const struct {
    char name[8]; /* no pointers: they would be relocated data */
    uint8_t length;
    uint8_t magic[6];
} packings[] = {
    [IMAGE_PLAIN] = {"plain", 0, {0}},
    [IMAGE_GZIP] = {"gzip", 2, {0x1f, 0x8b}},
    [IMAGE_XZ] = {"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}},
    [IMAGE_ZSTD] = {"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}},
    [IMAGE_LZ4] = {"lz4", 4, {0x02, 0x21, 0x4c, 0x18}},
    [IMAGE_BZIP2] = {"bzip2", 3, {'B', 'Z', 'h'}},
    [IMAGE_LZMA] = {"lzma", 3, {0x5d, 0, 0}},
    [IMAGE_LZO] = {"lzo", 5, {0x89, 'L', 'Z', 'O', 0}},
};

static bool is_bzimage(const uint8_t *file, size_t size)
{
    return size >= BZ_END && bytes_equal(file + BZ_HEADER, "HdrS", 4);
}

uint64_t image_needs(const void *file, size_t size)
{
    const uint8_t *header = file;
    uint64_t address;

    if (!is_bzimage(header, size) || size < BZ_NEEDS_END ||
        bytes_little(header + BZ_VERSION, 2) < BZ_VERSION_NEEDS)
        return 0;
    address = bytes_little(header + BZ_PREF_ADDRESS, 8);
    return address < UINT32_MAX ? address + bytes_little(header + BZ_INIT_SIZE, 4) : 0;
}

int image_find_payload(const void *file, size_t size, struct image_payload *payload,
                       const struct image_report *r)
{
    const uint8_t *header = file;
    uint64_t start, length;

    *payload = (struct image_payload){header, size, is_bzimage(header, size)};
    if (!payload->in_bzimage)
        return 0;
    if (bytes_little(header + BZ_VERSION, 2) < BZ_VERSION_PAYLOAD)
        return image_refuse(r, "a bzImage of boot protocol %u.%02u; 2.08 or newer is needed",
                            header[BZ_VERSION + 1], header[BZ_VERSION]);
    start = header[BZ_SETUP_SECTS] ? header[BZ_SETUP_SECTS] : BZ_SETUP_SECTS_OLD;
    start = (start + 1) * BZ_SECTOR + bytes_little(header + BZ_PAYLOAD_OFFSET, 4);
    length = bytes_little(header + BZ_PAYLOAD_LENGTH, 4);
    if (!length)
        return image_refuse(r, "a bzImage without a payload");
    if (start > size || length > size - start)
        return image_refuse(r,
                            "a truncated bzImage: its payload ends at byte %lu, the file has %zu",
                            start + length, size);
    payload->data = header + start;
    payload->size = (size_t)length;
    return 0;
}

enum image_packing image_packing(const void *data, size_t size)
{
    for (unsigned int i = IMAGE_GZIP; i < sizeof(packings) / sizeof(packings[0]); i++)
        if (size >= packings[i].length && bytes_equal(data, packings[i].magic, packings[i].length))
            return (enum image_packing)i;
    return IMAGE_PLAIN;
}

const char *image_packing_name(enum image_packing packing)
{
    return packings[packing].name;
}
