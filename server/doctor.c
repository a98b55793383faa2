/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a page would run into, in plain words.
 *
 * The rules are those of the Fetch standard and of TensorFlow.js' loader: the loader looks at the
 * status of model.json alone, takes any body for weights, and builds shard URLs from the URL that
 * the page passes, not from where it was redirected to. Each rule is a function of what came; it
 * adds findings and changes nothing else. An error carries the exit status of its kind: 1 the page
 * is refused or configured wrong, 3 not there, 4 the server or the network, 5 wrong bytes; the
 * highest is the command's. Two shards of one size that are exchanged are seen only where their
 * names or a redirect give it away, since the manifest has no hashes. Pure; any thread.
 */
#include "doctor.h"

#include "catalog.h"
#include "mem.h"
#include "place.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FINDINGS_MAX   100000
#define SENTENCE_MAX   2000
#define FIELD_SIZE     512
#define ORIGIN_SIZE    300
#define STATUS_PAGE    1
#define STATUS_MISSING 3
#define STATUS_SERVER  4
#define STATUS_BYTES   5

/* --- the report --- */

void
doctor_find(struct doctor_report *report, enum doctor_level level, int status, const char *format,
            ...)
{
    struct doctor_finding *finding = mem_new(struct doctor_finding);
    struct buf text = BUF_INIT(SENTENCE_MAX);
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    if (report->findings.max == 0)
        report->findings = LIST_INIT(FINDINGS_MAX);
    if (finding != NULL)
        *finding = (struct doctor_finding){level, status, str_dup(buf_text(&text))};
    if (finding == NULL || finding->sentence == NULL || !list_add(&report->findings, finding)) {
        report->has_lost = true;
        if (finding != NULL)
            mem_free(finding->sentence);
        mem_free(finding);
    }
    buf_done(&text);
}

int
doctor_status(const struct doctor_report *report)
{
    int worst = report->has_lost ? 1 : 0;

    for (size_t i = 0; i < report->findings.count; i++) {
        const struct doctor_finding *finding = report->findings.items[i];

        worst = finding->status > worst ? finding->status : worst;
    }
    return worst;
}

static void
free_finding(void *item)
{
    struct doctor_finding *finding = item;

    mem_free(finding->sentence);
    mem_free(finding);
}

void
doctor_report_done(struct doctor_report *report)
{
    list_done(&report->findings, free_finding);
}

/* --- origins --- */

/* "http://host:port" in lower case, without the scheme's own port. */
static void
origin_of(const char *url, char ret[ORIGIN_SIZE])
{
    const char *host = strstr(url, "://");
    size_t n = host != NULL ? (size_t) (host - url) + 3 : 0;

    n += strcspn(url + n, "/?#");
    n = n < ORIGIN_SIZE - 1 ? n : ORIGIN_SIZE - 1;
    for (size_t i = 0; i < n; i++)
        ret[i] = (char) tolower((unsigned char) url[i]);
    ret[n] = '\0';
    if (strncmp(ret, "http://", 7) == 0 && n > 3 && strcmp(ret + n - 3, ":80") == 0)
        ret[n - 3] = '\0';
    if (strncmp(ret, "https://", 8) == 0 && n > 4 && strcmp(ret + n - 4, ":443") == 0)
        ret[n - 4] = '\0';
}

/* --- how a file came --- */

