# SPDX-License-Identifier: Apache-2.0
"""The dev server: listings, single-page apps, isolation, headers of one's own, files that change
under it, and pages from elsewhere."""

import os

import pytest
from content import Seeded

MODEL = "/tfjs-models/plain.bin"
PERSON = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
INDEX = b"<!doctype html><p>the app</p>"


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "app"
    for name in ("bare", "bare/below", "with", ".git"):
        (root / name).mkdir(parents=True)
    (root / "index.html").write_bytes(INDEX)
    (root / "with" / "index.html").write_text("<p>with</p>")
    (root / "app.js").write_text("export {}\n")
    (root / "app.css").write_text("p{}\n")
    (root / ".git" / "config").write_text("SECRET")
    (root / "bare" / "a & <b>.txt").write_text("odd")
    (root / "bare" / "javascript:x").write_text("scheme")
    (root / "bare" / ".env").write_text("SECRET")
    (root / "bare" / "back\\slash").write_text("x")
    (tmp_path / "secret.txt").write_text("SECRET")
    (root / "bare" / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "bare" / "in.js").symlink_to("../app.js")
    os.mkfifo(root / "bare" / "pipe")
    return root


@pytest.fixture
def large(root):
    """A file that no socket's buffers hold."""
    (root / "large.bin").write_bytes(Seeded("large", 32 << 20).all())
    return root / "large.bin"


# --- listings ---


def test_a_listing_shows_what_can_be_asked_for(modelhost, root):
    server = modelhost.start(root, "--listing")
    reply = server.get("/bare/")
    page = reply.body.decode()
    assert (reply.status, reply.header("Content-Type")) == (200, "text/html; charset=utf-8")
    assert reply.header("Cache-Control") == "no-cache"
    assert '<a href="./a%20%26%20%3Cb%3E.txt">a &amp; &lt;b&gt;.txt</a>' in page
    assert 'href="./javascript%3Ax"' in page and 'href="./below/"' in page and 'href="./in.js"' in page
    for hidden in (".env", "out.txt", "pipe", "back"):
        assert hidden not in page
    assert server.get("/bare/a%20%26%20%3Cb%3E.txt").body == b"odd"
    assert server.get("/bare/in.js").body == b"export {}\n"


