# SPDX-License-Identifier: Apache-2.0
"""Upstreams over TLS: HTTP/2 where they have it, several connections where not, and whom to trust."""

import functools

import pytest
from content import Seeded, manifest_json
from h2_origin import Authority, H2Origin
from origin import Act, Gate, Origin

FOLDER = "/tfjs-models/h2/"
SHARDS = {f"shard{n}.bin": 30_000 + n for n in range(23)}


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def fill(origin):
    contents = {FOLDER + "model.json": origin.add(FOLDER + "model.json", manifest_json(SHARDS))}
    for name, size in SHARDS.items():
        contents[FOLDER + name] = origin.add(FOLDER + name, Seeded(name, size))
    return contents


@pytest.fixture
def h2_origin(authority):
    with H2Origin(authority) as server:
        yield server


@pytest.fixture
def trusting(modelhost, authority):
    """Starts a server that trusts the origin's authority."""

    def start(origin, **settings):
        return modelhost.start(origin=origin, settings={"upstream.ca_file": authority.certificate, **settings})

    return start


def load(server, contents, at_once):
    """As a browser would: the manifest, then all shards at once."""
    assert server.get(FOLDER + "model.json").body == contents[FOLDER + "model.json"].all()
    shards = [path for path in contents if path.endswith(".bin")]
    for path, reply in zip(shards, at_once([functools.partial(server.get, path) for path in shards])):
        assert reply.is_complete and reply.body == contents[path].all(), path


def test_all_shards_over_one_connection(trusting, h2_origin, at_once):
    contents = fill(h2_origin)
    server = trusting(h2_origin)
    load(server, contents, at_once)
    entries = h2_origin.journal.entries()
    assert sorted(entry.target for entry in entries) == sorted(contents)
    assert {entry.version for entry in entries} == {"HTTP/2"}
    assert len({entry.connection for entry in entries}) == 1


def test_all_shards_are_under_way_together(trusting, h2_origin):
    contents = fill(h2_origin)
    gate = Gate()
    for path in list(contents)[1:]:
        h2_origin.script(path, Act(gates={"request": gate}))
    server = trusting(h2_origin)
    assert server.get(FOLDER + "model.json").status == 200
    gate.wait_arrived(23)
    gate.release()
    server.wait_complete(FOLDER + "model.json")


def test_a_stream_that_is_reset_is_cut(trusting, h2_origin):
    h2_origin.add("/tfjs-models/x.bin", Seeded("x", 100_000))
    h2_origin.script("/tfjs-models/x.bin", Act(cut_at=50_000))
    server = trusting(h2_origin)
    server.allow_stderr("x.bin")
    reply = server.get("/tfjs-models/x.bin")
    assert reply.status >= 500 or not reply.is_complete
    assert server.cached_files() == []


X = "/tfjs-models/x.bin"


@pytest.mark.parametrize(
    "act", [Act(cut_at=50_000), Act(goaway=50_000, close=True), Act(goaway=0, close=True)], ids=["rst", "goaway", "at once"]
)
def test_a_stream_or_connection_that_breaks_is_gone_on_with(trusting, h2_origin, act):
    content = h2_origin.add(X, Seeded("x", 100_000))
    h2_origin.script(X, act, Act())
    server = trusting(h2_origin, **{"upstream.retries": 2})
    server.allow_stderr("x.bin")
    reply = server.get(X)
    assert reply.is_complete and reply.body == content.all()
    first, second = h2_origin.journal.entries(X)
    assert second.header("Range") == ("bytes=50000-" if first.sent else None)


def test_a_connection_that_ends_with_goaway_is_cut(trusting, h2_origin):
    h2_origin.add(X, Seeded("x", 100_000))
    h2_origin.script(X, Act(goaway=50_000, close=True))
    server = trusting(h2_origin)
    server.allow_stderr("x.bin")
    reply = server.get(X)
    assert reply.status >= 500 or not reply.is_complete
    assert server.wait_idle().cached_files() == []


def test_goaway_lets_streams_end_and_the_next_go_elsewhere(trusting, h2_origin, at_once):
    contents = fill(h2_origin)
    shards = [path for path in contents if path.endswith(".bin")]
    h2_origin.script(shards[3], Act(goaway=10_000), Act())
    server = trusting(h2_origin, **{"upstream.retries": 2})
    server.allow_stderr("shard")
    load(server, contents, at_once)
    content = h2_origin.add(X, Seeded("x", 1000))
    assert server.get(X).body == content.all()
    assert len({entry.connection for entry in h2_origin.journal.entries()}) > 1


def test_http_1_1_over_tls_uses_several_connections(trusting, authority, at_once):
    with Origin(tls=authority.context("http/1.1")) as origin:
        contents = fill(origin)
        gate = Gate()
        for path in list(contents)[1:]:
            origin.script(path, Act(gates={"request": gate}))
        server = trusting(origin)
        assert server.get(FOLDER + "model.json").status == 200
        gate.wait_arrived(4)
        assert len({entry.connection for entry in origin.journal.entries()}) >= 4
        gate.release()
        load(server, contents, at_once)
        assert sorted(origin.journal.targets()) == sorted(contents)


def test_an_unknown_authority_is_refused(modelhost, h2_origin):
    h2_origin.add("/tfjs-models/x.bin", Seeded("x", 1000))
    server = modelhost.start(origin=h2_origin)
    server.allow_stderr("x.bin")
    reply = server.get("/tfjs-models/x.bin", headers={"User-Agent": "curl/8"})
    assert reply.status == 502 and "certificate" in reply.text.lower()
    assert h2_origin.journal.count() == 0 and server.cached_files() == []
