/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of a configuration: the built-in mirrors, the file, the environment, the flags.
 *
 * Each gives its values with their origin to config_add(); none looks at what another said. The
 * environment is asked for the names that the table implies, so unknown MODELHOST_* variables are
 * never seen, and one that is set but empty counts as not set. Its variables cannot make a mirror,
 * only change one that another source has named.
 *
 * The file may be anything that can be read, a pipe too, up to FILE_MAX_BYTES. Main thread only.
 */
#include "config_layers.h"

#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t) 1 << 20)

static struct ini_piece
piece_of(const char *text)
{
    return (struct ini_piece){text, strlen(text)};
}

void
config_add_builtins(struct config *config)
{
    size_t count;
    const struct setting_builtin *builtins = settings_builtins(&count);

    for (size_t i = 0; i < count; i++) {
        struct config_section section = {.kind = "mirror"};
        size_t n = strlen(builtins[i].mirror);

        memcpy(section.mirror, builtins[i].mirror, n + 1);
        config_note_mirror(config, section.mirror, "built-in");
        config_add(config, CONFIG_BUILTIN, &section, piece_of(builtins[i].key),
                   piece_of(builtins[i].value), "built-in");
    }
}

/* --- the file --- */

/* Returns whether the whole file is in `text`; errno says why not (EFBIG: too long). */
static bool
read_whole(const char *path, struct buf *text)
{
    scoped(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char piece[4096];

    if (fd < 0)
        return false;
    for (;;) {
        ssize_t n = read(fd, piece, sizeof piece);

        if (n == 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        buf_add(text, piece, (size_t) n);
        if (!buf_is_ok(text)) {
            errno = EFBIG;
            return false;
        }
    }
}

/* What is known while a file is read. */
struct file_reading {
    struct config *config;
    const char *path;
    struct config_section section;
    bool has_section;
    struct list seen; /* struct seen_section */
};

struct seen_section {
    struct config_section section;
    size_t line;
};

static char *
line_origin(struct file_reading *reading, size_t line)
{
    char *origin = str_printf("%s:%zu", reading->path, line);

    if (origin == NULL)
        reading->config->is_out_of_memory = true;
    return origin;
}

static void
remember_section(struct file_reading *reading, const char *origin, size_t line)
{
    const struct config_section *now = &reading->section;
    struct seen_section *seen;

    for (size_t i = 0; i < reading->seen.count; i++) {
        seen = reading->seen.items[i];
        if (seen->section.kind == now->kind && strcmp(seen->section.mirror, now->mirror) == 0) {
            config_complain(reading->config, origin,
                            "[%s%s%s] is there a second time; the first is in line %zu. Join them",
                            now->kind, now->mirror[0] != '\0' ? " " : "", now->mirror, seen->line);
            return;
        }
    }
    seen = mem_new(struct seen_section);
    if (seen == NULL || !list_add(&reading->seen, seen)) {
        mem_free(seen);
        reading->config->is_out_of_memory = true;
        return;
    }
    *seen = (struct seen_section){*now, line};
}

static void
on_section(void *arg, size_t line, struct ini_piece name)
{
    struct file_reading *reading = arg;
    scoped(mem_freep) char *origin = line_origin(reading, line);

    if (origin == NULL)
        return;
    reading->has_section = true;
    reading->section = config_section_of(reading->config, origin, name);
    if (reading->section.kind == NULL)
        return;
    remember_section(reading, origin, line);
    if (reading->section.mirror[0] != '\0')
        config_note_mirror(reading->config, reading->section.mirror, origin);
}

static void
on_value(void *arg, size_t line, struct ini_piece key, struct ini_piece value)
{
    struct file_reading *reading = arg;
    scoped(mem_freep) char *origin = line_origin(reading, line);

    if (origin == NULL)
        return;
    if (!reading->has_section)
        config_complain(
            reading->config, origin,
            "'%.*s' stands before the first section; begin with a line such as [server]",
            (int) (key.n < 64 ? key.n : 64), key.text);
    else if (reading->section.kind != NULL)
        config_add(reading->config, CONFIG_FILE, &reading->section, key, value, origin);
    /* else: the section was complained of already, its keys need no complaint of their own. */
}

static void
on_mistake(void *arg, size_t line, const char *sentence)
{
    struct file_reading *reading = arg;
    scoped(mem_freep) char *origin = line_origin(reading, line);

    if (origin != NULL)
        config_complain(reading->config, origin, "%s", sentence);
}

void
config_add_file(struct config *config, const char *path)
{
    struct file_reading reading = {.config = config, .path = path};
    const struct ini_sink sink = {&reading, on_section, on_value, on_mistake};
    struct buf text = BUF_INIT(FILE_MAX_BYTES);

    if (!read_whole(path, &text))
        config_complain(config, path, "the configuration file cannot be read: %s", strerror(errno));
    else
        ini_read(buf_text(&text), text.length, &sink);
    list_done(&reading.seen, mem_free);
    buf_done(&text);
}

/* --- flags --- */

void
config_add_flags(struct config *config, const struct list *flags)
{
    for (size_t i = 0; i < flags->count; i++) {
        const struct config_flag *flag = flags->items[i];
        struct config_section section = config_section_of(
            config, flag->flag, (struct ini_piece){flag->section, flag->section_n});

        if (section.kind == NULL)
            continue;
        if (section.mirror[0] != '\0')
            config_note_mirror(config, section.mirror, flag->flag);
        config_add(config, CONFIG_FLAG, &section, (struct ini_piece){flag->key, flag->key_n},
                   piece_of(flag->text), flag->flag);
    }
}

/* --- the environment --- */

static void
add_variable_part(struct buf *name, const char *part)
{
    buf_add_char(name, '_');
    for (; *part != '\0'; part++) {
        char c = *part;

        if (c >= 'a' && c <= 'z')
            c = (char) (c - 'a' + 'A');
        else if (c < '0' || c > '9')
            c = '_';
        buf_add_char(name, c);
    }
}

static void
add_variable(struct config *config, const struct setting_key *key, const char *mirror)
{
    struct config_section section = {.kind = mirror != NULL ? "mirror" : key->section};
    struct buf name = BUF_INIT(512);
    const char *value;

    buf_add_str(&name, "$MODELHOST");
    add_variable_part(&name, section.kind);
    if (mirror != NULL) {
        add_variable_part(&name, mirror);
        memcpy(section.mirror, mirror, strlen(mirror) + 1);
    }
    add_variable_part(&name, key->name);
    value = buf_is_ok(&name) ? getenv(buf_text(&name) + 1) : NULL;
    if (!buf_is_ok(&name))
        config->is_out_of_memory = true;
    else if (value != NULL && value[0] != '\0')
        config_add(config, CONFIG_ENVIRONMENT, &section, piece_of(key->name), piece_of(value),
                   buf_text(&name));
    buf_done(&name);
}

void
config_add_environment(struct config *config)
{
    size_t count;
    const struct setting_key *keys = settings_keys(&count);

    for (size_t i = 0; i < count; i++) {
        bool is_mirror = strcmp(keys[i].section, "mirror") == 0;

        if (!is_mirror)
            add_variable(config, &keys[i], NULL);
        if (!is_mirror && strcmp(keys[i].section, "upstream") != 0)
            continue;
        for (size_t m = 0; m < config->mirrors.count; m++) {
            const struct config_mirror *mirror = config->mirrors.items[m];

            add_variable(config, &keys[i], mirror->name);
        }
    }
}

/* The cache directory where nobody names one. systemd gives a colon-separated list; XDG says that a
 * relative path must be ignored. */
void
config_add_cache_default(struct config *config)
{
    static const struct config_section section = {.kind = "cache"};
    const char *system = getenv("CACHE_DIRECTORY");
    const char *user = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    scoped(mem_freep) char *path = NULL;
    const char *origin;

    if (system != NULL && system[0] == '/') {
        path = str_dup_n(system, strcspn(system, ":"));
        origin = "$CACHE_DIRECTORY";
    } else if (user != NULL && user[0] == '/') {
        path = str_printf("%s/modelhost", user);
        origin = "$XDG_CACHE_HOME";
    } else if (home != NULL && home[0] == '/') {
        path = str_printf("%s/.cache/modelhost", home);
        origin = "default";
    } else {
        return; /* config.c complains if nobody else names one */
    }
    if (path == NULL)
        config->is_out_of_memory = true;
    else
        config_add(config, CONFIG_DEFAULT, &section, piece_of("directory"), piece_of(path), origin);
}
