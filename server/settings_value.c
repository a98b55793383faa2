/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of settings: from text to member and back.
 *
 * One row per type says how a text is read, written and released; the rest of the program goes
 * through setting_read(), setting_write() and setting_release(). Reading builds the new value
 * beside the old one, so that a mistake leaves the member as it was. Writing shows no secret, and
 * no user or password in a URL.
 *
 * SETTING_FILE and SETTING_DIRECTORY look at the disk, so that a missing file is told at start.
 * Everything else is a function of the text. Any thread.
 */
#include "fault.h"
#include "listen_address.h"
#include "mem.h"
#include "settings.h"
#include "settings_check.h"
#include "units.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUE_MAX_BYTES 65536
#define WORDS_MAX       1024
#define HIDDEN          "***"

typedef enum mh_code check_word(const char *word, struct mh_fault *fault);

void
strings_done(struct strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        mem_free((void *) (uintptr_t) strings->items[i]);
    mem_free(strings->items);
    *strings = (struct strings){0};
}

bool
strings_add(struct strings *strings, const char *text, size_t n)
{
    const char **items;
    char *copy;

    if (strings->count >= WORDS_MAX)
        return false;
    items = mem_resize(strings->items, strings->count + 2, sizeof *items);
    if (items == NULL)
        return false;
    strings->items = items;
    items[strings->count] = NULL;
    copy = str_dup_n(text, n);
    if (copy == NULL)
        return false;
    items[strings->count++] = copy;
    items[strings->count] = NULL;
    return true;
}

static enum mh_code
no_memory(struct mh_fault *fault)
{
    return fail(fault, MH_NOMEM, 0, "memory ran out");
}

/* --- plain values --- */

static enum mh_code
read_bool(const struct setting_key *key, const char *text, void *field, struct mh_fault *fault)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"on", true},   {"yes", true}, {"true", true},   {"1", true},
                 {"off", false}, {"no", false}, {"false", false}, {"0", false}};

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(words[i].word, text) == 0) {
            *(bool *) field = words[i].value;
            return MH_OK;
        }
    }
    return fail(fault, MH_BAD_INPUT, 0, "'%s' is not %s", text, setting_type_prose(key->type));
}

/* A number as its key would have it written. */
static const char *
number_text(enum setting_type type, uint64_t value, char ret[UNIT_TEXT_SIZE])
{
    struct buf text = BUF_INIT(UNIT_TEXT_SIZE - 1);

    if (type == SETTING_SIZE)
        return size_exact(value, ret);
    if (type == SETTING_DURATION || type == SETTING_AGE)
        return duration_exact(value, ret);
    buf_printf(&text, "%ju", (uintmax_t) value);
    memcpy(ret, buf_text(&text), text.length + 1);
    buf_done(&text);
    return ret;
}

static enum mh_code
check_bounds(const struct setting_key *key, const char *text, uint64_t value,
             struct mh_fault *fault)
{
    char bound[UNIT_TEXT_SIZE];

    if (value < key->min)
        return fail(fault, MH_BAD_INPUT, 0, "'%s' is too little; the least is %s", text,
                    number_text(key->type, key->min, bound));
    if (value > key->max)
        return fail(fault, MH_BAD_INPUT, 0, "'%s' is too much; the most is %s", text,
                    number_text(key->type, key->max, bound));
    return MH_OK;
}

static bool
number_parse(enum setting_type type, const char *text, uint64_t *ret)
{
    if (type == SETTING_SIZE)
        return size_parse(text, ret);
    if (type == SETTING_DURATION || type == SETTING_AGE)
        return duration_parse(text, ret);
    return uint_parse(text, UINT64_MAX, ret);
}

static enum mh_code
read_number(const struct setting_key *key, const char *text, void *field, struct mh_fault *fault)
{
    uint64_t value = 0;
    enum mh_code code;

    if (key->type != SETTING_COUNT_AUTO || strcmp(text, "auto") != 0) {
        if (!number_parse(key->type, text, &value))
            return fail(fault, MH_BAD_INPUT, 0, "'%s' is not %s", text,
                        setting_type_prose(key->type));
        code = check_bounds(key, text, value, fault);
        if (code != MH_OK)
            return code;
    }
    *(uint64_t *) field = value;
    return MH_OK;
}

