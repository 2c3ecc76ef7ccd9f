/* SPDX-License-Identifier: MIT */
/*
 * Debian's decompression libraries, one function for each packing that Linux uses, all with the
 * same interface.
 *
 * These functions and the libraries behind them run only through unpack_call(). What they take from
 * a C library is in unpack_env.c. Each returns 0 or the library's error; a job's contents can be
 * anything.
 */
#define LZMA_MANUAL_HEADERS /* nothing of a C library is included */
#define Z_SOLO
#include <stddef.h>
#include <stdint.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "dom0_build.h"
#include "unpack_env.h"

/* The libraries' errors do not overlap with this one of ours. */
#define ERROR_FORMAT 1000

static void *__init zlib_alloc(void *opaque, unsigned int items, unsigned int size)
{
    return calloc(items, size);
}

static void __init zlib_free(void *opaque, void *p)
{
    free(p);
}

#define ZLIB_GZIP_HEADER 16

long __init unpack_gzip(struct unpack_job *job)
{
    z_stream z = {
        .zalloc = zlib_alloc,
        .zfree = zlib_free,
        .next_in = (z_const Bytef *)job->src,
        .avail_in = (uInt)job->src_size,
        .next_out = job->dst,
        .avail_out = (uInt)job->dst_size,
    };
    int rc = inflateInit2(&z, MAX_WBITS + ZLIB_GZIP_HEADER);

    if (rc != Z_OK)
        return rc;
    rc = inflate(&z, Z_FINISH);
    job->done = z.total_out;
    inflateEnd(&z);
    return rc == Z_STREAM_END ? 0 : rc ? rc : Z_BUF_ERROR;
}

long __init unpack_xz(struct unpack_job *job)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_ret rc = lzma_stream_decoder(&s, UINT64_MAX, 0);

    if (rc != LZMA_OK)
        return rc;
    s.next_in = job->src;
    s.avail_in = job->src_size;
    s.next_out = job->dst;
    s.avail_out = job->dst_size;
    rc = lzma_code(&s, LZMA_FINISH);
    job->done = s.total_out;
    lzma_end(&s);
    return rc == LZMA_STREAM_END ? 0 : rc ? (long)rc : LZMA_BUF_ERROR;
}

long __init unpack_zstd(struct unpack_job *job)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    size_t n;

    if (!ctx)
        return ERROR_FORMAT;
    n = ZSTD_decompressDCtx(ctx, job->dst, job->dst_size, job->src, job->src_size);
    ZSTD_freeDCtx(ctx);
    if (ZSTD_isError(n))
        return -(long)n;
    job->done = n;
    return 0;
}

/*
 * The lz4 tool's legacy frame, which Linux uses: the magic number, then blocks with their packed
 * size in front.
 */
#define LZ4_BLOCK_MAX (8U << 20) /* unpacked */

long __init unpack_lz4(struct unpack_job *job)
{
    size_t at = 4;

    while (at + 4 <= job->src_size) {
        u32 packed = 0;
        size_t room = job->dst_size - job->done;
        int n;

        for (unsigned int i = 0; i < 4; i++)
            packed |= (u32)job->src[at + i] << 8 * i;
        at += 4;
        if (packed > job->src_size - at || packed > LZ4_COMPRESSBOUND(LZ4_BLOCK_MAX))
            return ERROR_FORMAT;
        n = LZ4_decompress_safe((const char *)job->src + at, (char *)job->dst + job->done,
                                (int)packed, (int)MIN(room, (size_t)LZ4_BLOCK_MAX));
        if (n < 0)
            return n;
        at += packed;
        job->done += (size_t)n;
    }
    return at == job->src_size ? 0 : ERROR_FORMAT;
}
