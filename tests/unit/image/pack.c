/* SPDX-License-Identifier: MIT */
/* Packed kernels: see pack.h. */
#include "pack.h"

#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#define ROOM 1000 /* more than a packer adds to what it cannot make smaller */

static void demand(bool packed)
{
    if (!packed)
        abort();
}

struct file append_size(struct file f, size_t unpacked)
{
    uint32_t size = (uint32_t)unpacked;

    f.bytes = realloc(f.bytes, f.size + 4);
    memcpy(f.bytes + f.size, &size, 4);
    f.size += 4;
    return f;
}

struct file pack_gzip(struct file f)
{
    struct file out = {.bytes = malloc(f.size + ROOM)};
    z_stream z = {.next_in = f.bytes,
                  .avail_in = (uInt)f.size,
                  .next_out = out.bytes,
                  .avail_out = (uInt)f.size + ROOM};

    deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    demand(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out.size = z.total_out;
    deflateEnd(&z);
    return out;
}

struct file pack_xz(struct file f)
{
    struct file out = {.bytes = malloc(f.size + ROOM)};

    demand(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, f.bytes, f.size, out.bytes, &out.size,
                                   f.size + ROOM) == LZMA_OK);
    return out;
}

struct file pack_zstd(struct file f)
{
    struct file out = {.bytes = malloc(f.size + ROOM)};

    out.size = ZSTD_compress(out.bytes, f.size + ROOM, f.bytes, f.size, 3);
    demand(!ZSTD_isError(out.size));
    return out;
}

struct file pack_lz4(struct file f)
{
    struct file out = {.bytes = malloc(f.size + ROOM)};
    uint32_t magic = 0x184c2102, packed;

    packed = (uint32_t)LZ4_compress_default((char *)f.bytes, (char *)out.bytes + 8, (int)f.size,
                                            (int)f.size + ROOM - 8);
    demand(packed);
    memcpy(out.bytes, &magic, 4);
    memcpy(out.bytes + 4, &packed, 4);
    out.size = packed + 8;
    return append_size(out, f.size);
}

struct file make_bzimage(struct file payload)
{
    struct file out = {.bytes = calloc(1, payload.size + 1040), .size = payload.size + 1040};
    uint32_t offset = 16, length = (uint32_t)payload.size;

    out.bytes[0x1f1] = 1; /* two sectors of real-mode code */
    memcpy(out.bytes + 0x1fe, "\x55\xaa", 2);
    memcpy(out.bytes + 0x202, "HdrS\x0f\x02", 6);
    memcpy(out.bytes + 0x248, &offset, 4);
    memcpy(out.bytes + 0x24c, &length, 4);
    memcpy(out.bytes + 1040, payload.bytes, payload.size);
    return out;
}