static enum mh_code
read_age(const struct setting_key *key, const char *text, void *field, struct mh_fault *fault)
{
    uint64_t ms;
    enum mh_code code;

    if (strcmp(text, "always") == 0) {
        *(int64_t *) field = MH_REVALIDATE_ALWAYS;
        return MH_OK;
    }
    if (strcmp(text, "never") == 0) {
        *(int64_t *) field = MH_REVALIDATE_NEVER;
        return MH_OK;
    }
    if (!duration_parse(text, &ms) || ms % 1000 != 0)
        return fail(fault, MH_BAD_INPUT, 0, "'%s' is not %s", text, setting_type_prose(key->type));
    code = check_bounds(key, text, ms, fault);
    if (code != MH_OK)
        return code;
    *(int64_t *) field = (int64_t) (ms / 1000);
    return MH_OK;
}

static void
write_bool(const struct setting_key *key, const void *field, struct buf *out)
{
    buf_add_str(out, *(const bool *) field ? "on" : "off");
}

static void
write_number(const struct setting_key *key, const void *field, struct buf *out)
{
    uint64_t value = *(const uint64_t *) field;
    char text[UNIT_TEXT_SIZE];

    if (key->type == SETTING_COUNT_AUTO && value == 0)
        buf_add_str(out, "auto");
    else
        buf_add_str(out, number_text(key->type, value, text));
}

static void
write_age(const struct setting_key *key, const void *field, struct buf *out)
{
    int64_t age = *(const int64_t *) field;
    char text[UNIT_TEXT_SIZE];

    if (age == MH_REVALIDATE_ALWAYS)
        buf_add_str(out, "always");
    else if (age < 0)
        buf_add_str(out, "never");
    else
        buf_add_str(out, duration_exact((uint64_t) age * 1000, text));
}

/* --- one text --- */

static enum mh_code
check_file(const char *path, struct mh_fault *fault)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return fail(fault, MH_BAD_INPUT, errno, "'%s' cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(fault, MH_BAD_INPUT, 0, "'%s' is not a file", path);
    if (access(path, R_OK) < 0)
        return fail(fault, MH_BAD_INPUT, errno, "'%s' cannot be read: %s", path, strerror(errno));
    return MH_OK;
}

static enum mh_code
check_directory(const char *path, struct mh_fault *fault)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return fail(fault, MH_BAD_INPUT, errno, "there is no directory '%s': %s", path,
                    strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return fail(fault, MH_BAD_INPUT, 0, "'%s' is not a directory", path);
    return MH_OK;
}

static enum mh_code
check_place(const char *path, struct mh_fault *fault)
{
    struct stat st;

    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return fail(fault, MH_BAD_INPUT, 0, "'%s' is not a directory", path);
    return MH_OK;
}

static enum mh_code
check_token(const char *text, struct mh_fault *fault)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at == 0x7f)
            return fail(fault, MH_BAD_INPUT, 0, "a token holds no blanks and only ASCII");
    }
    return strlen(text) >= 16 ? MH_OK
                              : fail(fault, MH_BAD_INPUT, 0,
                                     "a token that others cannot guess has at least 16 characters");
}

static void
replace_text(void *field, char *text)
{
    mem_free(*(char **) field);
    *(char **) field = text;
}

static check_word *
text_check(enum setting_type type)
{
    static check_word *const checks[] = {
        [SETTING_FILE] = check_file,         [SETTING_DIRECTORY] = check_directory,
        [SETTING_PLACE] = check_place,       [SETTING_PROXY] = check_proxy,
        [SETTING_BASE_URL] = check_base_url, [SETTING_MIRROR_PATH] = check_mirror_path,
        [SETTING_SECRET] = check_token,
    };

    return checks[type];
}

static enum mh_code
read_text(const struct setting_key *key, const char *text, void *field, struct mh_fault *fault)
{
    enum mh_code code;
    bool needs_slash;
    char *copy;

    if (text[0] == '\0') {
        replace_text(field, NULL);
        return MH_OK;
    }
    code = text_check(key->type)(text, fault);
    if (code != MH_OK)
        return code;
    needs_slash = key->type == SETTING_BASE_URL && text[strlen(text) - 1] != '/';
    copy = str_printf("%s%s", text, needs_slash ? "/" : "");
    if (copy == NULL)
        return no_memory(fault);
    replace_text(field, copy);
    return MH_OK;
}

