# SPDX-License-Identifier: Apache-2.0
"""Objects that come gzip-encoded: asked for as they are, kept decoded, and checked as they came."""

import base64
import gzip
import hashlib
import json

import pytest
from content import Bytes, Seeded
from origin import Act, Gate
from program import wait_until

PLAIN = "/tfjs-models/plain.bin"
SCRIPT = {"Accept": "*/*", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}


@pytest.fixture
def talkative(server):
    server.allow_stderr("/tfjs-models/")
    return server


@pytest.fixture
def plain(origin):
    return origin.add(PLAIN, Seeded("plain", 100_000))


def digest_field(data):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def asked_for(origin, path=PLAIN):
    return [entry.header("Accept-Encoding") for entry in origin.journal.entries(path)]


def assert_refused(server, reply, *words):
    assert reply.status == 502, reply.status
    text = json.dumps(reply.json())
    assert all(word in text for word in words), text
    server.wait_idle()
    assert server.cached_files() == []
    assert list((server.cache / "partial").iterdir()) == []


# --- stored as gzip ---


def test_identity_is_asked_for(server, origin, plain):
    assert server.get(PLAIN).body == plain.all()
    assert asked_for(origin) == ["identity"]


def test_an_object_stored_as_gzip_is_asked_for_as_gzip_and_kept_decoded(server, origin, plain):
    origin.script(PLAIN, Act(stored_gzip=True))
    reply = server.get(PLAIN)
    assert (reply.status, reply.body) == (200, plain.all())
    assert reply.header("Content-Encoding") is None and reply.header("Content-Length") == "100000"
    assert asked_for(origin) == ["identity", "gzip"]
    server.wait_idle()
    assert server.object_bytes(PLAIN) == plain.all()
    kept = server.get(PLAIN, headers={"Range": "bytes=10-19"})
    assert (kept.status, kept.body, kept.header("X-Cache")) == (206, plain.read(10, 10), "HIT")
    assert kept.header("ETag") == f'"{hashlib.sha256(plain.all()).hexdigest()}"'


def test_a_model_stored_as_gzip(server, origin, make_model):
    model = make_model({"a.bin": 70_000, "b.bin": 30_000}, {"c.bin": 10_000})
    for path in model.paths:
        origin.script(path, Act(stored_gzip=True))
    for path in model.paths:
        assert server.get(path).body == model.contents[path].all()
    server.wait_complete(model.path)
    assert server.cached_files() == sorted(model.paths)


def test_the_hash_of_what_is_stored_is_checked(talkative, origin, plain):
    """A byte of the gzip header, which no decoder minds: only the md5 tells."""
    origin.script(PLAIN, Act(stored_gzip=True, flip=9))
    assert_refused(talkative, talkative.get(PLAIN, headers=SCRIPT), "x-goog-hash", PLAIN)
    origin.script(PLAIN, Act(stored_gzip=True))
    assert talkative.get(PLAIN).body == plain.all()


def test_the_head_waits_for_all_of_an_encoded_object(server, origin, plain):
    gate = Gate()
    origin.script(PLAIN, Act(stored_gzip=True, gates={90_000: gate}))
    origin.script(PLAIN, Act(stored_gzip=True), Act(stored_gzip=True, gates={90_000: gate}))
    with server.ask(PLAIN) as client:
        gate.wait_arrived()
        server.wait_clients(PLAIN, 1)
        assert client.is_silent_for(0.3)
        gate.release()
        assert client.read_reply().body == plain.all()


def test_one_that_is_decoded_on_the_way_all_the_same(server, origin, plain):
    """A proxy that takes the encoding off: there is nothing to check the md5 on, and no end of asking."""
    stored = hashlib.md5(gzip.compress(plain.all(), mtime=0)).digest()
    origin.script(PLAIN, Act(headers={"x-goog-stored-content-encoding": "gzip", "ETag": f'"{stored.hex()}"',
                                      "x-goog-hash": "md5=" + base64.b64encode(stored).decode()}))
    assert server.get(PLAIN).body == plain.all()
    assert asked_for(origin) == ["identity", "gzip"]


def test_a_broken_transfer_is_not_resumed_but_begun_anew(modelhost, origin, plain):
    server = modelhost.start(origin=origin, settings={"upstream.retries": 2})
    server.allow_stderr("plain.bin")
    origin.script(PLAIN, Act(stored_gzip=True), Act(stored_gzip=True, cut_at=50_000), Act(stored_gzip=True))
    assert server.get(PLAIN).body == plain.all()
    assert asked_for(origin) == ["identity", "gzip", "gzip"]
    assert [entry.header("Range") for entry in origin.journal.entries(PLAIN)] == [None] * 3


def test_what_a_killed_server_had_of_it_is_not_resumed(modelhost, origin):
    content = origin.add(PLAIN, Seeded("big", 3_000_000))
    gate = Gate()
    origin.script(PLAIN, Act(stored_gzip=True), Act(stored_gzip=True, gates={2_500_000: gate}))
    server = modelhost.start(origin=origin)
    with server.ask(PLAIN):
        gate.wait_arrived()
        server.kill()
    gate.release()
    origin.journal.clear()
    origin.script(PLAIN, Act(stored_gzip=True))
    assert modelhost.start(origin=origin).get(PLAIN).body == content.all()
    assert all(entry.header("Range") is None for entry in origin.journal.entries(PLAIN))