def test_head_of_a_listing(modelhost, root):
    server = modelhost.start(root, "--listing")
    reply = server.fetch("/bare/", "HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.header("Content-Length") == str(len(server.get("/bare/").body))


def test_a_listing_is_of_directories_without_an_index(modelhost, root):
    server = modelhost.start(root, "--listing")
    assert server.get("/with/").body == b"<p>with</p>"
    assert server.get("/bare?x").header("Location") == "/bare/?x"
    assert [server.get(path).status for path in ("/none/", "/app.js/", "/.git/", "/none")] == [404] * 4
    (root / "index.html").unlink()
    assert b'href="./with/"' in server.get("/").body and b".git" not in server.get("/").body


def test_no_listing_unasked(modelhost, root):
    assert modelhost.start(root).get("/bare/").status == 404


# --- single-page apps ---


def test_a_single_page_app(modelhost, root, origin):
    server = modelhost.start(root, "--spa", origin=origin)
    server.allow_stderr("tfjs-models")
    for path in ("/some/route", "/none/", "/v1.2/route", "/bare/"):
        reply = server.get(path, headers=PERSON)
        assert (reply.status, reply.body) == (200, INDEX), path
        assert reply.header("Content-Type") == "text/html; charset=utf-8"
        assert "Accept" in reply.header("Vary")
    assert server.get("/app.js", headers=PERSON).body == b"export {}\n"


@pytest.mark.parametrize(
    "path, accept",
    [("/none.png", PERSON["Accept"]), ("/a/none.js", PERSON["Accept"]), ("/none", "*/*"), ("/none", None),
     ("/none", "image/avif,image/*,*/*;q=0.8"), ("/none", "text/css,*/*;q=0.1"), ("/.env", PERSON["Accept"]),
     ("/tfjs-models/none", PERSON["Accept"]), ("/tfjs-models/", PERSON["Accept"]), ("/-/none", PERSON["Accept"])],
)
def test_what_is_never_the_app(modelhost, root, origin, path, accept):
    server = modelhost.start(root, "--spa", origin=origin)
    server.allow_stderr("tfjs-models")
    reply = server.get(path, headers={"Accept": accept} if accept else {})
    assert reply.status >= 400 and INDEX not in reply.body


@pytest.mark.parametrize("path, otherwise", [("/some/route", 404), ("/app.js", 200), ("/", 200)])
def test_what_a_person_got_is_not_kept_for_what_a_page_loads(modelhost, root, path, otherwise):
    server = modelhost.start(root, "--spa", settings={"server.threads": 1})
    with server.connect() as connection:
        for _ in range(4):
            assert connection.request(path, headers=PERSON).read_reply().status == 200
        reply = connection.request(path, headers={"Accept": "*/*"}).read_reply()
        assert reply.status == otherwise and (INDEX in reply.body) == (path == "/")
    assert server.get("/-/api/status").json()["kept"] == 0


def test_no_app_unasked(modelhost, root):
    reply = modelhost.start(root).get("/some/route", headers=PERSON)
    assert reply.status == 404 and INDEX not in reply.body


# --- headers ---


def policies(reply):
    return reply.header("Cross-Origin-Opener-Policy"), reply.header("Cross-Origin-Embedder-Policy")


ISOLATED = ("same-origin", "require-corp")


def test_isolation_is_said_on_documents_and_scripts(modelhost, root, origin):
    origin.add(MODEL, Seeded("plain", 1000))
    server = modelhost.start(root, "--isolate", "--spa", origin=origin)
    for path in ("/", "/app.js"):
        reply = server.get(path)
        assert policies(reply) == ISOLATED
        again = server.get(path, headers={"If-None-Match": reply.header("ETag")})
        assert again.status == 304 and policies(again) == ISOLATED
    assert policies(server.get("/route", headers=PERSON)) == ISOLATED
    for path in ("/app.css", MODEL):
        assert policies(server.get(path)) == (None, None)
    assert server.get(MODEL).header("Cross-Origin-Resource-Policy") == "cross-origin"


def test_no_isolation_unasked(modelhost, root):
    assert policies(modelhost.start(root).get("/")) == (None, None)


def test_headers_of_ones_own(modelhost, root, origin):
    origin.add(MODEL, Seeded("plain", 1000))
    server = modelhost.start(root, "-H", "X-One: 1", "-H", "Link: </a>", "-H", "link: </b>",
                             "-H", "Cache-Control: max-age=60", "-H", "Vary: Cookie",
                             "--cors-origin", "https://a.example", origin=origin)
    reply = server.get("/app.js")
    fields = [(name.lower(), value) for name, value in reply.headers]
    assert ("x-one", "1") in fields
    assert [value for name, value in fields if name == "link"] == ["</a>", "</b>"]
    assert [value for name, value in fields if name == "cache-control"] == ["max-age=60"]
    assert {value for name, value in fields if name == "vary"} == {"Accept-Encoding", "Origin", "Cookie"}
    missing = server.get("/none")
    assert missing.header("Cache-Control") == "no-store" and missing.header("X-One") is None
    assert server.get(MODEL).header("X-One") is None and server.get("/-/").header("X-One") is None


@pytest.mark.parametrize(
    "field, says",
    [("nothing", "Cache-Control: max-age=60"), ("Content-Length: 3", "'Content-Length' is set by modelhost"),
     ("transfer-encoding: chunked", "is set by modelhost"), ("X: a\nY: b", "line break"), (": x", "Name: value")],
)
def test_a_header_that_cannot_be(modelhost, root, field, says):
    done = modelhost.run("serve", root, "-H", field)
    assert done.returncode == 2 and says in done.stderr


def test_the_apps_files_are_asked_for_again(modelhost, root):
    assert modelhost.start(root).get("/app.js").header("Cache-Control") == "no-cache"


# --- files that change while they are sent ---


def test_a_file_that_shrinks_costs_its_client_the_answer(modelhost, root, large):
    server = modelhost.start(root)
    with server.connect(receive_buffer=4096) as client:
        reply = client.request("/large.bin").read_head()
        assert reply.header("Content-Length") == str(32 << 20)
        os.truncate(large, 1 << 10)
        client.read_body(reply)
    assert not reply.is_complete and len(reply.body) < 32 << 20
    assert server.get("/large.bin").body == large.read_bytes()


def test_a_file_that_shrinks_costs_every_client_the_answer(modelhost, root, large):
    """Those whose answer is a kept one, and those that ask for a part, too."""
    server = modelhost.start(root)
    fields = [{}, {}, {}, {}, {"Range": "bytes=0-33000000"}, {"Range": "bytes=1-33000000"}]
    clients = [server.connect(receive_buffer=4096) for _ in fields]
    heads = [c.request("/large.bin", headers=f).read_head() for c, f in zip(clients, fields)]
    os.truncate(large, 1 << 10)
    for client, head in zip(clients, heads):
        client.read_body(head)
        assert head.status in (200, 206) and not head.is_complete
        client.close()
    assert server.get("/large.bin").body == large.read_bytes()


def test_a_mirrors_file_that_shrinks_costs_its_client_the_answer(server, origin):
    """By hand, in the cache's folder."""
    origin.add(MODEL, Seeded("large", 32 << 20))
    assert server.get(MODEL).is_complete
    server.wait_idle()
    with server.connect(receive_buffer=4096) as client:
        head = client.request(MODEL).read_head()
        os.truncate(server.object_file(MODEL), 1 << 10)
        client.read_body(head)
    assert head.status == 200 and not head.is_complete


def test_a_file_that_shrinks_under_several_ranges(modelhost, root, large):
    server = modelhost.start(root)
    with server.connect(receive_buffer=4096) as client:
        reply = client.request("/large.bin", headers={"Range": "bytes=0-16777215,20000000-33000000"}).read_head()
        assert reply.status == 206
        os.truncate(large, 1 << 10)
        client.read_body(reply)
    assert not reply.is_complete and len(reply.body) < 29 << 20


def test_a_file_that_grows_is_sent_as_long_as_it_was(modelhost, root, large):
    before = large.read_bytes()
    server = modelhost.start(root)
    with server.connect(receive_buffer=4096) as client:
        reply = client.request("/large.bin").read_head()
        with large.open("ab") as file:
            file.write(b"more" * 1000)
        client.read_body(reply)
    assert reply.is_complete and reply.body == before


def test_a_range_of_a_large_file(modelhost, root, large):
    reply = modelhost.start(root).get("/large.bin", headers={"Range": "bytes=1000000-2999999"})
    assert reply.status == 206 and reply.body == large.read_bytes()[1000000:3000000]


# --- pages from elsewhere ---


@pytest.fixture
def listed(modelhost, root, origin):
    origin.add(MODEL, Seeded("plain", 1000))
    return modelhost.start(root, "--cors-origin", "https://a.example", "--cors-origin", "http://localhost:3000",
                           origin=origin)


@pytest.mark.parametrize("path", [MODEL, "/app.js", "/-/healthy"])
def test_origins_of_the_list(listed, path):
    for origin in ("https://a.example", "http://localhost:3000"):
        reply = listed.get(path, headers={"Origin": origin})
        assert reply.header("Access-Control-Allow-Origin") == origin and "Origin" in reply.header("Vary").split(", ")


@pytest.mark.parametrize("page", ["https://b.example", "http://a.example", "https://a.example:8443", "null", None])
def test_other_origins(listed, page):
    reply = listed.get(MODEL, headers={"Origin": page} if page else {})
    assert reply.status == 200 and reply.header("Vary") == "Origin"
    assert reply.header("Access-Control-Allow-Origin") is None


def test_preflights_of_the_list(listed):
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Private-Network": "true"}
    reply = listed.fetch(MODEL, "OPTIONS", headers={**asks, "Origin": "https://a.example"})
    assert reply.status == 204 and reply.header("Access-Control-Allow-Private-Network") == "true"
    assert reply.header("Access-Control-Allow-Origin") == "https://a.example" and reply.header("Vary") == "Origin"
    refused = listed.fetch(MODEL, "OPTIONS", headers={**asks, "Origin": "https://b.example"})
    assert refused.header("Access-Control-Allow-Private-Network") is None
    assert refused.header("Access-Control-Allow-Origin") is None and refused.header("Vary") == "Origin"