static void
judge_cors_value(struct doctor_report *report, const struct doctor_file *file,
                 const struct mh_probe_hop *hop, const char *value, const char *origin)
{
    char wanted[ORIGIN_SIZE];

    origin_of(origin, wanted);
    if (value == NULL)
        doctor_find(report, DOCTOR_ERROR, STATUS_PAGE,
                    "'%s' (%s) has no Access-Control-Allow-Origin: the browser keeps it from pages "
                    "of %s (CORS). Let its server send Access-Control-Allow-Origin: *",
                    file->name, hop->url, origin);
    else if (strchr(value, ',') != NULL)
        doctor_find(report, DOCTOR_ERROR, STATUS_PAGE,
                    "'%s' (%s) has several values of Access-Control-Allow-Origin ('%s'): browsers "
                    "refuse that (CORS). One layer too many adds it",
                    file->name, hop->url, value);
    else if (strcmp(value, "*") != 0 && strcasecmp(value, wanted) != 0)
        doctor_find(report, DOCTOR_ERROR, STATUS_PAGE,
                    "'%s' (%s) has Access-Control-Allow-Origin: %s, which is not the page's origin "
                    "%s (CORS); a cache without Vary: Origin may have kept another page's",
                    file->name, hop->url, value, wanted);
}

static void
judge_cors(struct doctor_report *report, const struct doctor_file *file, const char *origin)
{
    bool is_cross = false;

    for (size_t i = 0; i < file->probe->hop_count; i++) {
        const struct mh_probe_hop *hop = &file->probe->hops[i];
        char field[FIELD_SIZE], ours[ORIGIN_SIZE], theirs[ORIGIN_SIZE];
        const char *value = mh_probe_field(hop, "access-control-allow-origin", field, sizeof field);

        origin_of(origin != NULL ? origin : "", ours);
        origin_of(hop->url, theirs);
        is_cross = is_cross || strcmp(ours, theirs) != 0;
        if (hop->status == 0 || !is_cross)
            continue;
        if (origin != NULL)
            judge_cors_value(report, file, hop, value, origin);
        else if (value == NULL)
            doctor_find(report, DOCTOR_WARNING, 0,
                        "'%s' (%s) has no Access-Control-Allow-Origin: only pages of %s can load "
                        "it (CORS). Say which page loads it with --origin",
                        file->name, hop->url, theirs);
    }
}

/* A browser trusts this machine without TLS. */
static void
judge_mixed(struct doctor_report *report, const struct doctor_file *file, const char *url)
{
    const enum place place = place_of_url(url);

    if (strncasecmp(url, "http:", 5) != 0 || place == PLACE_HERE)
        return;
    doctor_find(report, DOCTOR_ERROR, STATUS_PAGE,
                "'%s' (%s) is asked for without TLS by a page that has it: the browser blocks that "
                "(mixed content)%s. Serve it over HTTPS",
                file->name, url,
                place == PLACE_LOCAL ? "; only Chrome lets it pass, once its user has allowed the "
                                       "local network"
                                     : "");
}

/* Chrome asks its user before a page reaches something nearer than where it came from. */
static void
judge_local(struct doctor_report *report, const struct doctor_file *file, const char *url,
            const char *origin)
{
    const enum place place = place_of_url(url);

    if (place >= place_of_url(origin) || file->is_shard)
        return;
    if (strncasecmp(origin, "https:", 6) == 0)
        doctor_find(report, DOCTOR_WARNING, 0,
                    "'%s' (%s) is on the %s and the page is not: Chrome asks the user for "
                    "permission first (Local Network Access); if it is denied, the fetch fails "
                    "with a message about CORS or the local network, whatever the server says",
                    file->name, url, place == PLACE_HERE ? "local machine" : "local network");
    else
        doctor_find(report, DOCTOR_WARNING, 0,
                    "'%s' (%s) is on the %s, and the page came from elsewhere without TLS: "
                    "Chrome blocks that without asking (Local Network Access). Serve the page over "
                    "HTTPS",
                    file->name, url, place == PLACE_HERE ? "local machine" : "local network");
}

static void
judge_places(struct doctor_report *report, const struct doctor_file *file, const char *origin)
{
    for (size_t i = 0; origin != NULL && i < file->probe->hop_count; i++) {
        if (strncasecmp(origin, "https:", 6) == 0)
            judge_mixed(report, file, file->probe->hops[i].url);
        judge_local(report, file, file->probe->hops[i].url, origin);
    }
}

