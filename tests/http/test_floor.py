# SPDX-License-Identifier: Apache-2.0
"""The server's floor: methods, validators, ranges, CORS, content types, and paths that must not work."""

import os

import pytest
from content import Seeded
from origin import Act

OBJECT = "/tfjs-models/floor.bin"
SIZE = 10_000


@pytest.fixture
def root(tmp_path):
    """An app's directory, and a secret beside it."""
    root = tmp_path / "app"
    (root / "sub").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / ".well-known").mkdir()
    (root / ".git").mkdir()
    (root / "index.html").write_text("<!doctype html><p>the app</p>")
    (root / "sub" / "index.html").write_text("<!doctype html><p>below</p>")
    (root / "app.js").write_text("export {}\n" * 100)
    (root / ".well-known" / "x.txt").write_text("known")
    (root / ".git" / "config").write_text("SECRET")
    (root / ".env").write_text("SECRET")
    (root / "large.bin").write_bytes(Seeded("large", 200_000).all())
    (tmp_path / "secret.txt").write_text("SECRET")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "in.txt").symlink_to("app.js")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def content(origin):
    return origin.add(OBJECT, Seeded("floor", SIZE))


@pytest.fixture
def site(modelhost, origin, root, content):
    """A server with an app and a mirror, and one object cached."""
    server = modelhost.start(root, origin=origin)
    assert server.get(OBJECT).status == 200
    return server


BOTH = [OBJECT, "/large.bin"]


# --- the app's files ---


def test_the_apps_files(site, root):
    assert site.get("/app.js").body == (root / "app.js").read_bytes()
    assert site.get("/large.bin").body == (root / "large.bin").read_bytes()
    assert site.get("/in.txt").body == (root / "app.js").read_bytes()
    assert site.get("/.well-known/x.txt").body == b"known"


def test_a_root_by_option(modelhost, root):
    assert modelhost.start("--root", root).get("/").body == (root / "index.html").read_bytes()


def test_a_directory_is_its_index(site):
    assert b"the app" in site.get("/").body
    assert b"below" in site.get("/sub/").body


def test_a_directory_without_its_slash(site):
    reply = site.get("/sub?x=1")
    assert (reply.status, reply.header("Location")) == (308, "/sub/?x=1")


NOT_SERVED = ["/none", "/empty/", "/.env", "/.git/config", "/out.txt", "/pipe", "/app.js/", "/app.js/x"]


@pytest.mark.parametrize("target", NOT_SERVED)
def test_what_is_not_there_and_what_is_nobodys_business(site, target):
    reply = site.get(target)
    assert reply.status == 404 and b"SECRET" not in reply.body


def test_a_file_that_changes_has_another_validator(site, root):
    before = site.get("/app.js")
    (root / "app.js").write_text("changed\n")
    after = site.get("/app.js", headers={"If-None-Match": before.header("ETag")})
    assert (after.status, after.body) == (200, b"changed\n")


# --- methods ---


@pytest.mark.parametrize("target", BOTH)
def test_head_is_get_without_the_body(site, target):
    got, told = site.get(target), site.fetch(target, "HEAD")
    changing = {"date", "age"}
    assert told.status == 200 and told.body == b""
    assert {n: told.header(n) for n in told.names() - changing} == {n: got.header(n) for n in got.names() - changing}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
@pytest.mark.parametrize("target", [*BOTH, "/-/healthy", "/none"])
def test_other_methods(site, method, target):
    reply = site.fetch(target, method)
    assert reply.status == 405
    allowed = {name.strip() for name in reply.header("Allow").split(",")}
    assert {"GET", "HEAD", "OPTIONS"} <= allowed and method not in allowed


@pytest.mark.parametrize("target", BOTH)
def test_options(site, target):
    reply = site.fetch(target, "OPTIONS")
    assert reply.status in (200, 204)
    assert {"GET", "HEAD", "OPTIONS"} <= {name.strip() for name in reply.header("Allow").split(",")}


def test_options_of_the_server(site):
    assert site.fetch("*", "OPTIONS").status in (200, 204)


# --- CORS ---


