# SPDX-License-Identifier: Apache-2.0
"""HTTP to the letter, in what is said: conditions, caching fields, HEAD, CORS (RFC 9110, 9111, 9211, Fetch).

The wire is in test_conformance_protocol.py, ranges in full in test_ranges.py, representations in
test_forms.py, Cache-Control in test_cache_control.py and test_request_cache.py.
"""

import os
from email.utils import formatdate, parsedate_to_datetime

import pytest
from content import Seeded
from origin import Act, Gate
from program import wait_until

OBJECT = "/tfjs-models/conformance.bin"
TEXT = "/tfjs-models/conformance.json"
APP = "/app.bin"
BODY = Seeded("conformance", 10_000)
MODIFIED = 1_700_000_000
DATE = formatdate(MODIFIED, usegmt=True)
BEFORE, AFTER = formatdate(MODIFIED - 60, usegmt=True), formatdate(MODIFIED + 60, usegmt=True)
PAGE = "http://page.example"


@pytest.fixture
def site(modelhost, origin, tmp_path):
    """A server with an app and a mirror, and two objects of it cached."""
    root = tmp_path / "app"
    root.mkdir()
    (root / "index.html").write_text("<!doctype html><p>the app</p>")
    (root / APP[1:]).write_bytes(BODY.all())
    os.utime(root / APP[1:], (MODIFIED, MODIFIED))
    for path in (OBJECT, TEXT):
        origin.add(path, BODY if path == OBJECT else b'{"a": [' + b"1, " * 1000 + b"1]}")
        origin.script(path, Act(headers={"Last-Modified": DATE}))
    server = modelhost.start(root, origin=origin)
    server.allow_stderr("(none|bad|late).bin")
    for path in (OBJECT, TEXT):
        assert server.get(path).status == 200
    return server.wait_idle()


def settled_tag(site, path):
    """An app's file that was changed a moment ago has a weak ETag."""

    def strong():
        tag = site.get(path).header("ETag")
        return tag if tag.startswith('"') else None

    return wait_until(strong, f"a strong ETag of {path}", 20.0 * site.patience)


# --- conditions ---


YES, NO, WEAK = "its own", '"other"', "its own, weak"
PRECEDENCE = [
    # If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since: status
    (None, None, None, None, 200),
    (YES, None, None, None, 200), (NO, None, None, None, 412), ("*", None, None, None, 200),
    (WEAK, None, None, None, 412),  # §13.1.1: strong comparison
    (f'{NO}, "x"', None, None, None, 412), ("garbage", None, None, None, 412),
    (None, DATE, None, None, 200), (None, AFTER, None, None, 200), (None, BEFORE, None, None, 412),
    (None, "garbage", None, None, 200),
    (YES, BEFORE, None, None, 200),  # §13.2.2: If-Match keeps If-Unmodified-Since from being looked at
    (NO, AFTER, None, None, 412),
    (None, None, YES, None, 304), (None, None, NO, None, 200), (None, None, "*", None, 304),
    (None, None, WEAK, None, 304),  # §13.1.2: weak comparison
    (None, None, None, DATE, 304), (None, None, None, AFTER, 304), (None, None, None, BEFORE, 200),
    (None, None, None, "garbage", 200),
    (None, None, NO, AFTER, 200),  # If-None-Match keeps If-Modified-Since from being looked at
    (None, None, YES, BEFORE, 304),
    (NO, None, YES, None, 412), (YES, None, YES, None, 304), (YES, None, NO, None, 200),
    (None, BEFORE, YES, None, 412), (None, AFTER, YES, None, 304), (None, AFTER, NO, DATE, 200),
    (NO, BEFORE, NO, BEFORE, 412), ("*", BEFORE, "*", BEFORE, 304),
]


@pytest.mark.parametrize("path", [OBJECT, TEXT, APP])
def test_the_precedence_of_conditions(site, path):
    """RFC 9110 §13.2.2, for GET and HEAD, of a mirror's file and of the app's."""
    tag = settled_tag(site, path)
    values = {YES: tag, WEAK: "W/" + tag}
    names = ("If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since")
    for method in ("GET", "HEAD"):
        for *fields, status in PRECEDENCE:
            headers = {name: values.get(value, value) for name, value in zip(names, fields) if value}
            reply = site.fetch(path, method, headers=headers)
            assert (reply.status, reply.is_complete) == (status, True), (method, headers)
            assert reply.header("ETag") == tag and reply.header("Last-Modified") == DATE


RANGES = [(None, 206), (YES, 206), (NO, 200), (WEAK, 200), (DATE, 206), (AFTER, 200), (BEFORE, 200), ("garbage", 200)]