static void
judge_isolation(struct doctor_report *report, const struct doctor_file *file)
{
    const struct mh_probe_hop *hop = &file->probe->hops[file->probe->hop_count - 1];
    char field[FIELD_SIZE];
    const char *value = mh_probe_field(hop, "cross-origin-resource-policy", field, sizeof field);

    if (value != NULL && strcasecmp(value, "cross-origin") != 0)
        doctor_find(report, DOCTOR_WARNING, 0,
                    "'%s' has Cross-Origin-Resource-Policy: %s: an isolated page (COOP/COEP, for "
                    "WASM threads) of another origin can load it by CORS only",
                    file->name, value);
}

/* The number in "...shard3of12..."; 0: there is none. */
static unsigned long
shard_number(const char *path)
{
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    const char *at = strstr(name, "shard");
    unsigned long number = 0;

    for (at = at != NULL ? at + 5 : ""; *at >= '0' && *at <= '9' && number < 1000000; at++)
        number = number * 10 + (unsigned long) (*at - '0');
    return number;
}

static void
judge_redirects(struct doctor_report *report, const struct doctor_file *file)
{
    const struct mh_probe *probe = file->probe;
    const char *end = probe->hops[probe->hop_count - 1].url;

    if (file->is_shard && shard_number(end) != 0 && shard_number(end) != shard_number(file->name))
        doctor_find(report, DOCTOR_ERROR, STATUS_BYTES,
                    "the shard '%s' is redirected to another one, %s: they are swapped", file->name,
                    end);
    else if (probe->hop_count > 1)
        doctor_find(report, DOCTOR_WARNING, 0, "'%s' is redirected to %s%s", file->name, end,
                    file->is_shard
                        ? ""
                        : "; the shards are still asked for beside the URL that the page "
                          "passes");
}

/* What a body is that is neither JSON nor weights; NULL: nothing that shows. */
static const char *
disguise(const char *body, size_t n)
{
    static const struct {
        const char *start;
        const char *what;
    } rows[] = {
        {"<!doctype", "an HTML page"}, {"<html", "an HTML page"},
        {"<?xml", "an XML document"},  {"version https://git-lfs", "a git-lfs pointer"},
        {"\x1f\x8b\x08", "gzip data"},
    };
    size_t blank = 0;

    while (blank < n && isspace((unsigned char) body[blank]))
        blank++;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const size_t length = strlen(rows[i].start);

        if (n - blank >= length && strncasecmp(body + blank, rows[i].start, length) == 0)
            return rows[i].what;
    }
    return NULL;
}

static bool
judge_status(struct doctor_report *report, const struct doctor_file *file, long status)
{
    if (status >= 200 && status < 300 && status != 204)
        return true;
    doctor_find(report, DOCTOR_ERROR,
                status == 404 || status == 410 ? STATUS_MISSING : STATUS_SERVER,
                file->is_shard
                    ? "the shard '%s' answers with status %ld, which TensorFlow.js does not look "
                      "at: it takes the error's text for weights (%s)"
                    : "'%s' answers with status %ld: load() fails with \"Please verify this URL "
                      "points to the model JSON\" (%s)",
                file->name, status, file->probe->hops[file->probe->hop_count - 1].url);
    return false;
}

