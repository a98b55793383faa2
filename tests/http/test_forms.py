# SPDX-License-Identifier: Apache-2.0
"""Manifests and other text of a mirror, compressed once and kept (encoded/ in the cache)."""

import gzip
import hashlib
import json
import os
import subprocess

import pytest
from content import Seeded, manifest_json
from origin import Act
from program import wait_until

VOCAB = "/tfjs-models/vocab/words.json"
ENCODINGS = {"br": "br", "zstd": "zst", "gzip": "gz"}


def words(n, seed=1):
    return json.dumps([f"word-{seed}-{i * i}" for i in range(n)]).encode()


TEXT = words(5000)


def form_files(server):
    """Names in encoded/, but what is still being made."""
    return sorted(name for name in os.listdir(server.cache / "encoded") if not name.startswith(".tmp-"))


def status(server):
    return server.get("/-/api/status").json()


def wait_form(server, path, accepted):
    """Until the best form is there; the answer that has it."""

    def encoded():
        reply = server.get(path, headers={"Accept-Encoding": accepted})
        assert reply.status == 200 and reply.is_complete
        return reply if reply.header("Content-Encoding") else None

    return wait_until(encoded, f"{path} as {accepted}", 20.0 * server.patience)


@pytest.fixture
def vocab(server, origin):
    """A server that has the text, and no form of it."""
    origin.add(VOCAB, TEXT)
    assert server.get(VOCAB).body == TEXT
    return server.wait_idle()


def decoded(encoding, body):
    """brotli has no decoder here: tests/unit/test_codec.c has one."""
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "zstd":
        return subprocess.run(["zstd", "-dc"], input=body, capture_output=True, check=True, timeout=60).stdout
    return None


# --- making ---


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_form_is_made_and_kept(vocab, encoding):
    first = vocab.get(VOCAB, headers={"Accept-Encoding": encoding})
    assert (first.header("Content-Encoding"), first.body) == (None, TEXT)  # nobody waits for it
    reply = wait_form(vocab, VOCAB, encoding)
    assert reply.header("Content-Encoding") == encoding
    assert len(reply.body) < len(TEXT) / 3 and decoded(encoding, reply.body) in (TEXT, None)
    # Its ETag is the digest of its own bytes, and so is its file's name.
    digest = hashlib.sha256(reply.body).hexdigest()
    assert reply.header("ETag") == f'"{digest}"'
    source = hashlib.sha256(TEXT).hexdigest()
    assert form_files(vocab) == [f"{source}.{digest}.{ENCODINGS[encoding]}"]
    assert reply.header("Content-Type") == "application/json" and reply.header("Content-Length") == str(len(reply.body))
    assert vocab.get(VOCAB).body == TEXT  # who does not ask for it gets none


def test_many_at_once_make_it_once(vocab, at_once):
    def ask(encoding):
        return lambda: vocab.get(VOCAB, headers={"Accept-Encoding": encoding})

    for reply in at_once([ask(encoding) for encoding in ENCODINGS for _ in range(20)]):
        assert reply.status == 200 and reply.is_complete
    for encoding in ENCODINGS:
        wait_form(vocab, VOCAB, encoding)
    told = status(vocab)
    assert told["forms_made"] == 3 and len(form_files(vocab)) == 3
    assert told["form_bytes"] == sum(os.stat(vocab.cache / "encoded" / name).st_size for name in form_files(vocab))


