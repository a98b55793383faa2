/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the catalog's table.
 *
 * A file row says its combinations as "name=value,value:spelling name=...": an axis for each
 * parameter. A choice belongs to a row when its value stands on every axis; the path is the row's,
 * each "{name}" replaced by the value's spelling. Nothing is computed beyond that: which
 * combinations exist is what the rows say, and no rule of ours.
 *
 * Values of people are compared as numbers where they are some, else without case, and then
 * written as the table has them. The table is ours: its mistakes are found by the unit test.
 * Pure; any thread.
 */
#include "catalog.h"

#include "fault.h"
#include "suggest.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PATH_MAX_BYTES 512
#define EACH_MAX       1000 /* combinations of one row: a bound for loops, far above any */

/* A stretch of the table's text. */
struct span {
    const char *text;
    size_t n;
};

/* "name=value,value:spelling" */
struct axis {
    enum catalog_param param;
    struct span values;
    size_t count;
};

struct axes {
    struct axis items[CATALOG_PARAM_COUNT];
    size_t count;
};

/* --- the table's small language --- */

static bool
is_text(const struct span *span, const char *text)
{
    return strlen(text) == span->n && memcmp(span->text, text, span->n) == 0;
}

static enum catalog_param
param_of(const struct span *name)
{
    int i = 0;

    while (i < CATALOG_PARAM_COUNT && !is_text(name, catalog_params[i].name))
        i++;
    return (enum catalog_param) i;
}

/* Cut the next piece off, up to a separator. */
static struct span
cut(struct span *rest, char separator)
{
    const char *end = rest->n > 0 ? memchr(rest->text, separator, rest->n) : NULL;
    struct span piece = {rest->text, end != NULL ? (size_t) (end - rest->text) : rest->n};
    size_t taken = piece.n + (end != NULL);

    rest->text += taken;
    rest->n -= taken;
    return piece;
}

static struct axes
axes_of(const char *values)
{
    struct span rest = {values != NULL ? values : "", values != NULL ? strlen(values) : 0};
    struct axes axes = {.count = 0};

    while (rest.n > 0 && axes.count < CATALOG_PARAM_COUNT) {
        struct span piece = cut(&rest, ' ');
        struct span name = cut(&piece, '=');
        struct axis axis = {param_of(&name), piece, 1};

        for (size_t i = 0; i < piece.n; i++)
            axis.count += piece.text[i] == ',';
        if (axis.param != CATALOG_PARAM_COUNT)
            axes.items[axes.count++] = axis;
    }
    return axes;
}

/* The axis' value number `index`; *ret_spelling is how a path says it. */
static struct span
value_at(const struct axis *axis, size_t index, struct span *ret_spelling)
{
    struct span rest = axis->values;
    struct span piece = {"", 0}, value;

    for (size_t i = 0; i <= index; i++)
        piece = cut(&rest, ',');
    value = cut(&piece, ':');
    *ret_spelling = piece.n > 0 ? piece : value;
    return value;
}

static const struct axis *
axis_of(const struct axes *axes, enum catalog_param param)
{
    for (size_t i = 0; i < axes->count; i++) {
        if (axes->items[i].param == param)
            return &axes->items[i];
    }
    return NULL;
}

static void
set_value(struct catalog_choice *choice, enum catalog_param param, const char *text, size_t n)
{
    const size_t kept = n < CATALOG_VALUE_SIZE ? n : CATALOG_VALUE_SIZE - 1;

    memset(choice->values[param], 0, CATALOG_VALUE_SIZE);
    memcpy(choice->values[param], text, kept);
}

/* --- comparing --- */

static bool
read_number(const char *text, double *ret)
{
    char *end = NULL;

    *ret = strtod(text, &end);
    return end != text && *end == '\0';
}

static bool
is_same(const char *a, const char *b)
{
    double x, y;

    if (strcasecmp(a, b) == 0)
        return true;
    return read_number(a, &x) && read_number(b, &y) && x >= y && x <= y;
}

