/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modelhost config`: is the configuration sound, and what is in force.
 *
 * --check shows every mistake as "FILE:LINE: what, and what was meant", bare, so that editors can
 * jump to it. --print refuses to show settings that would not be used: with mistakes it shows those
 * instead. --example looks at nothing of this machine. It changes nothing; main thread.
 */
#include "command.h"

#include "json.h"
#include "log.h"

#include <stdio.h>

#define OUTPUT_MAX_BYTES ((size_t) 16 << 20)

static int
print(struct buf *out, int status)
{
    if (!buf_is_ok(out) || fputs(buf_text(out), stdout) < 0)
        status = 1;
    buf_done(out);
    return status;
}

static int
check_as_json(const struct config *config)
{
    struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);
    struct jsonw w = JSONW_INIT(&out);

    w.pretty = true;
    jsonw_object_begin(&w, NULL);
    jsonw_string(&w, "file", config->file);
    jsonw_bool(&w, "ok", config->complaints.count == 0);
    jsonw_array_begin(&w, "errors");
    for (size_t i = 0; i < config->complaints.count; i++) {
        const struct config_complaint *complaint = config->complaints.items[i];

        jsonw_object_begin(&w, NULL);
        jsonw_string(&w, "where", complaint->where);
        jsonw_string(&w, "error", complaint->sentence);
        jsonw_object_end(&w);
    }
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    return print(&out, config->complaints.count == 0 ? 0 : EXIT_USAGE);
}

static int
tell_complaints(const struct config *config)
{
    for (size_t i = 0; i < config->complaints.count; i++) {
        const struct config_complaint *complaint = config->complaints.items[i];

        fprintf(stderr, "%s: %s\n", complaint->where, complaint->sentence);
    }
    return EXIT_USAGE;
}

static int
check(const struct invocation *invocation, const struct config *config)
{
    if (invocation->wants_json)
        return check_as_json(config);
    if (config->complaints.count > 0)
        return tell_complaints(config);
    if (invocation->is_quiet)
        return 0;
    if (config->file != NULL)
        return printf("OK: %s\n", config->file) < 0 ? 1 : 0;
    return printf("OK: there is no configuration file, the defaults are in force\n") < 0 ? 1 : 0;
}

int
cmd_config(const struct invocation *invocation, const struct config *config)
{
    struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);

    if (invocation->wants_check + invocation->wants_print + invocation->wants_example > 1) {
        log_error("--check, --print and --example are different things; give one of them");
        return EXIT_USAGE;
    }
    if (invocation->wants_example) {
        config_example(&out);
        return print(&out, 0);
    }
    if (!invocation->wants_print)
        return check(invocation, config);
    if (config->complaints.count > 0)
        return invocation->wants_json ? check_as_json(config) : tell_complaints(config);
    if (invocation->wants_json)
        config_print_json(config, &out);
    else
        config_print(config, &out);
    return print(&out, 0);
}