def test_a_large_manifest_shrinks_to_a_fifteenth(modelhost, origin):
    nodes = [{"name": f"model/block_{i // 40}/layer_{i % 40}/Conv2D/ReadVariableOp", "op": "Const",
              "input": [f"model/block_{i // 40}/in_{i * 7 % 40}"],
              "attr": {"dtype": {"type": "DT_FLOAT"}, "shape": {"dim": [{"size": str(i * 131 % 4096)}]}}}
             for i in range(150_000)]
    path, shard = "/tfjs-models/large/model.json", "group1-shard1of1.bin"
    text = manifest_json({shard: 1000}, modelTopology={"node": nodes})
    assert len(text) > 28_000_000
    origin.add(path, text)
    origin.add("/tfjs-models/large/" + shard, Seeded("s", 1000))
    server = modelhost.start(origin=origin)
    assert server.get(path, timeout=120).body == text
    server.wait_complete(path, 60)
    server.wait_idle()
    idle = server.memory_kib()
    for encoding in ENCODINGS:
        reply = wait_form(server, path, encoding)
        assert len(reply.body) < len(text) / 15
        if not modelhost.sanitizer:
            assert server.memory_kib() < idle + (32 << 10)


@pytest.mark.parametrize(
    "name, shrinks", [("a.js", True), ("a.css", True), ("a.html", True), ("a.svg", True), ("a.txt", True),
                      ("a.wasm", True), ("a.json", True), ("a.bin", False), ("a.onnx", False), ("a.png", False)])
def test_what_shrinks_is_known_by_its_type(server, origin, name, shrinks):
    path = "/tfjs-models/types/" + name
    origin.add(path, TEXT)
    fields = {"Accept-Encoding": "gzip"}
    server.get(path)
    if shrinks:
        wait_form(server.wait_idle(), path, "gzip")
    reply = server.wait_idle().get(path, headers=fields)
    assert (reply.header("Vary") == "Accept-Encoding") == shrinks
    assert (reply.header("Content-Encoding") == "gzip") == shrinks
    if not shrinks:
        assert status(server)["forms_made"] == 0


def test_weights_are_never_encoded(server, make_model):
    """Not even where their name says that they are text."""
    model = make_model({"shard.txt": 4000}, *({f"group{i}.bin": 10} for i in range(10)))
    for path in model.paths:
        server.get(path)
    server.wait_complete(model.path)
    wait_form(server.wait_idle(), model.path, "gzip")
    for _ in range(3):
        reply = server.get(model.shards[0], headers={"Accept-Encoding": "gzip"})
        assert (reply.header("Content-Encoding"), reply.header("Vary")) == (None, None)
        assert reply.header("Content-Length") == "4000"
    assert len(form_files(server)) == 1


def test_what_does_not_shrink_stays_as_it_is(server, origin):
    path = "/tfjs-models/noise.txt"
    origin.add(path, Seeded("noise", 20_000))
    server.get(path)
    server.wait_idle().get(path, headers={"Accept-Encoding": "gzip"})
    wait_until(lambda: status(server)["forms_made"] == 1, "a try", 20.0 * server.patience)
    assert server.get(path, headers={"Accept-Encoding": "gzip"}).header("Content-Encoding") is None
    assert status(server)["forms_made"] == 1 and form_files(server) == []


# --- choosing ---


@pytest.fixture
def forms(vocab):
    """The text's representations by encoding; None is identity."""
    replies = {encoding: wait_form(vocab, VOCAB, encoding) for encoding in ENCODINGS}
    return {**replies, None: vocab.get(VOCAB)}


@pytest.mark.parametrize(
    "accepted, encoding", [("gzip, deflate, br, zstd", "br"), ("gzip, zstd", "zstd"), ("gzip;q=1, br;q=0.5", "gzip"),
                           ("br;q=0, *", "zstd"), ("br;q=0", None), ("identity", None), ("deflate", None),
                           ("identity;q=0.5, gzip;q=0.4", None), ("*;q=0", None), ("", None)])
def test_accept_encoding_chooses(vocab, forms, accepted, encoding):
    """RFC 9110 §12.5.3, on the long way and on the kept answers'."""
    with vocab.connect() as connection:
        for method in ["GET"] * 4 + ["HEAD"]:
            fields = {"Accept-Encoding": accepted}
            reply = connection.request(VOCAB, method, headers=fields).read_reply(method)
            assert (reply.status, reply.header("Content-Encoding")) == (200, encoding)
            assert reply.header("ETag") == forms[encoding].header("ETag")
            assert reply.header("Content-Length") == str(len(forms[encoding].body))
            assert reply.header("Vary") == "Accept-Encoding"
            if method == "GET":
                assert reply.body == forms[encoding].body


