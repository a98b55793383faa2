/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a struct settings.
 *
 * Releasing follows the table, so that a new key needs no line here. Settings are made by config.c;
 * after that nobody changes them, and any thread may read them.
 */
#include "settings.h"

#include "mem.h"

#include <string.h>

static void
release_section(const char *section, void *values)
{
    size_t count;
    const struct setting_key *keys = settings_keys(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, section) == 0)
            setting_release(&keys[i], (char *) values + keys[i].offset);
    }
}

bool
settings_want_tls(const struct settings_tls *tls)
{
    return tls->is_self_signed || (tls->certificate != NULL && tls->key != NULL);
}

void
settings_done(struct settings *settings)
{
    release_section("server", &settings->server);
    release_section("cors", &settings->cors);
    release_section("tls", &settings->tls);
    release_section("cache", &settings->cache);
    release_section("upstream", &settings->transfer);
    for (size_t i = 0; i < settings->mirror_count; i++) {
        struct settings_mirror *mirror = &settings->mirrors[i];

        release_section("mirror", mirror);
        release_section("upstream", &mirror->transfer);
        mem_free(mirror->name);
    }
    mem_free(settings->mirrors);
    *settings = (struct settings){0};
}
