/* SPDX-License-Identifier: MIT */
/*
 * The unpackers: zlib, liblzma, libzstd and liblz4 behind one streaming interface.
 *
 * Each call into a library is bracketed by platform_library_begin/end, since the libraries are
 * compiled for an ordinary process (SSE, red zone, stack protector); the sink is always called
 * outside of the brackets, where it may sleep.
 */
/* CFLAGS: -idirafter /usr/include */
#include <lz4.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define Z_SOLO /* zlib.h then asks for nothing but <stddef.h>; the allocator is ours to name */
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY /* for the allocator that zstd is to use */
#include <zstd.h>
#include <zstd_errors.h>

#include <image/bzimage.h>
#include <platform.h>
#include <tools/unpack.h>

#define CHUNK_SIZE (8u << 10) /* a few milliseconds of work, for which other threads wait */

/* Linux packs with xz dictionaries of up to 32 MiB, with zstd windows of up to 128 MiB. */
#define XZ_MEMORY_LIMIT     (96ull << 20)
#define ZSTD_MAX_WINDOW_LOG 27

/*
 * The legacy frame of the lz4 tool: this magic number, then blocks with their packed size in front.
 */
#define LZ4_LEGACY_MAGIC 0x184c2102u
#define LZ4_LEGACY_BLOCK (8u << 20)

struct stream {
    const uint8_t *data; /* what is left of the input */
    size_t size;
    uint64_t unpacked; /* bytes that the sink has got */
    uint8_t *chunk;    /* CHUNK_SIZE bytes of output */
    unpack_sink *sink;
    void *context;
    struct error *error;
};

/*
 * How much of the input a call of a library is given. Like the output it is bounded: a stream may
 * consist of blocks without content, of which a library reads as many as it can get.
 */
static size_t input_part(const struct stream *s)
{
    return s->size < CHUNK_SIZE ? s->size : CHUNK_SIZE;
}

/* Passes unpacked bytes on, if there are any, and lets others run: unpacking takes seconds. */
static int pass_on(struct stream *s, const void *data, size_t length)
{
    if (length > UNPACK_MAX - s->unpacked)
        return error_set(s->error, "more than %llu MiB once unpacked, which no kernel needs",
                         UNPACK_MAX >> 20);
    s->unpacked += length;
    if (s->sink(s->context, data, length))
        return -1;
    platform_yield();
    return 0;
}

/* Takes what a library has read off the input, and passes on what it has left in the chunk. */
static int pass_step(struct stream *s, size_t read, size_t length)
{
    s->data += read;
    s->size -= read;
    return pass_on(s, s->chunk, length);
}

static int unpack_plain(struct stream *s)
{
    while (s->size) {
        size_t length = input_part(s);

        if (pass_on(s, s->data, length))
            return -1;
        s->data += length;
        s->size -= length;
    }
    return 0;
}

/*
 * Memory for what a stream's header can make as large as it likes. It is kept for as long as the
 * unpacking takes, so it must be memory that nobody else needs meanwhile.
 */
static void *spare_alloc(size_t size)
{
    return size <= platform_memory_spare() ? malloc(size) : NULL;
}

static void library_free(void *context, void *memory)
{
    free(memory);
}

/* Some 40 KiB, whatever the stream says. */
static void *zlib_alloc(void *context, unsigned int items, unsigned int size)
{
    return calloc(items, size);
}

static int unpack_gzip(struct stream *s)
{
    z_stream z = {.zalloc = zlib_alloc, .zfree = library_free};
    int status, result = 0;

    platform_library_begin();
    status = inflateInit2(&z, 16 + MAX_WBITS);
    platform_library_end();
    if (status != Z_OK)
        return error_set(s->error, "not enough memory to unpack gzip");
    while (!result && status != Z_STREAM_END) {
        z.next_in = (Bytef *)(uintptr_t)s->data;
        z.avail_in = (uInt)input_part(s);
        z.next_out = s->chunk;
        z.avail_out = CHUNK_SIZE;
        platform_library_begin();
        status = inflate(&z, Z_NO_FLUSH);
        platform_library_end();
        if (status == Z_BUF_ERROR) /* there was nothing to read */
            result = error_set(s->error, "the gzip stream is cut short");
        else if (status == Z_MEM_ERROR)
            result = error_set(s->error, "not enough memory to unpack gzip");
        else if (status != Z_OK && status != Z_STREAM_END)
            result = error_set(s->error, "the gzip stream is damaged");
        else
            result = pass_step(s, (size_t)(z.next_in - s->data), CHUNK_SIZE - z.avail_out);
    }
    platform_library_begin();
    inflateEnd(&z);
    platform_library_end();
    return result;
}

/* @items is always 1. */
static void *xz_alloc(void *context, size_t items, size_t size)
{
    return spare_alloc(size);
}