@pytest.mark.parametrize("path", [OBJECT, APP])
def test_if_range(site, path):
    """RFC 9110 §13.1.5: an exact validator, strong, or the whole is sent."""
    tag = settled_tag(site, path)
    for value, status in RANGES:
        fields = {"If-Range": {YES: tag, WEAK: "W/" + tag}.get(value, value)} if value else {}
        reply = site.get(path, headers={"Range": "bytes=10-19", **fields})
        assert (reply.status, reply.body) == (status, BODY.read(10, 10) if status == 206 else BODY.all()), value


def test_conditions_go_before_ranges(site):
    """RFC 9110 §13.2.2."""
    tag = site.get(OBJECT).header("ETag")
    far = {"Range": "bytes=99999-"}
    assert site.get(OBJECT, headers={**far, "If-None-Match": tag}).status == 304
    assert site.get(OBJECT, headers={**far, "If-Match": NO}).status == 412
    assert site.get(OBJECT, headers={**far, "If-Match": tag}).status == 416
    assert site.get(OBJECT, headers={**far, "If-Range": NO}).status == 200


def test_conditions_in_several_lines_are_one_list(site):
    """RFC 9110 §5.3."""
    tag = site.get(OBJECT).header("ETag")
    lines = [("If-None-Match", '"a"'), ("If-None-Match", tag), ("If-None-Match", '"b"')]
    assert site.get(OBJECT, headers=lines).status == 304


def test_nothing_is_vouched_for_before_it_is_checked(site, origin):
    """While an object arrives its validator is only what the upstream declared: no 304."""
    path = "/tfjs-models/late.bin"
    content, gate = origin.add(path, Seeded("late", 5000)), Gate()
    origin.script(path, Act(gates={1000: gate}, headers={"Last-Modified": DATE}))
    with site.ask(path) as first:
        gate.wait_arrived()
        with site.ask(path, headers={"If-Modified-Since": AFTER}) as second:
            assert second.read_head().status == 200
        gate.release()
        assert first.read_reply().body == content.all()


# --- what belongs to which status ---


def fields_of(reply, *names):
    return {name: reply.header(name) for name in names}


@pytest.mark.parametrize("path", [OBJECT, TEXT, APP])
def test_a_304_has_what_a_cache_needs(site, path):
    """RFC 9110 §15.4.5."""
    whole = site.get(path)
    same = site.get(path, headers={"If-None-Match": whole.header("ETag")})
    names = ("ETag", "Last-Modified", "Cache-Control", "Vary", "X-Cache", "Cache-Status")
    assert (same.status, same.body) == (304, b"") and same.header("Date")
    assert fields_of(same, *names) == fields_of(whole, *names)
    assert same.header("Content-Length") in (None, whole.header("Content-Length"))
    assert same.header("Transfer-Encoding") is None and same.header("Content-Encoding") is None


@pytest.mark.parametrize("path", [OBJECT, APP])
@pytest.mark.parametrize("field", ["bytes=1-5", "bytes=1-5,100-105"])
def test_a_206_has_what_its_200_has(site, path, field):
    """RFC 9110 §15.3.7."""
    whole, part = site.get(path), site.get(path, headers={"Range": field})
    assert part.status == 206
    differ = {"content-length", "content-range", "date", "age", "accept-ranges"}
    differ |= {"content-type"} if "," in field else set()
    assert {name: part.header(name) for name in part.names() - differ} == {
        name: whole.header(name) for name in whole.names() - differ}
    assert (part.header("Content-Range") is None) == ("," in field)


def test_a_416_says_how_long_the_file_is(site):
    """RFC 9110 §15.5.17."""
    for path in (OBJECT, APP):
        reply = site.get(path, headers={"Range": "bytes=99999-"})
        assert (reply.status, reply.header("Content-Range")) == (416, f"bytes */{BODY.size}")


def test_a_405_says_what_is_allowed(site):
    """RFC 9110 §15.5.6."""
    for path in (OBJECT, APP, "/tfjs-models/none.bin"):
        assert {"GET", "HEAD", "OPTIONS"} == {name.strip() for name in site.fetch(path, "PUT").header("Allow").split(",")}


# --- HEAD ---