static bool
is_span(const char *given, const struct span *value)
{
    struct catalog_choice copy = {0};

    set_value(&copy, 0, value->text, value->n);
    return is_same(given, copy.values[0]);
}

/* Which of the axis' values is it? axis->count: none. */
static size_t
index_of(const struct axis *axis, const char *given)
{
    size_t i = 0;

    while (i < axis->count) {
        struct span spelling;
        struct span value = value_at(axis, i, &spelling);

        if (is_span(given, &value))
            break;
        i++;
    }
    return i;
}

/* --- finding --- */

enum mh_code
catalog_find(const char *name, const struct catalog_entry **ret, struct mh_fault *fault)
{
    struct suggestion guess = SUGGESTION_INIT(name);

    for (size_t i = 0; i < catalog_entry_count; i++) {
        const struct catalog_entry *entry = &catalog_entries[i];

        if (strcasecmp(entry->name, name) == 0 ||
            (entry->alias != NULL && strcasecmp(entry->alias, name) == 0)) {
            *ret = entry;
            return MH_OK;
        }
        suggest_consider(&guess, entry->name);
        suggest_consider(&guess, entry->alias);
    }
    if (guess.best != NULL)
        return fail(fault, MH_NOT_FOUND, 0, "the catalog has no model '%s'; did you mean '%s'?",
                    name, guess.best);
    return fail(fault, MH_NOT_FOUND, 0,
                "the catalog has no model '%s'; `modelhost url` without a name lists them", name);
}

/* --- choosing --- */

/* The line of defaults that counts. */
static struct axes
defaults_of(const struct catalog_entry *entry, const char *const *given)
{
    for (size_t i = 0; i < CATALOG_DEFAULTS_MAX && entry->defaults[i] != NULL; i++) {
        struct axes axes = axes_of(entry->defaults[i]);
        const struct axis *first = &axes.items[0];

        if (axes.count > 0 &&
            (given[first->param] == NULL || index_of(first, given[first->param]) < first->count))
            return axes;
    }
    return axes_of(entry->defaults[0]);
}

static enum mh_code
check_given(const struct catalog_entry *entry, const char *const *given, const struct axes *known,
            struct mh_fault *fault)
{
    for (int i = 0; i < CATALOG_PARAM_COUNT; i++) {
        if (given[i] != NULL && axis_of(known, (enum catalog_param) i) == NULL)
            return fail(fault, MH_BAD_INPUT, 0, "'%s' takes no %s%s", entry->name,
                        catalog_params[i].option,
                        known->count == 0 ? ", nor any other parameter" : "");
        if (given[i] != NULL && strlen(given[i]) >= CATALOG_VALUE_SIZE)
            return fail(fault, MH_BAD_INPUT, 0, "the value '%s' of %s is too long", given[i],
                        catalog_params[i].option);
    }
    return MH_OK;
}

/* A value as the table writes it, if it is anywhere in the table. */
static void
set_given(const struct catalog_entry *entry, enum catalog_param param, const char *given,
          struct catalog_choice *choice)
{
    set_value(choice, param, given, strlen(given));
    for (size_t i = 0; i < entry->file_count; i++) {
        struct axes axes = axes_of(entry->files[i].values);
        const struct axis *axis = axis_of(&axes, param);
        size_t index = axis != NULL ? index_of(axis, given) : 0;
        struct span value, spelling;

        if (axis == NULL || index == axis->count)
            continue;
        value = value_at(axis, index, &spelling);
        set_value(choice, param, value.text, value.n);
        return;
    }
}

static enum mh_code
refuse_choice(const struct catalog_entry *entry, const struct catalog_choice *choice,
              struct mh_fault *fault)
{
    struct buf words = BUF_INIT(400);

    for (int i = 0; i < CATALOG_PARAM_COUNT; i++) {
        if (choice->values[i][0] != '\0')
            buf_printf(&words, " %s %s", catalog_params[i].option, choice->values[i]);
    }
    (void) fail(fault, MH_NOT_FOUND, 0, "upstream there is no '%s%s'", entry->name,
                buf_text(&words));
    buf_done(&words);
    return MH_NOT_FOUND;
}