PREFLIGHT = {"Origin": "http://page.example", "Access-Control-Request-Method": "GET",
             "Access-Control-Request-Headers": "range, x-custom"}


def test_a_preflight(site):
    reply = site.fetch(OBJECT, "OPTIONS", headers=PREFLIGHT)
    assert reply.status in (200, 204)
    assert reply.header("Access-Control-Allow-Origin") == "*"
    assert "GET" in reply.header("Access-Control-Allow-Methods")
    allowed = reply.header("Access-Control-Allow-Headers").lower()
    assert "*" in allowed or ("range" in allowed and "x-custom" in allowed)
    assert reply.header("Access-Control-Allow-Private-Network") is None


def test_a_preflight_from_a_public_page(site):
    reply = site.fetch(OBJECT, "OPTIONS", headers={**PREFLIGHT, "Access-Control-Request-Private-Network": "true"})
    assert reply.header("Access-Control-Allow-Private-Network") == "true"


EXPOSED = [
    "Content-Length", "Content-Range", "Accept-Ranges", "ETag", "Age", "X-Cache", "Cache-Status",
    "Modelhost-Error",
]


@pytest.mark.parametrize(
    "target, method, headers, status",
    [(OBJECT, "GET", {}, 200), (OBJECT, "HEAD", {}, 200), (OBJECT, "GET", {"Range": "bytes=0-1"}, 206),
     (OBJECT, "GET", {"Range": "bytes=99999-"}, 416), (OBJECT, "GET", {"If-None-Match": "*"}, 304),
     ("/tfjs-models/none.bin", "GET", {}, 404), ("/tfjs-models/bad.bin", "GET", {}, 502),
     ("/tfjs-models/..%2fx", "GET", {}, 400), (OBJECT, "DELETE", {}, 405), ("/tfjs-models/new.bin", "GET", {}, 200)],
)
def test_cors_is_on_every_answer(site, origin, target, method, headers, status):
    site.allow_stderr("(none|bad).bin")
    origin.script("/tfjs-models/bad.bin", Act(status=500))
    origin.add("/tfjs-models/new.bin", Seeded("new", 1000))
    reply = site.fetch(target, method, headers={"Origin": "http://page.example", **headers})
    assert reply.status == status
    assert reply.header("Access-Control-Allow-Origin") == "*"
    assert reply.header("Cross-Origin-Resource-Policy") == "cross-origin"
    assert reply.header("Timing-Allow-Origin") == "*"
    exposed = {name.strip().lower() for name in reply.header("Access-Control-Expose-Headers").split(",")}
    assert {name.lower() for name in EXPOSED} <= exposed


# --- validators ---


@pytest.mark.parametrize("target", BOTH)
def test_an_etag_saves_the_body(site, target):
    first = site.get(target)
    for field in (first.header("ETag"), f'"x", {first.header("ETag")}', "*", "W/" + first.header("ETag")):
        if field.startswith("W/W/"):
            continue
        again = site.get(target, headers={"If-None-Match": field})
        assert (again.status, again.body) == (304, b""), field
        assert again.header("ETag") == first.header("ETag")
    assert site.get(target, headers={"If-None-Match": '"other"'}).status == 200


@pytest.mark.parametrize("target", BOTH)
def test_a_date_saves_the_body(site, target):
    stamp = site.get(target).header("Last-Modified")
    assert site.get(target, headers={"If-Modified-Since": stamp}).status == 304
    assert site.get(target, headers={"If-Modified-Since": "Thu, 01 Jan 1998 00:00:00 GMT"}).status == 200
    assert site.get(target, headers={"If-Modified-Since": "garbage"}).status == 200
    both = {"If-Modified-Since": stamp, "If-None-Match": '"other"'}
    assert site.get(target, headers=both).status == 200


@pytest.mark.parametrize("target", BOTH)
def test_preconditions(site, target):
    etag = site.get(target).header("ETag")
    assert site.get(target, headers={"If-Match": '"other"'}).status == 412
    assert site.get(target, headers={"If-Unmodified-Since": "Thu, 01 Jan 1998 00:00:00 GMT"}).status == 412
    if not etag.startswith("W/"):
        assert site.get(target, headers={"If-Match": etag}).status == 200


