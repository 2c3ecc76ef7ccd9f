/* SPDX-License-Identifier: MIT */
/*
 * Partition tables. Numbers on the disk are little-endian and believed only after a check: sums in
 * 64 bits, chains of bounded length, tables that were read whole before they are used.
 */
#include <drivers/partition.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define SECTOR_SIZE    512u
#define BLOCK_SIZE_MAX 4096u

/* MBR: four entries at the end of the first 512 bytes. */
#define MBR_ENTRIES         446
#define MBR_ENTRY_SIZE      16
#define MBR_SIGNATURE       510
#define MBR_TYPE            4
#define MBR_FIRST           8
#define MBR_COUNT           12
#define TYPE_EMPTY          0x00
#define TYPE_EXTENDED       0x05
#define TYPE_EXTENDED_LBA   0x0f
#define TYPE_EXTENDED_LINUX 0x85
#define TYPE_GPT            0xee
#define LOGICAL_NUMBER      5
#define LOGICAL_MAX         60

/* GPT header, in block 1 and in the last one. */
#define GPT_SIGNATURE   "EFI PART"
#define GPT_SIZE        12
#define GPT_CRC         16
#define GPT_OWN         24
#define GPT_FIRST       40
#define GPT_LAST        48
#define GPT_TABLE       72
#define GPT_COUNT       80
#define GPT_ENTRY_SIZE  84
#define GPT_TABLE_CRC   88
#define GPT_HEADER_MIN  92
#define GPT_ENTRIES_MAX 1024u

/* GPT entry: a type of 16 bytes, all zero when unused. */
#define ENTRY_TYPE_SIZE 16
#define ENTRY_FIRST     32
#define ENTRY_LAST      40
#define ENTRY_SIZE_MIN  128u
#define ENTRY_SIZE_MAX  4096u

static uint32_t gpt_get32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t gpt_get64(const uint8_t *at)
{
    return gpt_get32(at) | (uint64_t)gpt_get32(at + 4) << 32;
}

/* What is found, and the disk it is found on. */
struct scan {
    const struct partition_source *source;
    uint64_t blocks; /* of the disk */
    struct partition *partitions;
    unsigned int count;
    const char *note;
};

static int read_block(const struct scan *scan, uint64_t block, uint8_t *buffer)
{
    return scan->source->read(scan->source->context, block, buffer);
}

/* Takes in the partition [first, first + count) in blocks if it lies within the disk. */
static void add_partition(struct scan *scan, unsigned int number, uint64_t first, uint64_t count)
{
    uint64_t factor = scan->source->logical_size / SECTOR_SIZE;

    if (count == 0 || first >= scan->blocks || count > scan->blocks - first) {
        scan->note = "a partition does not lie within the disk";
    } else if (scan->count == PARTITIONS_MAX) {
        scan->note = "there are more partitions than can be used";
    } else {
        scan->partitions[scan->count++] = (struct partition){
            .number = number, .first = first * factor, .sectors = count * factor};
    }
}

/* ---- MBR ---- */

static bool is_extended(uint8_t type)
{
    return type == TYPE_EXTENDED || type == TYPE_EXTENDED_LBA || type == TYPE_EXTENDED_LINUX;
}

static bool has_signature(const uint8_t *block)
{
    return block[MBR_SIGNATURE] == 0x55 && block[MBR_SIGNATURE + 1] == 0xaa;
}

/*
 * Logical partitions: a chain of tables, each with one partition, which starts relative to its
 * table, and a link to the next table, relative to the extended partition.
 */
