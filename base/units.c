/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, sizes and times as people write them.
 *
 * Reading is strict: what is not wholly a number with a unit is refused, and so is what overflows,
 * because "1O GiB" or "10x" in a configuration must not quietly mean something. Writing comes in
 * two kinds: the exact forms read back to the same value and are what generated configuration
 * holds; the others round, for people.
 *
 * Pure, independent of the locale; any thread. */
#include "units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* The largest first: the exact forms take the first that divides. Names that follow one with the
 * same factor are only read, never written. */
static const struct unit size_units[] = {
    {"EiB", UINT64_C(1) << 60},
    {"PiB", UINT64_C(1) << 50},
    {"TiB", UINT64_C(1) << 40},
    {"TB", UINT64_C(1) << 40},
    {"T", UINT64_C(1) << 40},
    {"GiB", UINT64_C(1) << 30},
    {"GB", UINT64_C(1) << 30},
    {"G", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20},
    {"MB", UINT64_C(1) << 20},
    {"M", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"KB", UINT64_C(1) << 10},
    {"K", UINT64_C(1) << 10},
    {"", 1},
    {"B", 1},
};

static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

bool
uint_parse_n(const char *text, size_t n, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned) ((unsigned char) text[i]) - '0';

        if (digit > 9 || value > max / 10 || digit > max - value * 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

bool
uint_parse(const char *text, uint64_t max, uint64_t *ret)
{
    return uint_parse_n(text, strlen(text), max, ret);
}

/* A number, blanks, and one of the units. */
static bool
parse_with_unit(const char *text, const struct unit *units, size_t count, uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    size_t blanks = strspn(text + digits, " \t");
    const char *name = text + digits + blanks;
    uint64_t value;

    if (blanks > 0 && *name == '\0')
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(name, units[i].name) != 0)
            continue;
        if (!uint_parse_n(text, digits, UINT64_MAX / units[i].factor, &value))
            return false;
        *ret = value * units[i].factor;
        return true;
    }
    return false;
}

bool
size_parse(const char *text, uint64_t *ret_bytes)
{
    return parse_with_unit(text, size_units, COUNT_OF(size_units), ret_bytes);
}

bool
duration_parse(const char *text, uint64_t *ret_ms)
{
    /* Nothing is nothing in every unit; any other bare number would be a guess. */
    if (strcmp(text, "0") == 0) {
        *ret_ms = 0;
        return true;
    }
    return parse_with_unit(text, duration_units, COUNT_OF(duration_units), ret_ms);
}

static const char *write_text(char ret[UNIT_TEXT_SIZE], const char *format, ...) PRINTF_LIKE(2, 3);

static const char *
write_text(char ret[UNIT_TEXT_SIZE], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    int n = vsnprintf(ret, UNIT_TEXT_SIZE, format, arguments);

    va_end(arguments);
    if (n < 0 || n >= UNIT_TEXT_SIZE) /* cannot be: two 20-digit numbers do not occur together */
        ret[0] = '\0';
    return ret;
}

static const char *
write_exact(uint64_t value, const struct unit *units, size_t count, char ret[UNIT_TEXT_SIZE])
{
    for (size_t i = 0; value > 0 && i < count; i++)
        if (value % units[i].factor == 0)
            return write_text(ret, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
    return write_text(ret, "0");
}

const char *
size_exact(uint64_t bytes, char ret[UNIT_TEXT_SIZE])
{
    return write_exact(bytes, size_units, COUNT_OF(size_units), ret);
}

const char *
duration_exact(uint64_t ms, char ret[UNIT_TEXT_SIZE])
{
    return write_exact(ms, duration_units, COUNT_OF(duration_units), ret);
}

const char *
size_format(uint64_t bytes, char ret[UNIT_TEXT_SIZE])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned power = 0;
    uint64_t unit = 1;
    uint64_t whole = 0; /* units, rounded */

    if (bytes < 1024)
        return write_text(ret, "%" PRIu64 " B", bytes);
    /* The next unit also when rounding reaches it: "1.0 MiB", not "1024 KiB". */
    do {
        power++;
        unit <<= 10;
        whole = bytes / unit + (bytes % unit >= unit / 2);
    } while (whole >= 1024 && power + 1 < COUNT_OF(names));

    uint64_t tenths = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;

    if (tenths < 1000)
        return write_text(ret, "%" PRIu64 ".%u %s", tenths / 10, (unsigned) (tenths % 10),
                          names[power]);
    return write_text(ret, "%" PRIu64 " %s", whole, names[power]);
}

const char *
duration_format(uint64_t ms, char ret[UNIT_TEXT_SIZE])
{
    uint64_t s = ms / 1000 + (ms % 1000 >= 500);

    if (ms < 1000)
        return write_text(ret, "%" PRIu64 " ms", ms);
    if (s < 60)
        return write_text(ret, "%" PRIu64 " s", s);
    if (s < 3600)
        return write_text(ret, "%" PRIu64 " min %u s", s / 60, (unsigned) (s % 60));
    if (s < 86400)
        return write_text(ret, "%" PRIu64 " h %u min", s / 3600, (unsigned) (s % 3600 / 60));
    return write_text(ret, "%" PRIu64 " d %u h", s / 86400, (unsigned) (s % 86400 / 3600));
}

bool
int_parse(const char *text, int64_t *ret)
{
    bool is_negative = text && *text == '-';
    uint64_t digits = 0;

    if (!text || !uint_parse(text + (is_negative ? 1 : 0), INT64_MAX, &digits))
        return false;
    *ret = is_negative ? -(int64_t) digits : (int64_t) digits;
    return true;
}
