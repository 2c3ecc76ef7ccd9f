/* SPDX-License-Identifier: MIT */
/*
 * Unpacks the formats in which kernels are packed, as a stream: the unpacked bytes go to a function
 * in chunks, so that a kernel larger than this domain's memory can be unpacked into another
 * domain's.
 */
#ifndef TOOLS_UNPACK_H
#define TOOLS_UNPACK_H

#include <stddef.h>

#include <tools/error.h>

/*
 * Bytes of unpacked content at most, as with xl: a few megabytes may unpack to any number of them.
 */
#define UNPACK_MAX (1ull << 30)

/*
 * Takes the next @length bytes. There may be none: it is also called when packed data without
 * content has come by, so that it can stop that.
 *
 * @return 0 to continue; or -1 to stop, after the sink has reported an error.
 */
typedef int unpack_sink(void *context, const void *data, size_t length);

/*
 * Recognises gzip, xz, zstd and the kernel's LZ4 framing by their first bytes and passes the
 * unpacked content to @sink; data in no such format is passed unchanged. Bytes behind the end of a
 * packed stream are ignored. Content of more than UNPACK_MAX bytes is refused. May wait, after
 * every few kilobytes of packed or unpacked data.
 *
 * @return 0; or -1 with the reason in @e (unless @sink gave one).
 */
int unpack(const void *data, size_t size, unpack_sink *sink, void *context, struct error *e);

#endif