static int scan_logical(struct scan *scan, uint64_t start, uint64_t size, uint8_t *block)
{
    uint64_t table = start;

    for (unsigned int number = LOGICAL_NUMBER; number < LOGICAL_NUMBER + LOGICAL_MAX; number++) {
        const uint8_t *entry = block + MBR_ENTRIES, *link = entry + MBR_ENTRY_SIZE;
        int error = table < scan->blocks ? read_block(scan, table, block) : 0;

        if (error)
            return error;
        if (table >= scan->blocks || !has_signature(block)) {
            scan->note = "the chain of logical partitions is damaged";
            return 0;
        }
        if (entry[MBR_TYPE] != TYPE_EMPTY)
            add_partition(scan, number, table + gpt_get32(entry + MBR_FIRST),
                          gpt_get32(entry + MBR_COUNT));
        if (!is_extended(link[MBR_TYPE]))
            return 0;
        /* Forward only, so that the chain cannot be a circle. */
        if (gpt_get32(link + MBR_FIRST) >= size || start + gpt_get32(link + MBR_FIRST) <= table) {
            scan->note = "the chain of logical partitions is damaged";
            return 0;
        }
        table = start + gpt_get32(link + MBR_FIRST);
    }
    scan->note = "there are more logical partitions than can be used";
    return 0;
}

static int scan_mbr(struct scan *scan, uint8_t *block)
{
    uint8_t entries[4][MBR_ENTRY_SIZE];
    int error = 0;

    memcpy(entries, block + MBR_ENTRIES, sizeof(entries));
    /*
     * A boot sector of a file system has the signature, too; its boot flags are nearly never right.
     */
    for (unsigned int i = 0; i < 4; i++)
        if (entries[i][0] & 0x7f)
            return 0;
    for (unsigned int i = 0; i < 4; i++)
        if (entries[i][MBR_TYPE] != TYPE_EMPTY && !is_extended(entries[i][MBR_TYPE]))
            add_partition(scan, i + 1, gpt_get32(entries[i] + MBR_FIRST),
                          gpt_get32(entries[i] + MBR_COUNT));
    for (unsigned int i = 0; i < 4 && !error; i++) {
        if (is_extended(entries[i][MBR_TYPE])) {
            error = scan_logical(scan, gpt_get32(entries[i] + MBR_FIRST),
                                 gpt_get32(entries[i] + MBR_COUNT), block);
            break; /* one is all that there can be */
        }
    }
    return error;
}

static bool is_protective(const uint8_t *block)
{
    for (unsigned int i = 0; i < 4; i++)
        if (block[MBR_ENTRIES + i * MBR_ENTRY_SIZE + MBR_TYPE] == TYPE_GPT)
            return true;
    return false;
}

/* ---- GPT ---- */