static enum mh_code
read_secret(const struct setting_key *key, const char *text, void *field, struct mh_fault *fault)
{
    return read_text(key, text, &((struct secret *) field)->text, fault);
}

/* A URL less the user and password before its host. */
static void
add_url(struct buf *out, const char *url)
{
    const char *authority = strstr(url, "://");
    const char *at;
    size_t n;

    authority = authority != NULL ? authority + 3 : url;
    n = strcspn(authority, "/?#");
    at = memrchr(authority, '@', n);
    if (at == NULL) {
        buf_add_str(out, url);
        return;
    }
    buf_add(out, url, (size_t) (authority - url));
    buf_add_str(out, HIDDEN);
    buf_add_str(out, at);
}

static void
write_text(const struct setting_key *key, const void *field, struct buf *out)
{
    const char *text = *(char *const *) field;

    if (text != NULL)
        add_url(out, text);
}

static void
write_secret(const struct setting_key *key, const void *field, struct buf *out)
{
    if (((const struct secret *) field)->text != NULL)
        buf_add_str(out, HIDDEN);
}

static void
release_text(void *field)
{
    replace_text(field, NULL);
}

static void
release_secret(void *field)
{
    release_text(&((struct secret *) field)->text);
}

/* --- lists --- */

static enum mh_code
check_listen(const char *text, struct mh_fault *fault)
{
    struct listen_address address;

    return listen_address_parse(text, &address, fault);
}

static check_word *
word_check(enum setting_type type)
{
    static check_word *const checks[] = {
        [SETTING_BASE_URLS] = check_base_url,
        [SETTING_LISTEN] = check_listen,
        [SETTING_HOSTS] = check_host,
        [SETTING_ORIGINS] = check_origin,
    };

    return (size_t) type < COUNT_OF(checks) ? checks[type] : NULL;
}

static enum mh_code
add_word(const struct setting_key *key, const char *text, size_t n, struct strings *words,
         struct mh_fault *fault)
{
    scoped(mem_freep) char *word = str_dup_n(text, n);
    check_word *check = word_check(key->type);
    enum mh_code code;
    bool is_added;

    if (word == NULL)
        return no_memory(fault);
    code = check != NULL ? check(word, fault) : MH_OK;
    if (code != MH_OK)
        return code;
    if (key->type == SETTING_BASE_URLS && text[n - 1] != '/') {
        scoped(mem_freep) char *slashed = str_printf("%s/", word);

        is_added = slashed != NULL && strings_add(words, slashed, n + 1);
    } else {
        is_added = strings_add(words, word, n);
    }
    return is_added ? MH_OK : fail(fault, MH_NOMEM, 0, "there are more than %d words", WORDS_MAX);
}

/* Add everything of `more` to `words`, and empty it. */
static enum mh_code
strings_join(struct strings *words, struct strings *more, bool is_more, struct mh_fault *fault)
{
    if (!is_more)
        strings_done(words);
    for (size_t i = 0; i < more->count; i++) {
        if (!strings_add(words, more->items[i], strlen(more->items[i])))
            return no_memory(fault);
    }
    return MH_OK;
}

static enum mh_code
read_words(const struct setting_key *key, const char *text, bool is_more, struct strings *field,
           struct mh_fault *fault)
{
    scoped(strings_done) struct strings words = {0};
    enum mh_code code = MH_OK;

    for (const char *at = text + strspn(text, " \t"); *at != '\0' && code == MH_OK;) {
        size_t n = strcspn(at, " \t");

        code = add_word(key, at, n, &words, fault);
        at += n;
        at += strspn(at, " \t");
    }
    if (code == MH_OK && key->type == SETTING_ORIGINS && words.count > 1) {
        for (size_t i = 0; i < words.count; i++) {
            if (strcmp(words.items[i], "*") == 0)
                return fail(fault, MH_BAD_INPUT, 0, "* allows every origin and stands alone");
        }
    }
    return code == MH_OK ? strings_join(field, &words, is_more, fault) : code;
}

static enum mh_code
read_header(const struct setting_key *key, const char *text, bool is_more, struct strings *field,
            struct mh_fault *fault)
{
    struct buf header = BUF_INIT(VALUE_MAX_BYTES);
    scoped(strings_done) struct strings headers = {0};
    enum mh_code code = expand_variables(text, &header, fault);

