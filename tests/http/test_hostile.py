# SPDX-License-Identifier: Apache-2.0
"""Upstreams that are odd on purpose or by accident: portals, tags that never stay, drips, stray 1xx."""

import base64
import hashlib

import pytest
from content import Seeded
from origin import Act, Gate
from program import wait_until

PLAIN = "/tfjs-models/plain.bin"
SCRIPT = {"Accept": "*/*", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}
PAGE = "<!DOCTYPE html>\n<html><head><title>Log in to CafeNet</title></head><body>" + "<p>free</p>" * 99 + "</body></html>"
HTML = {"Content-Type": "text/html"}
PORTAL = [
    Act(body=PAGE, headers={**HTML, "Cache-Control": "no-cache"}),
    Act(status=302, headers={"Location": "/login"}),
    Act(status=511, headers=HTML),
]
NAMES = ["page", "redirect", "511"]


@pytest.fixture
def talkative(server):
    server.allow_stderr("/tfjs-models/")
    return server


@pytest.fixture
def plain(origin):
    return origin.add(PLAIN, Seeded("plain", 100_000))


# --- a captive portal ---


def behind_portal(origin, act):
    origin.add("/login", PAGE)
    origin.script("/login", Act(headers=HTML))
    origin.script(None, act)


@pytest.mark.parametrize("act", PORTAL, ids=NAMES)
@pytest.mark.parametrize("path", [PLAIN, "/tfjs-models/tiny/model.json", "/tfjs-models/tiny/vocab.json"])
def test_nothing_of_a_captive_portal_is_a_file(talkative, origin, plain, make_model, path, act):
    model = make_model()
    behind_portal(origin, act)
    assert talkative.get(path, headers=SCRIPT).status == 502
    assert talkative.wait_idle().cached_files() == []
    origin.script(None, Act())  # logged in
    assert talkative.get(model.path).body == model.contents[model.path].all()
    assert talkative.get(PLAIN).body == plain.all()


@pytest.mark.parametrize("act", PORTAL, ids=NAMES)
def test_a_captive_portal_spoils_nothing_that_is_cached(modelhost, origin, make_model, act):
    model = make_model()
    server = modelhost.start(origin=origin, settings={"mirror tfjs-models.revalidate": "always", "cache.settle": "50ms"})
    server.expect_stderr("the cached copy stays as it is")
    assert server.get(model.path).status == 200
    server.wait_complete(model.path)
    server.wait_idle()
    behind_portal(origin, act)
    server.get(model.path)
    server.stderr.wait("stays as it is", 20)
    for path in model.paths:
        assert server.get(path).body == model.contents[path].all() == server.object_bytes(path)


# --- tags that never stay ---


def test_an_etag_that_rotates_splices_nothing(modelhost, origin, plain):
    """Each answer has another tag: the transfer cannot go on where it broke, and begins anew."""
    server = modelhost.start(origin=origin, settings={"upstream.retries": 2})
    server.allow_stderr("plain.bin")
    origin.script(PLAIN, Act(rotate_etag=True, cut_at=60_000), Act(rotate_etag=True))
    reply = server.get(PLAIN)
    assert not reply.is_complete or reply.body == plain.all()
    assert server.wait_idle().get(PLAIN).body == plain.all()


def test_an_etag_that_rotates_is_no_new_version(modelhost, origin, make_model):
    model = make_model({"a.bin": 10_000, "b.bin": 5_000})
    for path in model.paths:
        origin.script(path, Act(rotate_etag=True, ignore_conditions=True))
    server = modelhost.start(origin=origin, settings={"mirror tfjs-models.revalidate": "always", "cache.settle": "50ms"})
    for path in model.paths:
        assert server.get(path).status == 200
    server.wait_complete(model.path)
    server.wait_idle()
    origin.journal.clear()
    server.get(model.path)
    origin.journal.wait(None, 3, done=True)
    wait_until(lambda: not server.flights(), "the refresh has ended")
    tag = {path: f'"{model.contents[path].sha256.hexdigest()}"' for path in model.paths}
    for path in model.paths:
        reply = server.get(path)
        assert (reply.body, reply.header("ETag")) == (model.contents[path].all(), tag[path])


# --- a drip ---


def test_a_slow_drip_is_no_stall(modelhost, origin):
    content = origin.add(PLAIN, Seeded("drip", 3_000))
    origin.script(PLAIN, Act(piece=100, pace=0.1))
    server = modelhost.start(origin=origin, settings={"upstream.stall_timeout": "2s", "upstream.first_byte_timeout": "2s"})
    assert server.get(PLAIN, timeout=60).body == content.all()


# --- informational answers ---


WRONG = base64.b64encode(hashlib.md5(b"something else").digest()).decode()


@pytest.mark.parametrize(
    "interim",
    [
        (100,) * 50,
        ((100, {"Content-Length": "5"}),),
        ((103, {"ETag": '"early"', "Content-Length": "7", "x-goog-hash": f"md5={WRONG}", "Link": "</x>; rel=preload"}), 100),
        ((103, {"Content-Encoding": "br", "Cache-Control": "no-store", "Location": "/elsewhere"}),),
        (102, 199),
    ],
)
def test_what_comes_before_the_answer_is_not_the_answer(server, origin, plain, interim):
    origin.script(PLAIN, Act(interim=interim))
    reply = server.get(PLAIN)
    assert reply.is_complete and reply.body == plain.all()
    server.wait_idle()
    assert server.object_bytes(PLAIN) == plain.all()
    assert '"early"' not in server.meta_file(PLAIN).read_text()


@pytest.mark.parametrize(
    "raw",
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3,
     b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"],
)
def test_nothing_but_informational_answers_is_no_answer(talkative, origin, plain, raw):
    origin.script(PLAIN, Act(raw=raw))
    assert talkative.get(PLAIN, headers=SCRIPT).status == 502
    assert talkative.cached_files() == []


def test_nobody_asks_for_100_continue(server, origin, plain):
    assert server.get(PLAIN).status == 200
    assert origin.journal.entries(PLAIN)[0].header("Expect") is None


# --- ranges that nobody asked for ---


@pytest.mark.parametrize("headers", [{}, {"Content-Range": None}, {"Content-Range": "bytes 0-99999/100000"}])
def test_a_206_that_nobody_asked_for(talkative, origin, plain, headers):
    origin.script(PLAIN, Act(status=206, headers={"Content-Range": "bytes 0-99/100000", **headers}))
    assert talkative.get(PLAIN, headers=SCRIPT).status == 502
    assert talkative.cached_files() == []


def test_a_416_to_the_rest_begins_anew(modelhost, origin, plain):
    server = modelhost.start(origin=origin, settings={"upstream.retries": 2})
    server.allow_stderr("plain.bin")
    gate = Gate()
    origin.script(PLAIN, Act(cut_at=60_000), Act(status=416), Act(gates={"head": gate}))
    with server.ask(PLAIN) as client:
        gate.wait_arrived()
        gate.release()
        reply = client.read_reply()
    assert reply.is_complete and reply.body == plain.all()
    assert [entry.header("Range") for entry in origin.journal.entries(PLAIN)] == [None, "bytes=60000-", None]