enum mh_code
catalog_choose(const struct catalog_entry *entry, const char *const *given,
               struct catalog_choice *ret, struct mh_fault *fault)
{
    const struct axes defaults = defaults_of(entry, given);
    struct catalog_choice choice = {0};
    enum mh_code code = check_given(entry, given, &defaults, fault);

    if (code != MH_OK)
        return code;
    for (size_t i = 0; i < defaults.count; i++) {
        const struct axis *axis = &defaults.items[i];

        if (given[axis->param] != NULL)
            set_given(entry, axis->param, given[axis->param], &choice);
        else
            set_value(&choice, axis->param, axis->values.text, axis->values.n);
    }
    for (size_t i = 0; i < entry->file_count; i++) {
        if (entry->files[i].slot == 0 && catalog_path(&entry->files[i], &choice, NULL)) {
            *ret = choice;
            return MH_OK;
        }
    }
    return refuse_choice(entry, &choice, fault);
}

/* --- paths --- */

/* Append the path, its "{name}"s replaced by the spellings of the axes' values. */
static void
write_path(const char *path, const struct axes *axes, const size_t *indices, struct buf *out)
{
    while (*path != '\0') {
        size_t n = strcspn(path, "{");
        struct span name = {path + n + 1, 0};

        buf_add(out, path, n);
        path += n;
        if (*path == '\0')
            break;
        name.n = strcspn(name.text, "}");
        for (size_t i = 0; i < axes->count; i++) {
            struct span spelling;

            if (!is_text(&name, catalog_params[axes->items[i].param].name))
                continue;
            (void) value_at(&axes->items[i], indices[i], &spelling);
            buf_add(out, spelling.text, spelling.n);
        }
        path = name.text + name.n + (name.text[name.n] == '}');
    }
}

bool
catalog_path(const struct catalog_file *file, const struct catalog_choice *choice, struct buf *path)
{
    const struct axes axes = axes_of(file->values);
    size_t indices[CATALOG_PARAM_COUNT] = {0};

    for (size_t i = 0; i < axes.count; i++) {
        indices[i] = index_of(&axes.items[i], choice->values[axes.items[i].param]);
        if (indices[i] == axes.items[i].count)
            return false;
    }
    if (path != NULL)
        write_path(file->path, &axes, indices, path);
    return true;
}

/* The next combination, the last axis fastest. Returns false after the last. */
static bool
step(const struct axes *axes, size_t *indices)
{
    for (size_t i = axes->count; i-- > 0;) {
        if (++indices[i] < axes->items[i].count)
            return true;
        indices[i] = 0;
    }
    return false;
}

static bool
each_of_file(const struct catalog_file *file, catalog_visit *visit, void *arg)
{
    const struct axes axes = axes_of(file->values);
    size_t indices[CATALOG_PARAM_COUNT] = {0};
    struct buf path = BUF_INIT(PATH_MAX_BYTES);
    bool goes_on = true;

    for (size_t n = 0; goes_on && n < EACH_MAX; n++) {
        buf_clear(&path);
        write_path(file->path, &axes, indices, &path);
        goes_on = visit(file, buf_text(&path), arg);
        if (!step(&axes, indices))
            break;
    }
    buf_done(&path);
    return goes_on;
}

bool
catalog_is_folder(const struct catalog_file *file)
{
    return file->path[strlen(file->path) - 1] == '/';
}

bool
catalog_is_beside(const struct catalog_entry *entry, const struct catalog_file *file)
{
    for (size_t i = 0; i < entry->file_count; i++) {
        const struct catalog_file *folder = &entry->files[i];

        if (folder != file && catalog_is_folder(folder) &&
            strncmp(file->path, folder->path, strlen(folder->path)) == 0)
            return true;
    }
    return false;
}

