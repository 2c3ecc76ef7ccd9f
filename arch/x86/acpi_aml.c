/* SPDX-License-Identifier: MIT */
/*
 * The one thing that the hypervisor takes from ACPI's bytecode: the sleep types of soft power-off.
 *
 * \_S5 is by rule a named package of small integer constants (ACPI 6.4, 7.4.2), so it is found by
 * its name and read without an interpreter. The bytes come from firmware or, in tests, from
 * anywhere: so every access is bounded.
 */
#include <asm/acpi.h>
#include <lib.h>

#define AML_ZERO_OP      0x00
#define AML_ONE_OP       0x01
#define AML_NAME_OP      0x08
#define AML_BYTE_PREFIX  0x0a
#define AML_WORD_PREFIX  0x0b
#define AML_DWORD_PREFIX 0x0c
#define AML_PACKAGE_OP   0x12
#define AML_ROOT_PREFIX  '\\'

struct cursor {
    const u8 *p, *end;
};

/* Reads an integer constant, of which we need the low byte. */
static bool __init read_integer(struct cursor *c, u8 *value)
{
    size_t width;

    if (c->p == c->end)
        return false;
    switch (*c->p++) {
    case AML_ZERO_OP:
        *value = 0;
        return true;
    case AML_ONE_OP:
        *value = 1;
        return true;
    case AML_BYTE_PREFIX:
        width = 1;
        break;
    case AML_WORD_PREFIX:
        width = 2;
        break;
    case AML_DWORD_PREFIX:
        width = 4;
        break;
    default:
        return false;
    }
    if ((size_t)(c->end - c->p) < width)
        return false;
    *value = *c->p;
    c->p += width;
    return true;
}

/*
 * Reads a package: PackageOp, PkgLength, NumElements, then the elements, of which the first two are
 * the types for PM1a and PM1b.
 */
static bool __init read_package(struct cursor c, u8 *type_a, u8 *type_b)
{
    size_t length_bytes;

    if (c.end - c.p < 3 || *c.p++ != AML_PACKAGE_OP)
        return false;
    length_bytes = 1 +
                   (*c.p >> 6); /* the two top bits of PkgLength count the bytes that follow it */
    if ((size_t)(c.end - c.p) < length_bytes + 1)
        return false;
    c.p += length_bytes;
    if (*c.p++ < 1)
        return false;
    if (!read_integer(&c, type_a))
        return false;
    if (!read_integer(&c, type_b))
        *type_b = *type_a;
    return *type_a < 8 && *type_b < 8;
}

bool __init acpi_find_s5(const u8 *aml, size_t len, u8 *type_a, u8 *type_b)
{
    for (size_t i = 1; i + 4 < len; i++) {
        struct cursor c = {aml + i + 4, aml + len};
        bool named;

        if (memcmp(aml + i, "_S5_", 4))
            continue;
        named = aml[i - 1] == AML_NAME_OP ||
                (i > 1 && aml[i - 1] == AML_ROOT_PREFIX && aml[i - 2] == AML_NAME_OP);
        if (named && read_package(c, type_a, type_b))
            return true;
    }
    return false;
}
