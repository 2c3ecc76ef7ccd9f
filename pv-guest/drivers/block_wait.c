/* SPDX-License-Identifier: MIT */
/*
 * Block requests for threads that wait for them: a buffer of any length is cut into pages and these
 * into as many requests as the device needs, one after the other.
 */
#include <drivers/block.h>

#include <errno.h>
#include <events.h>
#include <memory.h>
#include <thread.h>

#define SEGMENTS 32

/* A request for which a thread waits, on that thread's stack. */
struct waiting {
    struct block_request request;
    struct wait_queue queue;
    bool finished;
    int error;
};

static void on_done(struct block_request *request, int error)
{
    struct waiting *waiting = request->context;

    waiting->error = error;
    waiting->finished = true;
    wake_all(&waiting->queue);
}

static int submit_and_wait(struct block_device *device, struct block_request request)
{
    struct waiting waiting = {.request = request};

    waiting.request.done = on_done;
    waiting.request.context = &waiting;
    block_submit(device, &waiting.request);
    block_kick(device);
    wait_until(&waiting.queue, waiting.finished);
    return waiting.error;
}

/* Cuts what lies at @buffer into pieces within a page. @return bytes cut. */
static size_t cut(char *buffer, size_t length, struct block_segment *segments, unsigned int limit,
                  unsigned int *count)
{
    size_t done = 0;

    for (*count = 0; *count < limit && done < length; ++*count) {
        char *va = buffer + done;
        size_t piece = PAGE_SIZE - ((uintptr_t)va & (PAGE_SIZE - 1));

        if (piece > length - done)
            piece = length - done;
        segments[*count] = (struct block_segment){
            .va = va, .maddr = va_to_maddr(va), .length = (uint32_t)piece};
        done += piece;
    }
    return done;
}

static int transfer(struct block_device *device, enum block_operation operation, uint64_t sector,
                    char *buffer, size_t length)
{
    struct block_segment segments[SEGMENTS];
    unsigned int limit = device->max_segments < SEGMENTS ? device->max_segments : SEGMENTS;

    while (length > 0) {
        struct block_request request = {
            .operation = operation, .sector = sector, .segments = segments};
        size_t done = cut(buffer, length, segments, limit, &request.segment_count);
        int error = submit_and_wait(device, request);

        if (error)
            return error;
        sector += done / SECTOR_SIZE;
        buffer += done;
        length -= done;
    }
    return 0;
}

int block_read(struct block_device *device, uint64_t sector, void *buffer, size_t length)
{
    return transfer(device, BLOCK_READ, sector, buffer, length);
}

int block_write(struct block_device *device, uint64_t sector, const void *buffer, size_t length)
{
    return transfer(device, BLOCK_WRITE, sector, (char *)(uintptr_t)buffer, length);
}

int block_flush(struct block_device *device)
{
    return submit_and_wait(device, (struct block_request){.operation = BLOCK_FLUSH});
}

int block_discard(struct block_device *device, uint64_t sector, uint64_t sectors)
{
    return submit_and_wait(
        device,
        (struct block_request){.operation = BLOCK_DISCARD, .sector = sector, .sectors = sectors});
}