/* The checksum of ISO 3309, a byte at a time, over data that comes in pieces. */
static uint32_t crc32_add(uint32_t crc, const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (unsigned int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return crc;
}

static uint32_t crc32(const uint8_t *data, size_t length)
{
    return ~crc32_add(~0u, data, length);
}

struct gpt {
    uint64_t first, last; /* blocks that partitions may use */
    uint64_t table;
    uint32_t count, entry_size, table_crc;
};

/* Checks the header in @block, which was read from block @own. */
static bool parse_header(const struct scan *scan, uint8_t *block, uint64_t own, struct gpt *gpt)
{
    uint32_t size = gpt_get32(block + GPT_SIZE), crc = gpt_get32(block + GPT_CRC);
    uint64_t table_size;

    if (memcmp(block, GPT_SIGNATURE, 8) != 0 || size < GPT_HEADER_MIN ||
        size > scan->source->logical_size)
        return false;
    memset(block + GPT_CRC, 0, 4);
    if (crc32(block, size) != crc || gpt_get64(block + GPT_OWN) != own)
        return false;
    gpt->first = gpt_get64(block + GPT_FIRST);
    gpt->last = gpt_get64(block + GPT_LAST);
    gpt->table = gpt_get64(block + GPT_TABLE);
    gpt->count = gpt_get32(block + GPT_COUNT);
    gpt->entry_size = gpt_get32(block + GPT_ENTRY_SIZE);
    gpt->table_crc = gpt_get32(block + GPT_TABLE_CRC);
    if (gpt->count > GPT_ENTRIES_MAX || gpt->entry_size < ENTRY_SIZE_MIN ||
        gpt->entry_size > ENTRY_SIZE_MAX || gpt->entry_size & (gpt->entry_size - 1))
        return false;
    table_size = (uint64_t)gpt->count * gpt->entry_size;
    return gpt->first <= gpt->last && gpt->last < scan->blocks && gpt->table < scan->blocks &&
           table_size <= (scan->blocks - gpt->table) * scan->source->logical_size;
}

static void add_entry(struct scan *scan, const struct gpt *gpt, unsigned int number,
                      const uint8_t *entry)
{
    static const uint8_t unused[ENTRY_TYPE_SIZE];
    uint64_t first = gpt_get64(entry + ENTRY_FIRST), last = gpt_get64(entry + ENTRY_LAST);

    if (memcmp(entry, unused, sizeof(unused)) == 0)
        return;
    if (first < gpt->first || last > gpt->last || first > last)
        scan->note = "a partition does not lie within the disk";
    else
        add_partition(scan, number, first, last - first + 1);
}

/*
 * Go over the table's blocks: sum them up, or take in the entries. Entries and blocks are powers of
 * two, so an entry that is larger than a block begins with one.
 */
static int read_gpt_entries(struct scan *scan, const struct gpt *gpt, bool take, uint32_t *crc,
                            uint8_t *block)
{
    uint32_t block_size = scan->source->logical_size;
    uint64_t size = (uint64_t)gpt->count * gpt->entry_size;

    *crc = ~0u;
    for (uint64_t offset = 0; offset < size; offset += block_size) {
        uint32_t part = size - offset < block_size ? (uint32_t)(size - offset) : block_size;
        int error = read_block(scan, gpt->table + offset / block_size, block);

        if (error)
            return error;
        *crc = crc32_add(*crc, block, part);
        for (uint32_t at = 0; take && at < part; at += gpt->entry_size)
            if ((offset + at) % gpt->entry_size == 0)
                add_entry(scan, gpt, (unsigned int)((offset + at) / gpt->entry_size) + 1,
                          block + at);
    }
    *crc = ~*crc;
    return 0;
}

/* @return 1 with a GPT whose header is in block @own, 0 without, or a negative errno. */
static int scan_gpt(struct scan *scan, uint64_t own, uint8_t *block)
{
    struct gpt gpt;
    uint32_t crc;
    int error = read_block(scan, own, block);

    if (error)
        return error;
    if (!parse_header(scan, block, own, &gpt))
        return 0;
    error = read_gpt_entries(scan, &gpt, false, &crc, block);
    if (error || crc != gpt.table_crc)
        return error;
    error = read_gpt_entries(scan, &gpt, true, &crc, block);
    return error ? error : 1;
}

static int scan_disk(struct scan *scan, uint8_t *block)
{
    int found = read_block(scan, 0, block);

    if (found)
        return found;
    if (!has_signature(block))
        return 0;
    if (!is_protective(block))
        return scan_mbr(scan, block);
    found = scan->blocks > 2 ? scan_gpt(scan, 1, block) : 0;
    if (found == 0 && scan->blocks > 2) {
        found = scan_gpt(scan, scan->blocks - 1, block);
        scan->note = found == 1 ? "the GPT is damaged; its backup is used"
                                : "the GPT and its backup are damaged";
    }
    return found < 0 ? found : 0;
}

int partition_scan(const struct partition_source *source, struct partition *partitions,
                   const char **note)
{
    struct scan scan = {
        .source = source,
        .blocks = source->sectors / (source->logical_size / SECTOR_SIZE),
        .partitions = partitions,
    };
    uint8_t block[BLOCK_SIZE_MAX];
    int error = scan.blocks > 0 ? scan_disk(&scan, block) : 0;

    *note = scan.note;
    return error ? error : (int)scan.count;
}
