/* SPDX-License-Identifier: Apache-2.0 */
/* Conditional requests (RFC 9110 §13).
 *
 * The order is that of §13.2.2: If-Match, else If-Unmodified-Since; then If-None-Match, else
 * If-Modified-Since; then If-Range. A field that takes part keeps the weaker one beside it from
 * being looked at, whatever it holds; a date that does not parse counts as absent.
 *
 * Two comparisons of entity tags exist (§8.8.3.2): the strong one, for If-Match and If-Range, takes
 * no weak tag on either side; the weak one, for If-None-Match, looks at the opaque part alone.
 *
 * Refused: vouching for bytes that have not passed their checks. While an object arrives no 304 is
 * given and no If-Range holds, since either would let a client go on with bytes that may prove to
 * be another version's.
 *
 * Pure: any thread, no state. */
#include "conditional.h"

#include "httpdate.h"

#include <stddef.h>
#include <string.h>

/* An entity tag within a field: the opaque part with its quotes. */
struct tag {
    const char *opaque;
    size_t n;
    bool is_weak;
};

/* Read an entity-tag. Returns what follows it, or NULL where there is none. */
static const char *
read_tag(const char *at, struct tag *ret)
{
    const bool is_weak = at[0] == 'W' && at[1] == '/'; /* case-sensitive (§8.8.3) */
    const char *opaque = is_weak ? at + 2 : at;
    const char *end = *opaque == '"' ? strchr(opaque + 1, '"') : NULL;

    if (end == NULL)
        return NULL;
    *ret = (struct tag){.opaque = opaque, .n = (size_t) (end + 1 - opaque), .is_weak = is_weak};
    return end + 1;
}

static bool
tags_match(const struct tag *a, const struct tag *b, bool wants_strong)
{
    if (wants_strong && (a->is_weak || b->is_weak))
        return false;
    return a->n == b->n && memcmp(a->opaque, b->opaque, a->n) == 0;
}

/* Is `ours` in a list of entity tags? What is no entity tag matches nothing and is passed over up
 * to the next comma: old clients send tags without quotes. */
static bool
list_has(const char *list, const struct tag *ours, bool wants_strong)
{
    const char *at = list;
    struct tag tag;

    for (;;) {
        at += strspn(at, " \t,");
        if (*at == '\0')
            return false;

        const char *next = read_tag(at, &tag);

        if (next != NULL && tags_match(&tag, ours, wants_strong))
            return true;
        at = next != NULL ? next : at + strcspn(at, ",");
    }
}

static bool
is_asterisk(const char *field)
{
    field += strspn(field, " \t");
    return *field == '*' && field[1 + strspn(field + 1, " \t")] == '\0';
}

/* Does the field's list, or "*", name the representation? An unknown tag is in no list. */
static bool
names_object(const char *field, const struct conditional_object *object, bool wants_strong)
{
    struct tag ours;

    if (is_asterisk(field))
        return true;
    return read_tag(object->etag, &ours) != NULL && list_has(field, &ours, wants_strong);
}

/* A date that can be held against the object's. */
static bool
read_date(const char *field, const struct conditional_object *object, int64_t now, int64_t *ret)
{
    return field != NULL && object->modified_at >= 0 && httpdate_parse(field, now, ret);
}

/* Steps 1 and 2 of §13.2.2. */
static bool
has_failed_precondition(const struct conditional_fields *fields,
                        const struct conditional_object *object, int64_t now)
{
    int64_t date;

    if (fields->if_match != NULL)
        return !names_object(fields->if_match, object, true);
    if (read_date(fields->if_unmodified_since, object, now, &date))
        return object->modified_at > date;
    return false;
}

/* Steps 3 and 4: does the client have it already? */
static bool
is_known_to_client(const struct conditional_fields *fields, const struct conditional_object *object,
                   int64_t now)
{
    int64_t date;

    if (fields->if_none_match != NULL)
        return names_object(fields->if_none_match, object, false);
    if (fields->method != CONDITIONAL_OTHER &&
        read_date(fields->if_modified_since, object, now, &date))
        return object->modified_at <= date;
    return false;
}

/* Step 5 (§13.1.5). A date is a strong validator only when the file has been left alone for at
 * least a second since (§8.8.2.2): within it there may have been two versions. */
static bool
if_range_holds(const char *field, const struct conditional_object *object, int64_t now)
{
    struct tag theirs, ours;
    int64_t date;

    if (object->is_arriving)
        return false;
    field += strspn(field, " \t");
    if (*field == '"' || (field[0] == 'W' && field[1] == '/'))
        return read_tag(field, &theirs) != NULL && read_tag(object->etag, &ours) != NULL &&
               tags_match(&theirs, &ours, true);
    return read_date(field, object, now, &date) && date == object->modified_at && date < now;
}

enum conditional_verdict
conditional_judge(const struct conditional_fields *fields, const struct conditional_object *object,
                  int64_t now, bool *ret_may_range)
{
    *ret_may_range = fields->method == CONDITIONAL_GET &&
                     (fields->if_range == NULL || if_range_holds(fields->if_range, object, now));

    if (has_failed_precondition(fields, object, now))
        return CONDITIONAL_PRECONDITION_FAILED;
    if (!is_known_to_client(fields, object, now))
        return CONDITIONAL_PROCEED;
    if (fields->method == CONDITIONAL_OTHER)
        return CONDITIONAL_PRECONDITION_FAILED;
    return object->is_arriving ? CONDITIONAL_PROCEED : CONDITIONAL_NOT_MODIFIED;
}