def test_a_refresh_of_an_object_stored_as_gzip(modelhost, origin, plain):
    origin.script(PLAIN, Act(stored_gzip=True))
    server = modelhost.start(origin=origin, settings={"mirror tfjs-models.revalidate": "always", "cache.settle": "0s"})
    assert server.get(PLAIN).body == plain.all()
    server.wait_idle()
    new = origin.add(PLAIN, Seeded("new", 50_000))
    origin.journal.clear()
    assert server.get(PLAIN).body == plain.all()
    origin.journal.wait(PLAIN, 2, done=True)
    wait_until(lambda: server.object_bytes(PLAIN) == new.all(), "the new file is there")


# --- encoded though identity was asked for ---


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_what_is_encoded_unasked_is_kept_decoded(server, origin, plain, framing):
    origin.script(PLAIN, Act(gzip=True, framing=framing))
    reply = server.get(PLAIN)
    assert reply.is_complete and reply.body == plain.all() and reply.header("Content-Encoding") is None
    assert asked_for(origin) == ["identity"]
    assert server.wait_idle().object_bytes(PLAIN) == plain.all()


@pytest.mark.parametrize("name", ["Repr-Digest", "Content-Digest"])
def test_a_digest_of_the_encoded_bytes_is_checked_on_them(talkative, origin, plain, name):
    right = digest_field(gzip.compress(plain.all(), mtime=0))
    origin.script(PLAIN, Act(gzip=True, headers={name: digest_field(b"something else")}))
    assert_refused(talkative, talkative.get(PLAIN, headers=SCRIPT), name, PLAIN)
    origin.script(PLAIN, Act(gzip=True, headers={name: right}))
    assert talkative.get(PLAIN).body == plain.all()


def test_a_digest_of_the_decoded_bytes_holds_too(server, origin, plain):
    tag = f'"{hashlib.sha256(plain.all()).hexdigest()}"'
    origin.script(PLAIN, Act(gzip=True, headers={"X-Linked-Etag": tag}))
    assert server.get(PLAIN).body == plain.all()


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip", "unheard-of", "x" * 300])
def test_an_encoding_that_is_not_known_is_502(talkative, origin, plain, coding):
    origin.script(PLAIN, Act(headers={"Content-Encoding": coding}))
    assert_refused(talkative, talkative.get(PLAIN, headers=SCRIPT), "Content-Encoding", PLAIN)


@pytest.mark.parametrize("coding", ["identity", "", "Identity, identity"])
def test_identity_is_no_encoding(server, origin, plain, coding):
    origin.script(PLAIN, Act(headers={"Content-Encoding": coding}))
    assert server.get(PLAIN).body == plain.all()


BROKEN = gzip.compress(Seeded("plain", 100_000).all(), mtime=0)


@pytest.mark.parametrize(
    "body",
    [BROKEN[:-1], BROKEN[:5000], BROKEN + b"more", b"", b"no gzip at all", BROKEN[:-8] + b"\0" * 8,
     gzip.compress(b"<!DOCTYPE html><html><body>log in</body></html>")],
)
def test_gzip_that_is_broken_or_holds_something_else(talkative, origin, plain, body):
    origin.script(PLAIN, Act(body=body, headers={"Content-Encoding": "gzip", "ETag": None, "x-goog-hash": None}))
    assert_refused(talkative, talkative.get(PLAIN, headers=SCRIPT), PLAIN)


def test_members_that_follow_each_other_are_one_body(server, origin, plain):
    data = plain.all()
    body = gzip.compress(data[:60_000]) + gzip.compress(data[60_000:])
    origin.script(PLAIN, Act(body=body, headers={"Content-Encoding": "gzip", "ETag": None, "x-goog-hash": None}))
    assert server.get(PLAIN).body == data


def test_a_shard_is_not_decoded_beyond_what_its_manifest_says(talkative, origin, make_model):
    model = make_model({"a.bin": 10_000})
    bomb = gzip.compress(bytes(50 << 20))
    origin.script(model.shards[0], Act(body=bomb, headers={"Content-Encoding": "gzip", "ETag": None, "x-goog-hash": None}))
    assert talkative.get(model.path).status == 200
    reply = talkative.get(model.shards[0], headers={**SCRIPT, "Accept": "text/html"})
    assert reply.status == 502 and "a.bin" in reply.text


def test_a_bomb_without_a_manifest(talkative, origin):
    bomb = gzip.compress(bytes(200 << 20))
    origin.add(PLAIN, Bytes(bomb))
    origin.script(PLAIN, Act(headers={"Content-Encoding": "gzip", "ETag": None, "x-goog-hash": None}))
    assert_refused(talkative, talkative.get(PLAIN, headers=SCRIPT), "bomb")


def test_json_is_not_decoded_beyond_json_max(modelhost, origin):
    path = "/tfjs-models/big.json"
    server = modelhost.start(origin=origin, settings={"cache.json_max": "1MiB"})
    server.allow_stderr("big.json")
    origin.add(path, b'"' + b"x" * (2 << 20) + b'"')
    origin.script(path, Act(gzip=True))
    assert server.get(path).status >= 500
    assert server.wait_idle().cached_files() == []


def test_a_manifest_that_is_encoded_unasked(server, origin, make_model):
    model = make_model()
    origin.script(model.path, Act(gzip=True))
    assert server.get(model.path).body == model.contents[model.path].all()
    server.wait_complete(model.path)