HEADS = [
    (OBJECT, {}, 200), (TEXT, {}, 200), (APP, {}, 200), ("/", {}, 200), ("/-/", {}, 200), ("/-/healthy", {}, 200),
    ("/-/client.js", {}, 200), ("/-/api/models", {}, 200), ("/none", {}, 404), ("/-/api/none", {}, 404),
    ("/tfjs-models/none.bin", {}, 404), ("/tfjs-models/.git", {}, 404), ("/tfjs-models/%2e%2e/x", {}, 400),
    ("/tfjs-models/bad.bin", {}, 502), (OBJECT, {"If-None-Match": "*"}, 304), (APP, {"If-None-Match": "*"}, 304),
    (OBJECT, {"If-Match": NO}, 412), (APP, {"If-Match": NO}, 412), (OBJECT, {"Expect": "tea"}, 417),
    ("/none", {"Accept": "text/html"}, 404), ("/tfjs-models/none.bin", {"User-Agent": "curl/8"}, 404),
]


@pytest.mark.parametrize("path, fields, status", HEADS)
def test_head_is_get_without_the_body(site, origin, path, fields, status):
    """RFC 9110 §9.3.2, of every kind of answer, errors included."""
    origin.script("/tfjs-models/bad.bin", Act(status=500))
    got = site.wait_idle().get(path, headers=fields)
    told = site.wait_idle().fetch(path, "HEAD", headers=fields)
    assert (got.status, told.status, told.body) == (status, status, b"")
    changing = {"date", "age"}
    assert {n: told.header(n) for n in told.names() - changing} == {n: got.header(n) for n in got.names() - changing}
    if status != 304:
        assert int(told.header("Content-Length")) == len(got.body)


def test_head_does_not_know_ranges(site):
    """RFC 9110 §14.2: Range is defined for GET alone."""
    for field in ("bytes=0-1", "bytes=99999-"):
        reply = site.fetch(OBJECT, "HEAD", headers={"Range": field})
        assert (reply.status, reply.header("Content-Length")) == (200, str(BODY.size))


# --- caching ---


def test_dates_and_ages(site):
    """RFC 9110 §6.6.1, RFC 9111 §5.1: Age counts from when the upstream vouched for it."""
    for fields, status in (({}, 200), ({"Range": "bytes=0-1"}, 206), ({"If-None-Match": "*"}, 304),
                           ({"If-Match": NO}, 412), ({"Range": "bytes=99999-"}, 416)):
        reply = site.get(OBJECT, headers=fields)
        assert reply.status == status and parsedate_to_datetime(reply.header("Date"))
        assert 0 <= int(reply.header("Age")) < 120
    assert site.get(APP).header("Age") is None  # nobody vouches for the app's own files but the server itself


def test_cache_status_and_x_cache(modelhost, site, origin):
    """RFC 9211: hit or fwd, and why; never both."""
    path = "/tfjs-models/status.bin"
    origin.add(path, BODY)
    missed = site.get(path)
    assert fields_of(missed, "X-Cache", "Cache-Status") == {"X-Cache": "MISS", "Cache-Status": "modelhost; fwd=uri-miss"}
    hit = {"X-Cache": "HIT", "Cache-Status": "modelhost; hit"}
    for fields in ({}, {"Range": "bytes=0-1"}, {"If-None-Match": "*"}, {"If-Match": NO}, {"Range": "bytes=99999-"}):
        assert fields_of(site.wait_idle().get(path, headers=fields), *hit) == hit
    site.stop()
    offline = modelhost.start("--offline", origin=origin).get(path)
    assert fields_of(offline, *hit) == {"X-Cache": "OFFLINE", "Cache-Status": "modelhost; hit; detail=offline"}


def test_a_stale_one_says_so(modelhost, origin):
    """Being asked about, and where the upstream fails."""
    origin.add(OBJECT, BODY)
    server = modelhost.start(origin=origin, settings={"mirror tfjs-models.revalidate": "always"})
    server.expect_stderr("the cached copy stays as it is")
    server.get(OBJECT)
    gate = Gate()
    origin.script(OBJECT, Act(gates={"request": gate}, status=503))
    updating = server.wait_idle().get(OBJECT)
    assert (updating.header("X-Cache"), updating.header("Cache-Status")) == ("UPDATING", "modelhost; hit; detail=updating")
    gate.wait_arrived()
    gate.release()
    server.stderr.wait("the cached copy stays as it is", 20.0 * server.patience)
    # It is told a moment before it is known.
    stale = wait_until(lambda: (now := server.get(OBJECT)).header("X-Cache") == "STALE" and now, "it is stale")
    assert stale.header("Cache-Status") == "modelhost; hit; detail=stale"
    assert stale.body == BODY.all()


# --- every answer that a mirror path can give ---