static bool
judge_body(struct doctor_report *report, const struct doctor_file *file,
           const struct mh_probe_hop *hop)
{
    const char *what = disguise(file->probe->body, file->probe->body_bytes);
    char field[FIELD_SIZE];
    const char *type = mh_probe_field(hop, "content-type", field, sizeof field);

    if (what != NULL) {
        doctor_find(report, DOCTOR_ERROR, STATUS_BYTES, "'%s' is %s with status %ld%s", file->name,
                    what, hop->status,
                    strstr(what, "HTML") != NULL
                        ? ": a server that answers every path with its index page (SPA fallback), "
                          "or a login; TensorFlow.js cannot read that"
                        : ": TensorFlow.js cannot read that");
        return false;
    }
    if (type != NULL && strncasecmp(type, "text/html", 9) == 0)
        doctor_find(report, DOCTOR_WARNING, 0,
                    "'%s' is called %s; it loads, but proxies and scanners may change it",
                    file->name, type);
    if (file->is_shard && mh_probe_field(hop, "content-encoding", field, sizeof field) != NULL)
        doctor_find(report, DOCTOR_WARNING, 0,
                    "the shard '%s' comes compressed (%s): progress bars are wrong, and weights "
                    "hardly shrink",
                    file->name, field);
    return true;
}

static void
judge_failure(struct doctor_report *report, const struct doctor_file *file)
{
    const int status = file->code == MH_CORRUPT     ? STATUS_BYTES
                       : file->code == MH_BAD_INPUT ? STATUS_PAGE
                                                    : STATUS_SERVER;

    const char *consequence = file->code == MH_CORRUPT ? "; fetch() fails with a network error"
                              : file->code == MH_UNREACHABLE
                                  ? ". Is its server running, and is this the address?"
                                  : "";

    doctor_find(report, DOCTOR_ERROR, status, "%s%s%s",
                file->code == MH_CORRUPT ? "the body ends before its length: " : "",
                file->fault->sentence, consequence);
}

bool
doctor_judge_file(struct doctor_report *report, const struct doctor_file *file, const char *origin)
{
    const struct mh_probe *probe = file->probe;
    const struct mh_probe_hop *hop;

    judge_places(report, file, origin);
    if (file->code != MH_OK)
        judge_failure(report, file);
    if (file->code != MH_OK || probe->hop_count == 0)
        return false;
    hop = &probe->hops[probe->hop_count - 1];
    judge_cors(report, file, origin);
    judge_redirects(report, file);
    judge_isolation(report, file);
    return judge_status(report, file, hop->status) && judge_body(report, file, hop);
}

/* --- shards --- */

/* One shard and the one before it in its group. */
static void
judge_pair(struct doctor_report *report, const char *a, const char *b,
           const struct doctor_shard *shards, bool is_last)
{
    if (shard_number(a) > shard_number(b) && shard_number(b) != 0)
        doctor_find(report, DOCTOR_ERROR, STATUS_BYTES,
                    "the manifest names '%s' before '%s': the order is what the weights are cut "
                    "from, so these shards are swapped",
                    a, b);
    if (!shards[0].is_there || !shards[1].is_there)
        return;
    if (is_last && shards[1].bytes > shards[0].bytes)
        doctor_find(report, DOCTOR_ERROR, STATUS_BYTES,
                    "the last shard '%s' (%ju bytes) is larger than '%s' (%ju bytes): they are "
                    "swapped, or were cut anew; TensorFlow.js reads zeros for the rest",
                    b, (uintmax_t) shards[1].bytes, a, (uintmax_t) shards[0].bytes);
    if (shards[0].bytes > 0 && strcmp(shards[0].digest, shards[1].digest) == 0)
        doctor_find(report, DOCTOR_ERROR, STATUS_BYTES,
                    "'%s' and '%s' have the same bytes: one stands in the other's place", a, b);
}

static void
judge_sum(struct doctor_report *report, const struct inspection *inspection, size_t first,
          size_t group_index, const struct doctor_shard *shards)
{
    const struct inspection_group *group = inspection->groups.items[group_index];
    const struct inspection_shard *shard = inspection->shards.items[first];
    uint64_t sum = 0;

    for (size_t i = 0; i < group->shards; i++) {
        if (!shards[first + i].is_there)
            return;
        sum += shards[first + i].bytes;
    }
    if (group->bytes == INSPECTION_BYTES_UNKNOWN || sum == group->bytes)
        return;
    doctor_find(
        report, DOCTOR_ERROR, STATUS_BYTES, "%s'%s'%s %s %ju bytes, the manifest wants %ju: %s",
        group->shards == 1 ? "the shard " : "the shards of the group that begins with ",
        shard->path, group->shards == 1 ? "" : " together", group->shards == 1 ? "has" : "have",
        (uintmax_t) sum, (uintmax_t) group->bytes,
        sum < group->bytes ? "load() fails with a message about shapes"
                           : "TensorFlow.js loads it without an error, and what follows is wrong");
}