def test_kept_answers_do_not_mix_forms(vocab, forms):
    with vocab.connect() as connection:
        seen = {encoding: 0 for encoding in forms}

        def ask_all():
            for encoding, wanted in forms.items():
                fields = {"Accept-Encoding": encoding or "identity"}
                reply = connection.request(VOCAB, headers=fields).read_reply()
                # One from before there was the form is kept for its second.
                assert (reply.header("Content-Encoding"), reply.body) in ((encoding, wanted.body), (None, TEXT))
                seen[encoding] += reply.body == wanted.body
            return min(seen.values()) >= 20

        wait_until(ask_all, "all forms, often", 20.0 * vocab.patience)


def test_the_form_that_there_is_answers_until_a_better_one_is_made(vocab):
    wait_form(vocab, VOCAB, "gzip")
    seen = set()

    def best():
        seen.add(vocab.get(VOCAB, headers={"Accept-Encoding": "br, gzip"}).header("Content-Encoding"))
        return "br" in seen

    wait_until(best, "br", 20.0 * vocab.patience)
    assert seen <= {"gzip", "br"}


def test_conditions_are_about_the_representation(vocab, forms):
    """RFC 9110 §13.1.2: whoever holds one is told that it is current, and by its own ETag."""
    for encoding, held in forms.items():
        tag = held.header("ETag")
        fields = {"Accept-Encoding": encoding or "identity", "If-None-Match": tag}
        same = vocab.get(VOCAB, headers=fields)
        assert (same.status, same.header("ETag"), same.header("Vary")) == (304, tag, "Accept-Encoding")
        assert same.header("Content-Encoding") is None
        fields = {"Accept-Encoding": encoding or "identity", "If-Match": tag}
        assert vocab.get(VOCAB, headers=fields).body == held.body
    only_gzip = {"Accept-Encoding": "gzip", "If-None-Match": forms["br"].header("ETag")}
    reply = vocab.get(VOCAB, headers=only_gzip)  # it holds what it says it cannot read
    assert (reply.status, reply.header("Content-Encoding")) == (200, "gzip")
    fields = {"Accept-Encoding": "gzip", "If-Match": forms["br"].header("ETag")}
    assert vocab.get(VOCAB, headers=fields).status == 412


def test_a_copy_from_before_the_form_stays_good(vocab, forms):
    """It came while the form was being made: it is current, and is not sent again in another form."""
    tag = forms[None].header("ETag")
    with vocab.connect() as connection:
        for _ in range(5):
            fields = {"Accept-Encoding": "br, gzip", "If-None-Match": tag}
            reply = connection.request(VOCAB, headers=fields).read_reply()
            assert (reply.status, reply.header("ETag")) == (304, tag)
            fresh = connection.request(VOCAB, headers={"Accept-Encoding": "br, gzip"}).read_reply()
            assert fresh.header("Content-Encoding") == "br"


def test_ranges_are_of_the_representation(vocab, forms):
    """RFC 9110 §14.2: of the object itself, or of the form whose ETag If-Range names."""
    plain = vocab.get(VOCAB, headers={"Accept-Encoding": "br, gzip", "Range": "bytes=10-19"})
    assert (plain.status, plain.header("Content-Encoding"), plain.body) == (206, None, TEXT[10:20])
    assert plain.header("Content-Range") == f"bytes 10-19/{len(TEXT)}" and plain.header("Vary") == "Accept-Encoding"
    held = forms["gzip"]
    fields = {"Accept-Encoding": "br, gzip", "Range": "bytes=100-", "If-Range": held.header("ETag")}
    rest = vocab.get(VOCAB, headers=fields)
    assert (rest.status, rest.header("Content-Encoding"), rest.body) == (206, "gzip", held.body[100:])
    assert rest.header("ETag") == held.header("ETag")
    several = vocab.get(VOCAB, headers={**fields, "Range": "bytes=0-1,50-51"})
    assert several.status == 206 and several.header("Content-Encoding") is None
    assert held.body[:2] in several.body and f"bytes 0-1/{len(held.body)}".encode() in several.body
    beyond = vocab.get(VOCAB, headers={**fields, "Range": f"bytes={len(held.body)}-"})
    assert (beyond.status, beyond.header("Content-Range")) == (416, f"bytes */{len(held.body)}")