static int unpack_xz(struct stream *s)
{
    static const lzma_allocator allocator = {.alloc = xz_alloc, .free = library_free};
    lzma_stream xz = LZMA_STREAM_INIT;
    lzma_ret status;
    int result = 0;

    xz.allocator = &allocator;
    platform_library_begin();
    status = lzma_stream_decoder(&xz, XZ_MEMORY_LIMIT, 0);
    platform_library_end();
    if (status != LZMA_OK)
        return error_set(s->error, "not enough memory to unpack xz");
    while (!result && status != LZMA_STREAM_END) {
        xz.next_in = s->data;
        xz.avail_in = input_part(s);
        xz.next_out = s->chunk;
        xz.avail_out = CHUNK_SIZE;
        platform_library_begin();
        status = lzma_code(&xz, LZMA_RUN);
        platform_library_end();
        if (status == LZMA_BUF_ERROR) /* there was nothing to read, twice */
            result = error_set(s->error, "the xz stream is cut short");
        else if (status == LZMA_MEM_ERROR || status == LZMA_MEMLIMIT_ERROR)
            result = error_set(s->error,
                               "not enough memory to unpack xz: its dictionary needs %llu KiB",
                               (unsigned long long)lzma_memusage(&xz) >> 10);
        else if (status != LZMA_OK && status != LZMA_STREAM_END)
            result = error_set(s->error, "the xz stream is damaged");
        else
            result = pass_step(s, (size_t)(xz.next_in - s->data), CHUNK_SIZE - xz.avail_out);
    }
    platform_library_begin();
    lzma_end(&xz);
    platform_library_end();
    return result;
}

/* @context receives what was asked for last. */
static void *zstd_alloc(void *context, size_t size)
{
    *(size_t *)context = size;
    return spare_alloc(size);
}

static int unpack_zstd(struct stream *s)
{
    size_t left = 1, needed = 0;
    const ZSTD_customMem allocator = {zstd_alloc, library_free, &needed};
    ZSTD_DCtx *zstd;
    int result = 0;

    platform_library_begin();
    zstd = ZSTD_createDCtx_advanced(allocator);
    if (zstd)
        ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, ZSTD_MAX_WINDOW_LOG);
    platform_library_end();
    if (!zstd)
        return error_set(s->error, "not enough memory to unpack zstd");
    while (!result && left) {
        ZSTD_inBuffer in = {.src = s->data, .size = input_part(s)};
        ZSTD_outBuffer out = {.dst = s->chunk, .size = CHUNK_SIZE};
        const char *what;

        platform_library_begin();
        left = ZSTD_decompressStream(zstd, &out, &in);
        what = ZSTD_isError(left) ? ZSTD_getErrorName(left) : NULL;
        platform_library_end();
        if (what && ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
            result = error_set(s->error,
                               "not enough memory to unpack zstd: its window needs %zu KiB",
                               needed >> 10);
        else if (what)
            result = error_set(s->error, "the zstd stream cannot be unpacked: %s", what);
        else if (left && !out.pos && !in.size)
            result = error_set(s->error, "the zstd stream is cut short");
        else
            result = pass_step(s, in.pos, out.pos);
    }
    platform_library_begin();
    ZSTD_freeDCtx(zstd);
    platform_library_end();
    return result;
}

static uint32_t little32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/*
 * The framing has no end mark, and the kernel's build appends the unpacked size as four bytes. Only
 * the last block may unpack to less than a full one, so the first short block ends the stream.
 */
static int unpack_lz4(struct stream *s)
{
    uint8_t *block = spare_alloc(LZ4_LEGACY_BLOCK);
    size_t at = 4;
    int result = 0;

    if (!block)
        return error_set(s->error, "not enough memory to unpack lz4");
    while (!result && s->size - at > 4) {
        uint32_t packed = little32(s->data + at);
        int length;

        at += 4;
        if (packed == LZ4_LEGACY_MAGIC) { /* another frame behind the first, or many empty ones */
            result = pass_on(s, block, 0);
            continue;
        }
        if (packed > s->size - at) {
            result = error_set(s->error, "the lz4 stream is cut short");
            break;
        }
        platform_library_begin();
        length = LZ4_decompress_safe((const char *)s->data + at, (char *)block, (int)packed,
                                     (int)LZ4_LEGACY_BLOCK);
        platform_library_end();
        if (length < 0)
            result = error_set(s->error, "the lz4 stream is damaged");
        else if (pass_on(s, block, (size_t)length))
            result = -1;
        else if ((unsigned int)length < LZ4_LEGACY_BLOCK)
            break;
        at += packed;
    }
    free(block);
    return result;
}

int unpack(const void *data, size_t size, unpack_sink *sink, void *context, struct error *e)
{
    static int (*const functions[])(struct stream *) = {
        [IMAGE_PLAIN] = unpack_plain, [IMAGE_GZIP] = unpack_gzip, [IMAGE_XZ] = unpack_xz,
        [IMAGE_ZSTD] = unpack_zstd,   [IMAGE_LZ4] = unpack_lz4,
    };
    struct stream s = {.data = data, .size = size, .sink = sink, .context = context, .error = e};
    enum image_packing packing = image_packing(data, size);
    int result;

    if (packing >= sizeof(functions) / sizeof(functions[0]))
        return error_set(e, "packed with %s; gzip, xz, zstd and lz4 are understood",
                         image_packing_name(packing));
    s.chunk = malloc(CHUNK_SIZE);
    if (!s.chunk)
        return error_set(e, "not enough memory to unpack");
    result = functions[packing](&s);
    free(s.chunk);
    return result;
}
