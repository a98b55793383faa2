/* SPDX-License-Identifier: Apache-2.0 */
/* problem.c: lines are file, upstream, sentence, expected, found. The header is printable ASCII
 * within its bound, the plain form has no control bytes, the HTML form no markup but its own, and
 * the strict reader takes the JSON form. */
#include "problem.h"

#include "fuzz.h"
#include "fuzz_lines.h"
#include "json.h"

static void
copy(char *ret, size_t size, const char *text)
{
    const size_t n = strnlen(text, size - 1);

    memcpy(ret, text, n);
    ret[n] = '\0';
}

static void
check_header(const struct problem *problem)
{
    char text[PROBLEM_HEADER_MAX + 1];

    problem_header(problem, text);
    fuzz_check(strlen(text) <= PROBLEM_HEADER_MAX);
    for (const char *p = text; *p != '\0'; p++)
        fuzz_check(*p >= 0x20 && *p < 0x7F);
}

static size_t
count(const char *text, char c)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += *text == c;
    return n;
}

static void
check_bodies(const struct problem *problem, const struct problem *harmless)
{
    struct buf out = BUF_INIT(1 << 20), other = BUF_INIT(1 << 20);
    struct json *tree = NULL;

    problem_body(problem, PROBLEM_PLAIN, &out);
    for (const char *p = buf_text(&out); *p != '\0'; p++)
        fuzz_check((unsigned char) *p >= 0x20 || *p == '\n');

    buf_clear(&out);
    problem_body(problem, PROBLEM_HTML, &out);
    problem_body(harmless, PROBLEM_HTML, &other);
    fuzz_check(buf_is_ok(&out) && count(buf_text(&out), '<') == count(buf_text(&other), '<'));

    buf_clear(&out);
    problem_body(problem, PROBLEM_JSON, &out);
    fuzz_check(buf_is_ok(&out));
    fuzz_check(json_parse(buf_text(&out), out.length, &tree, NULL) == MH_OK);
    json_free(tree);
    buf_done(&out);
    buf_done(&other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = fuzz_lines_split(bytes, n);
    struct mh_fault fault = {0};
    const struct problem harmless = {.status = 502, .code = MH_CORRUPT};
    struct problem problem = {
        .status = 502,
        .code = MH_CORRUPT,
        .fault = &fault,
        .file = fuzz_line(&lines, 0),
        .upstream = fuzz_line(&lines, 1),
    };

    copy(fault.sentence, sizeof(fault.sentence), fuzz_line(&lines, 2));
    copy(fault.expected, sizeof(fault.expected), fuzz_line(&lines, 3));
    copy(fault.found, sizeof(fault.found), fuzz_line(&lines, 4));
    check_header(&problem);
    check_bodies(&problem, &harmless);
    fuzz_lines_done(&lines);
    return 0;
}