# --- keeping ---


def test_a_restart_keeps_them(modelhost, origin, vocab):
    made = {encoding: wait_form(vocab, VOCAB, encoding) for encoding in ENCODINGS}
    files = {name: os.stat(vocab.cache / "encoded" / name).st_mtime_ns for name in form_files(vocab)}
    (vocab.cache / "encoded" / ".tmp-left-by-a-crash.br").write_bytes(b"half")
    vocab.stop()
    server = modelhost.start("--offline", origin=origin)
    # The first request may come before the index is whole: that it is settled from disk is no loss.
    for encoding, before in made.items():
        assert wait_form(server, VOCAB, encoding).body == before.body
    told = status(server)
    assert told["forms_made"] == 0 and told["form_bytes"] > 0
    assert {name: os.stat(server.cache / "encoded" / name).st_mtime_ns for name in form_files(server)} == files
    assert not (server.cache / "encoded" / ".tmp-left-by-a-crash.br").exists()


@pytest.mark.parametrize("is_running", [True, False], ids=["while it runs", "before a start"])
def test_a_form_that_was_changed_is_never_sent(modelhost, origin, vocab, is_running):
    good = wait_form(vocab, VOCAB, "gzip")
    [name] = form_files(vocab)
    if not is_running:
        vocab.stop()
    damaged = bytearray(good.body)
    damaged[len(damaged) // 2] ^= 1
    (vocab.cache / "encoded" / name).write_bytes(damaged)
    server = vocab if is_running else modelhost.start(origin=origin)

    def mended():
        reply = server.get(VOCAB, headers={"Accept-Encoding": "gzip"})
        # Kept answers may hold the old file for their second: a descriptor reads what is there now.
        assert reply.body in (TEXT, good.body)
        return reply.header("Content-Encoding") == "gzip" and status(server)["forms_made"] == 1 + is_running

    wait_until(mended, "another form", 20.0 * server.patience)
    assert (server.cache / "encoded" / name).read_bytes() == good.body


def test_a_form_that_was_removed_is_made_again(vocab):
    wait_form(vocab, VOCAB, "gzip")
    [name] = form_files(vocab)
    (vocab.cache / "encoded" / name).unlink()
    wait_until(lambda: vocab.get(VOCAB, headers={"Accept-Encoding": "gzip"}).is_complete and form_files(vocab) == [name],
               "another form", 20.0 * vocab.patience)
    assert gzip.decompress(wait_form(vocab, VOCAB, "gzip").body) == TEXT


# --- letting go ---


def wait_gone(server):
    wait_until(lambda: form_files(server) == [] and status(server)["form_bytes"] == 0, "no forms", 20.0 * server.patience)


def test_they_go_with_their_object(modelhost, vocab):
    wait_form(vocab, VOCAB, "gzip")
    wait_form(vocab, VOCAB, "br")
    assert modelhost.run("rm", VOCAB, "--cache-dir", vocab.cache).returncode == 0
    wait_gone(vocab)


def test_they_stay_while_another_object_has_the_same_bytes(modelhost, origin, vocab):
    other = "/tfjs-models/vocab/copy.json"
    origin.add(other, TEXT)
    vocab.get(other)
    made = wait_form(vocab.wait_idle(), VOCAB, "gzip")
    assert wait_form(vocab, other, "gzip").body == made.body and status(vocab)["forms_made"] == 1
    assert modelhost.run("rm", VOCAB, "--cache-dir", vocab.cache).returncode == 0
    reply = wait_form(vocab, other, "gzip")
    assert reply.body == made.body
    assert modelhost.run("rm", other, "--cache-dir", vocab.cache).returncode == 0
    wait_gone(vocab)


def test_a_start_drops_what_belongs_to_nothing(modelhost, origin, vocab):
    wait_form(vocab, VOCAB, "gzip")
    vocab.stop()
    vocab.object_file(VOCAB).unlink()
    vocab.meta_file(VOCAB).unlink()
    wait_gone(modelhost.start(origin=origin))


def test_a_replaced_version_gets_its_own(modelhost, origin):
    old, new = words(3000, 1), words(3000, 2)
    origin.add(VOCAB, old)
    settings = {"mirror tfjs-models.revalidate": "always", "cache.settle": "0s"}
    server = modelhost.start(origin=origin, settings=settings)
    assert server.get(VOCAB).body == old
    assert gzip.decompress(wait_form(server.wait_idle(), VOCAB, "gzip").body) == old
    origin.add(VOCAB, new)

    def switched():
        reply = server.get(VOCAB, headers={"Accept-Encoding": "gzip"})
        is_form = reply.header("Content-Encoding") == "gzip"
        return is_form and gzip.decompress(reply.body) == new

    wait_until(switched, "the new text's form", 30.0 * server.patience)
    wait_until(lambda: len(form_files(server)) == 1, "no form of the old text", 20.0 * server.patience)
    assert form_files(server)[0].startswith(hashlib.sha256(new).hexdigest())


def test_they_count_in_the_caches_size(modelhost, origin):
    """Two texts fit without their forms, and not with them."""
    paths = [f"/tfjs-models/vocab/{i}.json" for i in range(2)]
    texts = [words(5000, 0), words(4000, 1)]  # of those used in one second the larger goes
    for path, text in zip(paths, texts):
        origin.add(path, text)
    limit = sum(map(len, texts)) + 1000
    server = modelhost.start(origin=origin, settings={"cache.max_size": limit, "cache.settle": "0s"})
    for path, text in zip(paths, texts):
        assert server.get(path).body == text
    server.wait_idle()
    assert status(server)["objects"] == 2
    server.get(paths[1], headers={"Accept-Encoding": "gzip"})
    wait_until(lambda: status(server)["objects"] == 1, "one to go", 30.0 * server.patience)
    wait_until(lambda: server.cached_files() == [paths[1]], "its file to go", 20.0 * server.patience)


def test_no_room_only_means_no_forms(modelhost, vocab):
    """A directory in the way of the file, as a full or read-only disk would be."""
    source = hashlib.sha256(TEXT).hexdigest()
    (vocab.cache / "encoded" / f".tmp-{source}.gz").mkdir()
    vocab.expect_stderr("there is no compressed form: make 'encoded/.tmp-")
    with vocab.connect() as connection:
        for _ in range(10):
            reply = connection.request(VOCAB, headers={"Accept-Encoding": "gzip"}).read_reply()
            assert (reply.status, reply.header("Content-Encoding"), reply.body) == (200, None, TEXT)
    vocab.stderr.wait("there is no compressed form", 20.0 * vocab.patience)
    assert wait_form(vocab, VOCAB, "br").header("Content-Encoding") == "br"
    assert vocab.get(VOCAB, headers={"Accept-Encoding": "gzip"}).body == TEXT


def test_a_manifest_that_is_arriving_is_sent_as_it_is(server, origin):
    origin.add(VOCAB, TEXT)
    origin.script(VOCAB, Act())
    reply = server.get(VOCAB, headers={"Accept-Encoding": "br, gzip"})
    assert (reply.header("X-Cache"), reply.header("Content-Encoding"), reply.body) == ("MISS", None, TEXT)
    assert reply.header("Vary") == "Accept-Encoding"