# --- ranges ---


@pytest.mark.parametrize("target, size", [(OBJECT, SIZE), ("/large.bin", 200_000)])
@pytest.mark.parametrize(
    "field, first, end",
    [("bytes=0-0", 0, 1), ("bytes=0-99", 0, 100), ("bytes=500-", 500, None), ("bytes=-10", -10, None),
     ("bytes=9000-999999999", 9000, None), ("bytes=-999999999", 0, None), ("BYTES=1-2", 1, 3)],
)
def test_a_range(site, target, size, field, first, end):
    whole = site.get(target).body
    reply = site.get(target, headers={"Range": field})
    start = first % size if first < 0 else first
    stop = size if end is None else end
    assert (reply.status, reply.is_complete, reply.body) == (206, True, whole[start:stop])
    assert reply.header("Content-Range") == f"bytes {start}-{stop - 1}/{size}"
    assert reply.header("Content-Length") == str(stop - start)


@pytest.mark.parametrize("target, size", [(OBJECT, SIZE), ("/large.bin", 200_000)])
@pytest.mark.parametrize("field", ["bytes={0}-", "bytes={0}-{0}", "bytes=-0", "bytes=99999999999999999-"])
def test_a_range_beyond_the_end(site, target, size, field):
    reply = site.get(target, headers={"Range": field.format(size)})
    assert (reply.status, reply.header("Content-Range")) == (416, f"bytes */{size}")


@pytest.mark.parametrize("field", ["bytes", "bytes=", "bytes=a-b", "bytes=5-1", "items=0-1", "bytes=--1", "bytes=1--2"])
def test_a_range_that_makes_no_sense_is_ignored(site, field):
    reply = site.get(OBJECT, headers={"Range": field})
    assert (reply.status, len(reply.body)) == (200, SIZE)


def test_if_range(site):
    etag = site.get(OBJECT).header("ETag")
    assert site.get(OBJECT, headers={"Range": "bytes=0-9", "If-Range": etag}).status == 206
    assert site.get(OBJECT, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).status == 200


def test_ranges_are_announced(site):
    for target in BOTH:
        assert site.get(target).header("Accept-Ranges") == "bytes"


# --- content types ---


TYPES = {
    "a.json": "application/json", "a.bin": "application/octet-stream", "a.wasm": "application/wasm",
    "a.js": "text/javascript", "a.mjs": "text/javascript", "a.tflite": "application/octet-stream",
    "a.onnx": "application/octet-stream", "a.gguf": "application/octet-stream",
    "a.safetensors": "application/octet-stream", "group1-shard1of1": "application/octet-stream",
    "a.html": "text/html", "a.css": "text/css", "a.svg": "image/svg+xml", "a.png": "image/png",
}


@pytest.mark.parametrize("name, wanted", TYPES.items())
def test_content_types_of_the_app(site, root, name, wanted):
    (root / name).write_text("{}")
    assert site.get("/" + name).header("Content-Type").split(";")[0] == wanted


@pytest.mark.parametrize("name", ["a.json", "a.bin", "a.wasm", "a.js", "group1-shard1of1", "a.tflite"])
def test_content_types_of_a_mirror_are_ours(site, origin, name):
    """Whatever the upstream calls it."""
    origin.add("/tfjs-models/" + name, b"{}")
    origin.script("/tfjs-models/" + name, Act(headers={"Content-Type": "text/html"}))
    for _ in range(2):
        reply = site.get("/tfjs-models/" + name)
        assert reply.status == 200 and reply.header("Content-Type").split(";")[0] == TYPES[name]


# --- paths that must not work ---