EVERY = [
    ("GET", OBJECT, {}, 200), ("HEAD", OBJECT, {}, 200), ("GET", OBJECT, {"Range": "bytes=0-1"}, 206),
    ("GET", OBJECT, {"Range": "bytes=0-1,50-60"}, 206), ("GET", TEXT, {"Accept-Encoding": "gzip"}, 200),
    ("GET", OBJECT, {"If-None-Match": "*"}, 304), ("GET", OBJECT, {"If-Match": NO}, 412),
    ("GET", OBJECT, {"Range": "bytes=99999-"}, 416), ("GET", OBJECT, {"Expect": "tea"}, 417),
    ("GET", "/tfjs-models/%2e%2e/x", {}, 400), ("GET", OBJECT, {"Content-Length": "5"}, 400),
    ("GET", "/tfjs-models/none.bin", {}, 404), ("GET", "/tfjs-models/.git", {}, 404),
    ("GET", "/tfjs-models/" + "a" * 8192, {}, 414), ("POST", OBJECT, {}, 405), ("BREW", OBJECT, {}, 405),
    ("GET", "/tfjs-models/bad.bin", {}, 502), ("HEAD", "/tfjs-models/bad.bin", {}, 502), ("OPTIONS", OBJECT, {}, 204),
    ("OPTIONS", "/tfjs-models/none.bin", {"Access-Control-Request-Method": "GET"}, 204),
]
EXPOSED = {"content-length", "content-range", "accept-ranges", "etag", "age", "x-cache", "cache-status", "modelhost-error"}


@pytest.mark.parametrize("method, path, fields, status", EVERY)
def test_any_page_may_read_every_answer(site, origin, method, path, fields, status):
    """The Fetch standard's CORS and CORP, Resource Timing's Timing-Allow-Origin; no-store on errors (RFC 9111 §5.2.2.5)."""
    origin.script("/tfjs-models/bad.bin", Act(status=500))
    with site.connect() as client:
        reply = client.request(path, method, headers={"Origin": PAGE, **fields}).read_reply(method)
    assert reply.status == status
    assert reply.header("Access-Control-Allow-Origin") == "*"
    assert {name.strip().lower() for name in reply.header("Access-Control-Expose-Headers").split(",")} == EXPOSED
    assert reply.header("Cross-Origin-Resource-Policy") == "cross-origin"
    assert reply.header("Timing-Allow-Origin") == "*"
    assert reply.header("Access-Control-Allow-Credentials") is None
    assert (reply.header("Cache-Control") == "no-store") == (status >= 400)
    assert (reply.header("Modelhost-Error") is not None) == (status >= 400)


@pytest.mark.parametrize("method, path, fields, status", EVERY)
def test_or_only_those_that_the_setting_names(modelhost, site, origin, method, path, fields, status):
    """Then caches must know that the answer depends on who asks (RFC 9110 §12.5.5)."""
    site.stop()
    origin.script("/tfjs-models/bad.bin", Act(status=500))
    server = modelhost.start(origin=origin, settings={"cors.allow_origin": f"https://a.example {PAGE}"})
    server.allow_stderr("(none|bad).bin")
    for page, wanted in ((PAGE, PAGE), ("http://evil.example", None), (None, None)):
        with server.wait_idle().connect() as client:
            asker = {"Origin": page} if page else {}
            reply = client.request(path, method, headers={**asker, **fields}).read_reply(method)
        assert (reply.status, reply.header("Access-Control-Allow-Origin")) == (status, wanted)
        assert "Origin" in reply.header("Vary")


@pytest.mark.parametrize("path", [OBJECT, "/tfjs-models/none.bin", APP, "/none"])
def test_preflights(site, origin, path):
    """The Fetch standard §3.2, and private network access; nothing is fetched for one."""
    origin.journal.clear()
    fields = {"Origin": PAGE, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range,x-own"}
    reply = site.fetch(path, "OPTIONS", headers=fields)
    assert (reply.status, reply.body, reply.header("Access-Control-Allow-Origin")) == (204, b"", "*")
    assert {"GET", "HEAD"} <= {name.strip() for name in reply.header("Access-Control-Allow-Methods").split(",")}
    assert reply.header("Access-Control-Allow-Headers") == "range,x-own"
    assert int(reply.header("Access-Control-Max-Age")) > 0
    assert reply.header("Access-Control-Allow-Private-Network") is None
    fields["Access-Control-Request-Private-Network"] = "true"
    assert site.fetch(path, "OPTIONS", headers=fields).header("Access-Control-Allow-Private-Network") == "true"
    assert origin.journal.count() == 0


def test_a_preflight_cannot_put_fields_into_the_answer(site):
    """What is sent back is a list of names, or nothing."""
    fields = {"Origin": PAGE, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "a\x01b"}
    assert site.fetch(OBJECT, "OPTIONS", headers=fields).header("Access-Control-Allow-Headers") is None
