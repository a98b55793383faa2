/* SPDX-License-Identifier: Apache-2.0 */
/* Load a model as bare libcurl does: its manifest, then all its shards at once.
 *
 *   bench-fetch [-2] [-c CONNECTIONS] [-a CA_FILE] MANIFEST_URL SHARD...
 *
 * SHARD is a name beside the manifest. One multi handle, HTTP/1.1 on at most CONNECTIONS of them,
 * or with -2 HTTP/2 on one. Nothing is kept of what comes. It prints one line of JSON: seconds from
 * the first request to the last byte, body bytes, and how many files did not come whole with
 * status 200. This is what a mirror's own downloads are measured by, and also the client that
 * asks the mirrors. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_URL      4096
#define BUFFER_BYTES (256L * 1024)

struct fetch {
    CURLM *multi;
    const char *ca_file;
    bool is_h2;
    uint64_t bytes;
    unsigned done;
    unsigned errors;
};

static double
now_s(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
die(const char *what)
{
    fprintf(stderr, "bench-fetch: %s\n", what);
    exit(1);
}

static size_t
drop(char *bytes, size_t size, size_t n, void *arg)
{
    struct fetch *fetch = arg;

    (void) bytes;
    fetch->bytes += size * n;
    return size * n;
}

static void
ask(struct fetch *fetch, const char *url)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        die("out of memory");
    (void) curl_easy_setopt(easy, CURLOPT_URL, url);
    (void) curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                            (long) (fetch->is_h2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    (void) curl_easy_setopt(easy, CURLOPT_PIPEWAIT, fetch->is_h2 ? 1L : 0L);
    (void) curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
    (void) curl_easy_setopt(easy, CURLOPT_TIMEOUT, 120L);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    if (fetch->ca_file)
        (void) curl_easy_setopt(easy, CURLOPT_CAINFO, fetch->ca_file);
    if (curl_multi_add_handle(fetch->multi, easy) != CURLM_OK)
        die("out of memory");
}

static void
read_messages(struct fetch *fetch)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(fetch->multi, &left))) {
        CURL *easy = message->easy_handle;
        long status = 0;

        (void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result != CURLE_OK || status != 200) {
            fprintf(stderr, "bench-fetch: status %ld: %s\n", status,
                    curl_easy_strerror(message->data.result));
            fetch->errors++;
        }
        fetch->done++;
        (void) curl_multi_remove_handle(fetch->multi, easy);
        curl_easy_cleanup(easy);
    }
}

static void
run_until(struct fetch *fetch, unsigned done)
{
    int running;

    while (fetch->done < done) {
        if (curl_multi_perform(fetch->multi, &running) != CURLM_OK)
            die("curl_multi_perform failed");
        read_messages(fetch);
        if (fetch->done < done)
            (void) curl_multi_poll(fetch->multi, NULL, 0, 1000, NULL);
    }
}

int
main(int argc, char **argv)
{
    struct fetch fetch = {0};
    char url[MAX_URL];
    long connections = 6;
    int option;

    while ((option = getopt(argc, argv, "2c:a:")) != -1) {
        if (option == '2')
            fetch.is_h2 = true;
        else if (option == 'c')
            connections = strtol(optarg, NULL, 10);
        else if (option == 'a')
            fetch.ca_file = optarg;
        else
            return 2;
    }
    const char *manifest = optind < argc ? argv[optind] : NULL;
    const char *slash = manifest ? strrchr(manifest, '/') : NULL;

    if (!slash) {
        fprintf(stderr, "usage: bench-fetch [-2] [-c N] [-a CA_FILE] MANIFEST_URL SHARD...\n");
        return 2;
    }
    (void) curl_global_init(CURL_GLOBAL_DEFAULT);
    fetch.multi = curl_multi_init();
    if (!fetch.multi)
        die("out of memory");
    (void) curl_multi_setopt(fetch.multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    (void) curl_multi_setopt(fetch.multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
    double began = now_s();

    ask(&fetch, manifest);
    run_until(&fetch, 1);
    for (int i = optind + 1; i < argc; i++) {
        int n =
            snprintf(url, sizeof(url), "%.*s%s", (int) (slash + 1 - manifest), manifest, argv[i]);

        if (n < 0 || (size_t) n >= sizeof(url))
            die("a URL is too long");
        ask(&fetch, url);
    }
    run_until(&fetch, (unsigned) (argc - optind));
    printf("{\"seconds\": %.4f, \"bytes\": %llu, \"errors\": %u}\n", now_s() - began,
           (unsigned long long) fetch.bytes, fetch.errors);
    (void) curl_multi_cleanup(fetch.multi);
    curl_global_cleanup();
    return 0;
}
