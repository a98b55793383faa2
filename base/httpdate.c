/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP dates (RFC 9110 §5.6.7).
 *
 * The C library's strptime and strftime are not used: they follow the locale, and their GMT needs a
 * struct tm and timegm with year limits of their own. Days are counted with the well-known civil
 * calendar arithmetic (years that begin in March, so that the leap day is the last).
 *
 * The three forms are patterns over a small alphabet, walked by one function. The day's name must
 * be one of the seven in its form, but it need not be the date's: a sender that errs there still
 * means the date. Letters are case-sensitive, as the RFC says. Pure; any thread. */
#include "httpdate.h"

#include "units.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_PER_DAY 86400

static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};
static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct civil {
    int64_t year;
    unsigned month; /* 1 .. 12 */
    unsigned day;   /* 1 .. 31 */
    unsigned hour, minute, second;
};

/* Days since 1970-01-01. A day beyond the month's end runs on into the next month. */
static int64_t
days_of_civil(int64_t year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * ((int64_t) month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static int64_t
seconds_of_civil(const struct civil *c)
{
    return days_of_civil(c->year, c->month, c->day) * SECONDS_PER_DAY + c->hour * 3600 +
           c->minute * 60 + c->second;
}

/* Quotient and remainder, rounded towards the past. */
static int64_t
divide_down(int64_t a, int64_t b, int64_t *ret_rest)
{
    int64_t quotient = a / b - (a % b < 0);

    *ret_rest = a - quotient * b;
    return quotient;
}

static struct civil
civil_of_seconds(int64_t s, unsigned *ret_weekday)
{
    int64_t rest;
    int64_t days = divide_down(s, SECONDS_PER_DAY, &rest);
    int64_t day_of_era;
    int64_t era = divide_down(days + 719468, 146097, &day_of_era);
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */
    int64_t weekday;

    (void) divide_down(days + 3, 7, &weekday); /* 1970-01-01 was a Thursday */
    *ret_weekday = (unsigned) weekday;
    return (struct civil){
        .year = year_of_era + era * 400 + (month >= 10),
        .month = (unsigned) (month < 10 ? month + 3 : month - 9),
        .day = (unsigned) (day_of_year - (153 * month + 2) / 5 + 1),
        .hour = (unsigned) (rest / 3600),
        .minute = (unsigned) (rest / 60 % 60),
        .second = (unsigned) (rest % 60),
    };
}

static bool
is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool
civil_is_valid(const struct civil *c)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned length = lengths[c->month - 1] + (c->month == 2 && is_leap(c->year));

    /* A leap second is a valid time; it counts as the first of the next minute. */
    return c->day >= 1 && c->day <= length && c->hour <= 23 && c->minute <= 59 && c->second <= 60;
}

/* RFC 9110 §5.6.7: a two-digit year that appears to be more than 50 years in the future is the most
 * recent year in the past with these digits. So: the last such year that is not so far ahead. */
static int64_t
expand_year(struct civil c, int64_t now_s)
{
    unsigned weekday;
    struct civil limit = civil_of_seconds(now_s, &weekday);

    limit.year += 50;
    c.year += (limit.year - limit.year % 100);
    if (seconds_of_civil(&c) > seconds_of_civil(&limit))
        c.year -= 100;
    return c.year;
}

/* One of a table's names, `length` characters of it or, where that is 0, all. Returns its index,
 * and moves on; -1 if there is none. */
static int
take_name(const char **at, const char *const *names, size_t count, size_t length)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = length > 0 ? length : strlen(names[i]);

        if (strncmp(*at, names[i], n) == 0) {
            *at += n;
            return (int) i;
        }
    }
    return -1;
}

static bool
take_text(const char **at, const char *text)
{
    size_t n = strlen(text);

    if (strncmp(*at, text, n) != 0)
        return false;
    *at += n;
    return true;
}

static bool
take_number(const char **at, size_t digits, unsigned *ret)
{
    uint64_t value;

    if (strnlen(*at, digits) < digits || !uint_parse_n(*at, digits, 9999, &value))
        return false;
    *at += digits;
    *ret = (unsigned) value;
    return true;
}

/* asctime's day: two characters, the first of which may be a blank. */
static bool
take_padded_day(const char **at, unsigned *ret)
{
    if (**at != ' ')
        return take_number(at, 2, ret);
    (*at)++;
    return take_number(at, 1, ret);
}

/* Take one element of a pattern: w day's short name, W its long one, b month, d day, e padded day,
 * Y year, y two digits of it, T time, Z "GMT"; anything else stands for itself. */
static bool
take_element(char element, const char **at, struct civil *c)
{
    unsigned year;
    int month;

    switch (element) {
    case 'w':
        return take_name(at, day_names, COUNT_OF(day_names), 3) >= 0;
    case 'W':
        return take_name(at, day_names, COUNT_OF(day_names), 0) >= 0;
    case 'b':
        month = take_name(at, month_names, COUNT_OF(month_names), 0);
        c->month = (unsigned) (month + 1);
        return month >= 0;
    case 'd':
        return take_number(at, 2, &c->day);
    case 'e':
        return take_padded_day(at, &c->day);
    case 'Y':
    case 'y':
        if (!take_number(at, element == 'Y' ? 4 : 2, &year))
            return false;
        c->year = year;
        return true;
    case 'Z':
        return take_text(at, "GMT");
    case 'T':
        return take_number(at, 2, &c->hour) && take_text(at, ":") &&
               take_number(at, 2, &c->minute) && take_text(at, ":") &&
               take_number(at, 2, &c->second);
    default:
        return take_text(at, (char[]){element, '\0'});
    }
}

static bool
take_pattern(const char *pattern, const char *text, struct civil *ret)
{
    const char *at = text;

    for (; *pattern != '\0'; pattern++)
        if (!take_element(*pattern, &at, ret))
            return false;
    return *at == '\0';
}

bool
httpdate_parse(const char *text, int64_t now_s, int64_t *ret_s)
{
    static const struct {
        const char *pattern;
        bool has_short_year;
    } forms[] = {
        {"w, d b Y T Z", false},
        {"W, d-b-y T Z", true},
        {"w b e T Y", false},
    };

    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct civil c = {0};

        if (!take_pattern(forms[i].pattern, text, &c))
            continue;
        if (forms[i].has_short_year)
            c.year = expand_year(c, now_s);
        if (!civil_is_valid(&c))
            return false;
        *ret_s = seconds_of_civil(&c);
        return true;
    }
    return false;
}

const char *
httpdate_format(int64_t s, char ret[HTTPDATE_SIZE])
{
    const int64_t first = -62135596800; /* 0001-01-01 00:00:00 */
    const int64_t last = 253402300799;  /* 9999-12-31 23:59:59 */
    unsigned weekday;
    struct civil c = civil_of_seconds(s < first ? first : s > last ? last : s, &weekday);
    int n =
        snprintf(ret, HTTPDATE_SIZE, "%.3s, %02u %s %04u %02u:%02u:%02u GMT", day_names[weekday],
                 c.day, month_names[c.month - 1], (unsigned) c.year, c.hour, c.minute, c.second);

    if (n < 0 || n >= HTTPDATE_SIZE)
        ret[0] = '\0';
    return ret;
}