    if (code == MH_OK && header.length > 0)
        code = key->type == SETTING_FIELDS ? check_field(buf_text(&header), fault)
                                           : check_header(buf_text(&header), fault);
    if (code == MH_OK && header.length > 0 &&
        !strings_add(&headers, buf_text(&header), header.length))
        code = no_memory(fault);
    buf_done(&header);
    return code == MH_OK ? strings_join(field, &headers, is_more, fault) : code;
}

static void
write_words(const struct setting_key *key, const void *field, struct buf *out)
{
    const struct strings *words = field;

    for (size_t i = 0; i < words->count; i++)
        buf_printf(out, "%s%s", i > 0 ? " " : "", words->items[i]);
}

static void
write_headers(const struct setting_key *key, const void *field, struct buf *out)
{
    if (((const struct secrets *) field)->hidden.count > 0)
        buf_add_str(out, HIDDEN);
}

static void
write_fields(const struct setting_key *key, const void *field, struct buf *out)
{
    const struct strings *fields = field;

    for (size_t i = 0; i < fields->count; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", fields->items[i]);
}

static void
release_words(void *field)
{
    strings_done(field);
}

/* --- types --- */

static const struct {
    const char *prose;
    /* Lists are read by functions of their own: they can be added to. */
    enum mh_code (*read)(const struct setting_key *key, const char *text, void *field,
                         struct mh_fault *fault);
    void (*write)(const struct setting_key *key, const void *field, struct buf *out);
    void (*release)(void *field);
} types[] = {
    [SETTING_BOOL] = {"on or off", read_bool, write_bool, NULL},
    [SETTING_COUNT] = {"a number", read_number, write_number, NULL},
    [SETTING_COUNT_AUTO] = {"a number or auto", read_number, write_number, NULL},
    [SETTING_SIZE] = {"a size such as 512KiB, 64MiB or 20GiB", read_number, write_number, NULL},
    [SETTING_DURATION] = {"a time with its unit, such as 500ms, 30s, 5m, 2h or 1d", read_number,
                          write_number, NULL},
    [SETTING_AGE] = {"always, never, or an age in whole seconds such as 10m or 1d", read_age,
                     write_age, NULL},
    [SETTING_FILE] = {"a file", read_text, write_text, release_text},
    [SETTING_DIRECTORY] = {"a directory", read_text, write_text, release_text},
    [SETTING_PLACE] = {"a directory", read_text, write_text, release_text},
    [SETTING_PROXY] = {"a proxy's URL", read_text, write_text, release_text},
    [SETTING_BASE_URL] = {"a base URL", read_text, write_text, release_text},
    [SETTING_BASE_URLS] = {"base URLs", NULL, write_words, release_words},
    [SETTING_MIRROR_PATH] = {"a path between slashes", read_text, write_text, release_text},
    [SETTING_WORDS] = {"words", NULL, write_words, release_words},
    [SETTING_LISTEN] = {"addresses", NULL, write_words, release_words},
    [SETTING_HOSTS] = {"host names", NULL, write_words, release_words},
    [SETTING_ORIGINS] = {"origins", NULL, write_words, release_words},
    [SETTING_SECRET] = {"a token", read_secret, write_secret, release_secret},
    [SETTING_HEADERS] = {"a header", NULL, write_headers, release_words},
    [SETTING_FIELDS] = {"a header", NULL, write_fields, release_words},
};

bool
setting_is_list(enum setting_type type)
{
    return types[type].read == NULL;
}

const char *
setting_type_prose(enum setting_type type)
{
    return types[type].prose;
}

enum mh_code
setting_read(const struct setting_key *key, const char *text, bool is_more, void *field,
             struct mh_fault *fault)
{
    if (text[0] == '\0' && (key->is_needed || types[key->type].release == NULL))
        return fail(fault, MH_BAD_INPUT, 0, "a value is missing: %s", types[key->type].prose);
    if (key->type == SETTING_HEADERS)
        return read_header(key, text, is_more, &((struct secrets *) field)->hidden, fault);
    if (key->type == SETTING_FIELDS)
        return read_header(key, text, is_more, field, fault);
    if (setting_is_list(key->type))
        return read_words(key, text, is_more, field, fault);
    return types[key->type].read(key, text, field, fault);
}

void
setting_write(const struct setting_key *key, const void *field, struct buf *out)
{
    types[key->type].write(key, field, out);
}

void
setting_release(const struct setting_key *key, void *field)
{
    if (types[key->type].release != NULL)
        types[key->type].release(field);
}