void
doctor_judge_shards(struct doctor_report *report, const struct inspection *inspection,
                    const struct doctor_shard *shards)
{
    size_t first = 0;

    for (size_t g = 0; g < inspection->groups.count; g++) {
        const struct inspection_group *group = inspection->groups.items[g];

        for (size_t i = 1; i < group->shards; i++) {
            const struct inspection_shard *a = inspection->shards.items[first + i - 1];
            const struct inspection_shard *b = inspection->shards.items[first + i];

            judge_pair(report, a->path, b->path, &shards[first + i - 1], i + 1 == group->shards);
        }
        if (group->shards > 0)
            judge_sum(report, inspection, first, g, shards);
        first += group->shards;
    }
}

/* --- the variant --- */

static bool
is_number_same(const char *a, const char *b)
{
    char *end_a = NULL, *end_b = NULL;
    const double x = strtod(a, &end_a), y = strtod(b, &end_b);

    return end_a != a && *end_a == '\0' && end_b != b && *end_b == '\0' && x >= y && x <= y;
}

static void
judge_value(struct doctor_report *report, enum catalog_param param, const char *given,
            const char *is, const char *then)
{
    if (given == NULL || is == NULL || strcasecmp(given, is) == 0 || is_number_same(given, is))
        return;
    doctor_find(report, DOCTOR_ERROR, STATUS_PAGE,
                "the wrong variant: the file's %s is %s, but %s is given; %s",
                catalog_params[param].name, is, given, then);
}

void
doctor_judge_variant(struct doctor_report *report, const struct inspection_variant *variant,
                     const char *const *given)
{
    char stride[16] = "";
    bool is_given = false;

    for (int i = 0; i < CATALOG_PARAM_COUNT; i++)
        is_given = is_given || given[i] != NULL;
    if (variant->name == NULL && is_given)
        doctor_find(report, DOCTOR_ERROR, STATUS_PAGE,
                    "the wrong model: its graph is neither BodyPix' nor PoseNet's, so that these "
                    "parameters mean nothing for it");
    if (variant->name == NULL)
        return;
    if (variant->output_stride != 0)
        (void) snprintf(stride, sizeof stride, "%u", variant->output_stride); /* fits */
    judge_value(report, CATALOG_ARCHITECTURE, given[CATALOG_ARCHITECTURE], variant->architecture,
                "its input is prepared in the wrong way, and the result is nonsense");
    judge_value(report, CATALOG_OUTPUT_STRIDE, given[CATALOG_OUTPUT_STRIDE],
                stride[0] != '\0' ? stride : NULL,
                "TensorFlow.js does not notice, and the result is nonsense");
    judge_value(report, CATALOG_MULTIPLIER, given[CATALOG_MULTIPLIER], variant->multiplier,
                "it works, but at another speed and accuracy");
    judge_value(report, CATALOG_QUANT_BYTES, given[CATALOG_QUANT_BYTES], variant->quant_bytes,
                "it works, but with another size and accuracy");
}

void
doctor_shard_url(const char *model_url, const char *path, struct buf *out)
{
    const char *slash = strrchr(model_url, '/');
    const char *query = strrchr(model_url, '?');

    if (slash != NULL)
        buf_add(out, model_url, (size_t) (slash - model_url) + 1);
    buf_add_str(out, path);
    if (query != NULL && (slash == NULL || query > slash))
        buf_add_str(out, query);
}