void
catalog_each(const struct catalog_entry *entry, catalog_visit *visit, void *arg)
{
    for (size_t i = 0; i < entry->file_count; i++) {
        if (!catalog_is_folder(&entry->files[i]) && !each_of_file(&entry->files[i], visit, arg))
            return;
    }
}

/* --- telling which exist --- */

static void
write_combinations(const struct catalog_entry *entry, const struct axes *axes, struct buf *out)
{
    buf_printf(out, "  %s", entry->name);
    for (size_t i = 0; i < axes->count; i++) {
        const struct axis *axis = &axes->items[i];

        buf_printf(out, " %s", catalog_params[axis->param].option);
        for (size_t v = 0; v < axis->count; v++) {
            struct span spelling;
            struct span value = value_at(axis, v, &spelling);

            buf_printf(out, "%c%.*s", v == 0 ? ' ' : '|', (int) value.n, value.text);
        }
    }
    buf_add_char(out, '\n');
}

void
catalog_write_existing(const struct catalog_entry *entry, struct buf *out)
{
    for (size_t i = 0; i < entry->file_count; i++) {
        const struct axes axes = axes_of(entry->files[i].values);

        if (entry->files[i].slot == 0)
            write_combinations(entry, &axes, out);
    }
}

/* --- the 404 of a path --- */

/* Could the path be of this template, with whatever values? */
static bool
fits(const char *pattern, const char *path)
{
    while (*pattern != '\0') {
        size_t n = strcspn(pattern, "{"), rest;

        if (strncmp(pattern, path, n) != 0)
            return false;
        pattern += n;
        path += n;
        if (*pattern == '\0')
            break;
        pattern += strcspn(pattern, "}");
        pattern += *pattern == '}';
        rest = strcspn(pattern, "{");
        /* A value is a word: it ends where the pattern's next text begins. */
        while (*path != '\0' && *path != '/' && (rest == 0 || strncmp(path, pattern, rest) != 0))
            path++;
    }
    return *path == '\0';
}

struct nearest {
    const char *path;
    const char *prefix;
    size_t folder_n;     /* of the path's folder, its slash included */
    bool wants_siblings; /* this round: files of the same folder, or the others */
    bool exists;
    struct buf *out;
};

static bool
visit_nearest(const struct catalog_file *file, const char *path, void *arg)
{
    struct nearest *nearest = arg;
    const bool is_sibling = strncmp(path, nearest->path, nearest->folder_n) == 0;

    (void) file;
    nearest->exists = nearest->exists || strcmp(path, nearest->path) == 0;
    if (nearest->exists || nearest->out == NULL)
        return !nearest->exists;
    if (is_sibling == nearest->wants_siblings)
        /* The path's own folder comes in the first round, the rest in the second. */
        buf_printf(nearest->out, "%s%s%s", nearest->out->length == 0 ? "" : ", ", nearest->prefix,
                   path);
    return true;
}

static void
write_all(const struct catalog_entry *entry, const char *path, const char *prefix, struct buf *out)
{
    const char *slash = strrchr(path, '/');
    struct nearest nearest = {.path = path,
                              .prefix = prefix,
                              .folder_n = slash != NULL ? (size_t) (slash - path) + 1 : 0};

    catalog_each(entry, visit_nearest, &nearest);
    if (nearest.exists)
        return;
    nearest.out = out;
    for (int round = 0; round < 2; round++) {
        nearest.wants_siblings = round == 0;
        catalog_each(entry, visit_nearest, &nearest);
    }
}

void
catalog_write_nearest(const char *path, const char *prefix, struct buf *out)
{
    for (size_t i = 0; i < catalog_entry_count; i++) {
        const struct catalog_entry *entry = &catalog_entries[i];

        for (size_t f = 0; f < entry->file_count; f++) {
            if (strchr(entry->files[f].path, '{') != NULL && fits(entry->files[f].path, path)) {
                write_all(entry, path, prefix, out);
                return;
            }
        }
    }
}
