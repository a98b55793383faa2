# SPDX-License-Identifier: Apache-2.0
"""Offline means offline: what is cached needs no upstream, what is not is told at once."""

import os
import socket
from pathlib import Path

import pytest
from client import fetch
from program import wait_until


@pytest.fixture
def filled(modelhost, origin, make_model):
    """A cache that holds a model; its server is stopped."""
    model = make_model({"a.bin": 50_000, "b.bin": 7})
    server = modelhost.start(origin=origin)
    server.get(model.path)
    server.wait_complete(model.path)
    server.stop()
    origin.journal.clear()
    return model


@pytest.mark.parametrize("how", ["flag", "setting"])
def test_what_is_cached_is_served_without_contact(modelhost, origin, filled, how):
    arguments, settings = (["--offline"], {}) if how == "flag" else ([], {"cache.offline": "on"})
    server = modelhost.start(*arguments, origin=origin, settings=settings)
    for path in filled.paths:
        reply = server.get(path)
        assert (reply.status, reply.body) == (200, filled.contents[path].all())
        assert reply.header("X-Cache") in ("HIT", "OFFLINE")
    assert origin.journal.count() == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_not_cached_is_told_at_once(modelhost, origin, filled, method):
    server = modelhost.start("--offline", origin=origin)
    server.allow_stderr("other.bin")
    reply = server.fetch("/tfjs-models/other.bin", method, headers={"User-Agent": "curl/8"}, timeout=5)
    assert reply.status == 504 and reply.header("Cache-Control") == "no-store"
    if method == "GET":
        assert "/tfjs-models/other.bin" in reply.text and "offline" in reply.text
    assert origin.journal.count() == 0


def test_a_manifest_is_served_though_a_shard_is_missing(modelhost, origin, filled):
    """The shard is named in its own error; nothing is asked upstream for it."""
    shard = filled.shards[1]
    for file in ("objects" + shard, "meta" + shard + ".json"):
        (modelhost.cache / file).unlink()
    server = modelhost.start("--offline", origin=origin)
    server.allow_stderr("b.bin")
    assert server.get(filled.path).status == 200
    reply = server.get(shard)
    assert (reply.status, reply.body) == (504, b"") and shard in reply.header("Modelhost-Error")
    assert origin.journal.count() == 0


def test_all_built_in_mirrors_are_offline_too(modelhost):
    server = modelhost.start("--offline")
    server.allow_stderr("/m/x.bin")
    for name in ("tfjs-models", "tfhub", "mediapipe-models", "huggingface", "npm"):
        assert fetch(server.port, f"/{name}/m/x.bin").status == 504


def test_a_pull_offline_says_so(modelhost, origin, filled):
    done = modelhost.run("pull", "/tfjs-models/other.bin", "--cache-dir", modelhost.cache,
                         "--set", "cache.offline=on", *modelhost.mirror(origin))
    assert done.returncode == 4 and "other.bin" in done.stderr
    assert origin.journal.count() == 0


# --- no attempt, and no waiting for one ---

SYN_SENT = "02"


@pytest.fixture
def listener():
    """An upstream that does nothing: who connects, waits in its queue. (socket, its URL)"""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as sock:
        yield sock, f"http://127.0.0.1:{sock.getsockname()[1]}/tfjs-models/"


@pytest.fixture
def black_hole():
    """An upstream to which a connection never comes about: its queue is full, and SYNs are dropped."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as sock:
        fillers = []
        try:
            for _ in range(8):  # the kernel takes one or two more than the backlog
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(sock.getsockname())
                fillers.append(filler)
            yield sock.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()


def connects_under_way(server, port):
    """Does the server's own table of connections show a SYN to that port without an answer?"""
    own = {os.readlink(f"/proc/{server.pid}/fd/{name}") for name in os.listdir(f"/proc/{server.pid}/fd")}
    rows = [row.split() for row in Path(f"/proc/{server.pid}/net/tcp").read_text().splitlines()[1:]]
    return [row for row in rows
            if row[2].endswith(f":{port:04X}") and row[3] == SYN_SENT and f"socket:[{row[9]}]" in own]


def load(server, model):
    """As TF.js does; all of it must be right. The X-Cache of each file."""
    states = {}
    for path in model.paths:
        reply = server.get(path)
        assert (reply.status, reply.body) == (200, model.contents[path].all())
        states[path] = reply.header("X-Cache")
    return set(states.values())


def test_offline_makes_no_connection_attempt(modelhost, filled, listener):
    """The kernel would have put it into the listener's queue: it is empty."""
    sock, url = listener
    settings = {"cache.offline": "on", "mirror tfjs-models.upstream": url, "mirror tfjs-models.revalidate": "always"}
    server = modelhost.start(settings=settings)
    server.allow_stderr("missing.bin")
    assert load(server, filled) == {"OFFLINE"}
    assert server.get("/tfjs-models/missing.bin").status == 504
    server.stop()
    sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        sock.accept()


def test_online_does_make_one(modelhost, filled, listener):
    """The counter-check: the same without `offline` is seen in the queue."""
    sock, url = listener
    server = modelhost.start(settings={"mirror tfjs-models.upstream": url, "mirror tfjs-models.revalidate": "always"})
    server.allow_stderr("")
    server.wait_complete(filled.path)
    load(server, filled)
    sock.settimeout(20)
    sock.accept()[0].close()


def test_an_upstream_that_refuses_holds_nobody_up(modelhost, filled):
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    server = modelhost.start(settings={
        "mirror tfjs-models.upstream": f"http://127.0.0.1:{port}/tfjs-models/", "mirror tfjs-models.revalidate": "always"})
    server.expect_stderr("the cached copy stays as it is")
    server.wait_complete(filled.path)
    assert load(server, filled) <= {"UPDATING", "STALE"}
    wait_until(lambda: load(server, filled) == {"STALE"}, "all of it is told as stale")


def test_an_upstream_that_swallows_connects_holds_nobody_up(modelhost, filled, black_hole):
    """The model is loaded, again and again, while the connection that would revalidate it hangs."""
    server = modelhost.start(settings={
        "mirror tfjs-models.upstream": f"http://127.0.0.1:{black_hole}/tfjs-models/",
        "mirror tfjs-models.revalidate": "always", "upstream.connect_timeout": "10m"})
    server.wait_complete(filled.path)
    assert load(server, filled) == {"UPDATING"}
    wait_until(lambda: connects_under_way(server, black_hole), "it tries to connect")
    assert load(server, filled) == {"UPDATING"}
    assert connects_under_way(server, black_hole), "the attempt ended: the loads may have waited for it"