UPS = [
    "/../secret.txt", "/sub/../../secret.txt", "/%2e%2e/secret.txt", "/%2E./secret.txt", "/.%2e/secret.txt",
    "/..%2fsecret.txt", "/sub/..%2F..%2Fsecret.txt", "/%2e%2e%2fsecret.txt", "/..%5csecret.txt", "/..\\secret.txt",
    "/%00", "/app.js%00", "/app.js%00.txt", "/./app.js", "/sub/./index.html", "/sub%5cindex.html", "/sub\\index.html",
    "/a/%2e%2e/app.js",
]
STRANGE = [
    "/%252e%252e/secret.txt", "/%c0%ae%c0%ae/secret.txt", "/..;/secret.txt", "//secret.txt", "/.../secret.txt",
    "/%uff0e%uff0e/secret.txt", "/%", "/%2", "/%zz", "/~root", "/%ff",
]


def raw(site, target):
    with site.connect() as client:
        client.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return client.read_reply()


@pytest.mark.parametrize("target", UPS)
def test_traversal_out_of_the_root(site, target):
    reply = raw(site, target)
    assert reply.status == 400 and b"SECRET" not in reply.body


@pytest.mark.parametrize("target", STRANGE)
def test_strange_paths_below_the_root(site, target):
    reply = raw(site, target)
    assert reply.status in (400, 404) and b"SECRET" not in reply.body


@pytest.mark.parametrize("target", UPS)
def test_traversal_out_of_a_mirror(site, origin, target):
    origin.journal.clear()
    assert raw(site, "/tfjs-models" + target).status == 400
    assert origin.journal.count() == 0


@pytest.mark.parametrize("target", ["/../cache-dir/LOCK", "/%2e%2e/%2e%2e/LOCK", "/..%2f..%2fLOCK"])
def test_no_way_into_the_cache(site, target):
    assert raw(site, "/tfjs-models" + target).status == 400


@pytest.mark.parametrize("target", ["/tfjs-models/.git/x.bin", "/tfjs-models/.env", "/tfjs-models/%2egit/x"])
def test_dotfiles_of_a_mirror(site, origin, target):
    origin.journal.clear()
    assert raw(site, target).status == 404
    assert origin.journal.count() == 0


@pytest.mark.parametrize("target", ["/tfjs-models", "/tfjs-modelsx/a", "/tfjs-model"])
def test_what_is_beside_a_mirror_is_not_in_it(site, origin, target):
    origin.journal.clear()
    assert raw(site, target).status in (404, 308, 301)
    assert origin.journal.count() == 0


def test_a_mirror_path_never_falls_back_to_the_app(site):
    site.allow_stderr("none")
    for target in ("/tfjs-models/none/", "/tfjs-models/", "/tfjs-models/none"):
        assert b"the app" not in site.get(target, headers={"Accept": "text/html"}).body


def test_a_target_in_absolute_form(site, root):
    assert raw(site, "http://localhost/app.js").body == (root / "app.js").read_bytes()


def test_a_fragment_or_a_query_does_not_change_a_file(site, root):
    assert raw(site, "/app.js?v=1").body == (root / "app.js").read_bytes()


# --- protocol ---


def test_a_request_without_a_host(site):
    with site.connect() as client:
        client.send("GET / HTTP/1.1\r\n\r\n")
        assert client.read_reply().status == 400


BODIES = ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]


@pytest.mark.parametrize("body", BODIES)
def test_a_body_where_none_belongs(site, body):
    with site.connect() as client:
        client.send(f"GET /app.js HTTP/1.1\r\nHost: localhost\r\n{body}")
        reply = client.read_reply()
        assert reply.status in (400, 413)
        assert client.reads_end()


def test_pipelined_requests_are_answered_in_order(site, root):
    with site.connect() as client:
        requests = [f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n" for target in ("/app.js", OBJECT)]
        client.send("".join(requests))
        assert client.read_reply().body == (root / "app.js").read_bytes()
        assert len(client.read_reply().body) == SIZE


def test_headers_as_large_as_the_setting_says(site):
    assert site.get("/app.js", headers={"X-Large": "x" * 7000}).status == 200
    assert site.get("/app.js", headers={"X-Large": "x" * 60_000}).status in (400, 414, 431, 494)


def test_an_error_of_the_app_is_short_and_not_kept(site):
    reply = site.get("/none", headers={"User-Agent": "curl/8"})
    assert reply.status == 404 and "/none" in reply.text and reply.header("Cache-Control") == "no-store"
