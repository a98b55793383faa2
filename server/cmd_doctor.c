/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modelhost doctor`: fetch a model as TensorFlow.js would, and say what a page would run into.
 *
 * The manifest is asked for, then every shard that it names, at the URLs that the loader would
 * build. Each file is judged as it comes and let go, but for its length and digest, so that a model
 * of any size is looked at in the memory of its largest shard. A shard that fails does not end it:
 * all that is wrong is told at once. It asks for the URL that it is given and what the manifest
 * names, and for nothing else; nothing is kept. The exit status is that of the worst finding. Main
 * thread; blocks on the network.
 */
#include "command.h"
#include "doctor.h"
#include "hash.h"
#include "json.h"
#include "log.h"
#include "manifest_source.h"
#include "mem.h"

#include <stdio.h>
#include <string.h>

#define OUTPUT_MAX_BYTES ((size_t) 16 << 20)
#define URL_MAX_BYTES    8192
#define SHARD_MAX_BYTES  ((uint64_t) 1 << 31)

struct examination {
    const struct invocation *invocation;
    const struct settings *settings;
    const char *url;
    struct doctor_report report;
};

/* Fetch and judge one file. On true its body can be used; mh_probe_done() in any case. */
static bool
fetch(struct examination *examination, const char *url, const char *name, bool is_shard,
      struct mh_probe *probe)
{
    struct mh_probe_request request;
    struct mh_fault fault = {0};
    struct doctor_file file = {.name = name, .probe = probe, .fault = &fault, .is_shard = is_shard};

    probe_request(examination->settings, url, &request);
    request.origin = examination->invocation->origin;
    if (is_shard)
        request.max_bytes = SHARD_MAX_BYTES;
    file.code = mh_probe(&request, probe, &fault);
    return doctor_judge_file(&examination->report, &file, examination->invocation->origin);
}

static bool
is_bad_path(const char *path)
{
    return strstr(path, "://") != NULL || strpbrk(path, "?#") != NULL || path[0] == '/';
}

static void
fetch_shard(struct examination *examination, const char *path, struct doctor_shard *ret)
{
    struct buf url = BUF_INIT(URL_MAX_BYTES);
    struct mh_probe probe;
    uint8_t digest[32];

    if (is_bad_path(path))
        doctor_find(&examination->report, DOCTOR_ERROR, 1,
                    "the manifest names the shard '%s': TensorFlow.js puts such a path behind the "
                    "manifest's folder as it is; paths must be relative and without '?' and '#'",
                    path);
    doctor_shard_url(examination->url, path, &url);
    if (fetch(examination, buf_text(&url), path, true, &probe)) {
        hash_sha256(probe.body, probe.body_bytes, digest);
        hex_encode(digest, sizeof digest, ret->digest);
        ret->bytes = probe.body_bytes;
        ret->is_there = true;
    }
    mh_probe_done(&probe);
    buf_done(&url);
}

static void
examine_shards(struct examination *examination, const struct inspection *inspection)
{
    struct doctor_shard *shards = mem_calloc(inspection->shards.count + 1, sizeof *shards);

    if (shards == NULL) {
        examination->report.has_lost = true;
        return;
    }
    for (size_t i = 0; i < inspection->shards.count; i++) {
        const struct inspection_shard *shard = inspection->shards.items[i];

        fetch_shard(examination, shard->path, &shards[i]);
    }
    doctor_judge_shards(&examination->report, inspection, shards);
    mem_free(shards);
}

static void
note_model(struct examination *examination, const struct inspection *inspection)
{
    const struct inspection_variant *variant = &inspection->variant;

    if (variant->name == NULL)
        doctor_find(&examination->report, DOCTOR_NOTE, 0, "it is a %s with %zu shards",
                    inspection->format, inspection->shards.count);
    else
        doctor_find(
            &examination->report, DOCTOR_NOTE, 0,
            "it is %s: architecture %s, outputStride %u, multiplier %s, quantBytes %s",
            variant->name, variant->architecture != NULL ? variant->architecture : "unknown",
            variant->output_stride, variant->multiplier != NULL ? variant->multiplier : "unknown",
            variant->quant_bytes != NULL ? variant->quant_bytes : "unknown");
}

static void
examine(struct examination *examination)
{
    struct mh_probe probe;
    struct inspection inspection;
    struct mh_fault fault = {0};
    bool is_manifest = false;

    if (fetch(examination, examination->url, "model.json", false, &probe)) {
        is_manifest = inspection_read(probe.body, probe.body_bytes, &inspection, &fault) == MH_OK;
        if (!is_manifest)
            doctor_find(&examination->report, DOCTOR_ERROR, 5, "'model.json' cannot be read: %s",
                        fault.sentence);
    }
    mh_probe_done(&probe);
    if (!is_manifest)
        return;
    note_model(examination, &inspection);
    doctor_judge_variant(&examination->report, &inspection.variant,
                         examination->invocation->params);
    examine_shards(examination, &inspection);
    inspection_done(&inspection);
}

/* --- telling --- */

static const char *const level_names[] = {
    [DOCTOR_NOTE] = "note", [DOCTOR_WARNING] = "warning", [DOCTOR_ERROR] = "error"};

static size_t
count_level(const struct doctor_report *report, enum doctor_level level)
{
    size_t count = 0;

    for (size_t i = 0; i < report->findings.count; i++) {
        const struct doctor_finding *finding = report->findings.items[i];

        count += finding->level == level;
    }
    return count;
}

static void
write_text(const struct examination *examination, struct buf *out)
{
    const struct doctor_report *report = &examination->report;
    const size_t errors = count_level(report, DOCTOR_ERROR);
    const size_t warnings = count_level(report, DOCTOR_WARNING);

    buf_printf(out, "%s\n", examination->url);
    for (size_t i = 0; i < report->findings.count; i++) {
        const struct doctor_finding *finding = report->findings.items[i];

        buf_printf(out, "  %s: %s\n", level_names[finding->level], finding->sentence);
    }
    if (errors == 0)
        buf_add_str(out, "  TensorFlow.js can load it");
    else
        buf_printf(out, "  %zu %s", errors, errors == 1 ? "error" : "errors");
    buf_printf(out, ", %zu %s\n", warnings, warnings == 1 ? "warning" : "warnings");
}

static void
write_json(const struct examination *examination, struct buf *out)
{
    const struct doctor_report *report = &examination->report;
    struct jsonw w = JSONW_INIT(out);

    w.pretty = true;
    jsonw_object_begin(&w, NULL);
    jsonw_string(&w, "url", examination->url);
    jsonw_string(&w, "origin", examination->invocation->origin);
    jsonw_bool(&w, "ok", count_level(report, DOCTOR_ERROR) == 0);
    jsonw_array_begin(&w, "findings");
    for (size_t i = 0; i < report->findings.count; i++) {
        const struct doctor_finding *finding = report->findings.items[i];

        jsonw_object_begin(&w, NULL);
        jsonw_string(&w, "level", level_names[finding->level]);
        jsonw_uint(&w, "status", (uint64_t) finding->status);
        jsonw_string(&w, "sentence", finding->sentence);
        jsonw_object_end(&w);
    }
    jsonw_array_end(&w);
    jsonw_object_end(&w);
}

/* Is it an origin, or the URL of a page of it? */
static bool
is_http(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

int
cmd_doctor(const struct invocation *invocation, const struct config *config)
{
    struct examination examination = {
        .invocation = invocation, .settings = &config->settings, .url = invocation->words[0]};
    struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);
    int status;

    if (!is_http(examination.url) || (invocation->origin != NULL && !is_http(invocation->origin))) {
        log_error(
            "'%s' is no URL; give one such as %s",
            is_http(examination.url) ? invocation->origin : examination.url,
            is_http(examination.url)
                ? "https://app.example for --origin"
                : "http://localhost:8080/tfjs-models/.../model.json (`modelhost url` prints them)");
        return EXIT_USAGE;
    }
    examine(&examination);
    status = doctor_status(&examination.report);
    if (invocation->wants_json)
        write_json(&examination, &out);
    else if (!invocation->is_quiet || status != 0)
        write_text(&examination, &out);
    if (!buf_is_ok(&out) || fputs(buf_text(&out), stdout) < 0)
        status = status == 0 ? 1 : status;
    buf_done(&out);
    doctor_report_done(&examination.report);
    return status;
}
