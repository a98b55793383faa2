# SPDX-License-Identifier: Apache-2.0
"""Cache-Control: no-store from the upstream: served while it arrives, to all who wait, and not kept."""

import functools

import pytest
from content import Seeded
from origin import Act, Gate
from program import wait_until

PLAIN = "/tfjs-models/plain.bin"
NO_STORE = {"Cache-Control": "private, No-Store"}
SIZES = {"a.bin": 60_000, "b.bin": 40_000}


@pytest.fixture
def telling(server):
    """A server that says why something is not kept."""
    server.expect_stderr("no-store")
    return server


@pytest.fixture
def plain(origin):
    content = origin.add(PLAIN, Seeded("plain", 100_000))
    origin.script(PLAIN, Act(headers=NO_STORE))
    return content


def assert_nothing_kept(server):
    server.wait_idle()
    wait_until(lambda: server.cached_files() == [], f"nothing is kept: {server.cached_files()}")
    assert list((server.cache / "partial").iterdir()) == []


def load(server, model):
    """As TF.js would: the manifest, then all shards."""
    for path in model.paths:
        reply = server.get(path)
        assert reply.is_complete and reply.body == model.contents[path].all()


def told(server):
    return [line for line in server.stderr.all() if "no-store" in line]


def test_it_is_served_and_not_kept(telling, origin, plain):
    for _ in range(3):
        reply = telling.get(PLAIN)
        assert (reply.body, reply.header("X-Cache")) == (plain.all(), "MISS")
        assert reply.header("Cache-Control") == "no-store"
        assert_nothing_kept(telling)
    assert origin.journal.count(PLAIN) == 3
    assert len(told(telling)) == 1 and PLAIN in told(telling)[0]


def test_all_who_wait_share_one_download(telling, origin, plain, at_once):
    gate = Gate()
    origin.script(PLAIN, Act(headers=NO_STORE, gates={50_000: gate}))
    clients = [telling.ask(PLAIN) for _ in range(8)]
    telling.wait_clients(PLAIN, 8)
    gate.release()
    for reply in at_once([functools.partial(client.read_reply) for client in clients]):
        assert reply.is_complete and reply.body == plain.all()
    assert origin.journal.count(PLAIN) == 1
    assert_nothing_kept(telling)


def test_a_model_whose_manifest_must_not_be_kept(telling, origin, make_model):
    """Its shards might be kept, and would be mixed with the next manifest: they are not."""
    model = make_model(SIZES)
    origin.script(model.path, Act(headers=NO_STORE))
    assert telling.get(model.path).status == 200
    telling.wait_idle()
    assert origin.journal.count(model.shards[0]) == 0  # nobody has asked for it
    for _ in range(2):
        load(telling, model)
        assert_nothing_kept(telling)
    assert len(told(telling)) == 1


def test_a_model_with_a_shard_that_must_not_be_kept(telling, origin, make_model):
    model = make_model(SIZES)
    origin.script(model.shards[1], Act(headers=NO_STORE))
    for _ in range(3):
        load(telling, model)
        assert_nothing_kept(telling)
    assert len(told(telling)) == 1 and model.shards[1] in told(telling)[0]


def test_a_model_that_came_back_to_be_kept(telling, origin, make_model):
    model = make_model(SIZES)
    origin.script(model.path, Act(headers=NO_STORE))
    load(telling, model)
    assert_nothing_kept(telling)
    origin.script(model.path)
    load(telling, model)
    telling.wait_complete(model.path)
    assert telling.wait_idle().cached_files() == sorted(model.paths)


def test_a_shard_that_a_kept_model_names_too_is_kept(telling, origin, make_model):
    one = make_model(SIZES)
    other = "/tfjs-models/tiny/model-stride8.json"
    origin.add(other, one.contents[one.path])
    load(telling, one)
    telling.wait_complete(one.path)
    telling.wait_idle()
    origin.script(other, Act(headers=NO_STORE))
    assert telling.get(other).status == 200
    telling.wait_idle()
    assert telling.cached_files() == sorted(one.paths)


def test_wrong_bytes_are_refused_as_ever(telling, origin, plain):
    telling.allow_stderr("plain.bin")
    origin.script(PLAIN, Act(headers=NO_STORE, flip=50_000))
    reply = telling.get(PLAIN)
    assert reply.status == 502 or not reply.is_complete
    assert_nothing_kept(telling)


@pytest.mark.parametrize("how", ["term", "kill"])
def test_a_stop_in_the_middle_leaves_nothing(modelhost, origin, how):
    content = origin.add(PLAIN, Seeded("big", 3_000_000))
    gate = Gate()
    origin.script(PLAIN, Act(headers=NO_STORE, gates={2_000_000: gate}))
    server = modelhost.start(origin=origin)
    server.expect_stderr("no-store")
    with server.ask(PLAIN):
        gate.wait_arrived()
        server.stop() if how == "term" else server.kill()
    gate.release()
    origin.script(PLAIN)
    again = modelhost.start(origin=origin)
    assert list((again.cache / "partial").iterdir()) == []
    assert again.get(PLAIN).body == content.all()
    assert origin.journal.entries(PLAIN)[-1].header("Range") is None


def test_a_cached_model_stays_when_its_new_files_must_not_be_kept(modelhost, origin, make_model):
    model = make_model(SIZES)
    settings = {"mirror tfjs-models.revalidate": "always", "cache.settle": "50ms"}
    server = modelhost.start(origin=origin, settings=settings)
    server.expect_stderr("no-store")
    load(server, model)
    server.wait_complete(model.path)
    server.wait_idle()
    origin.add(model.shards[0], Seeded("new", 60_000))
    origin.script(model.shards[0], Act(headers=NO_STORE))
    assert server.get(model.path).status == 200
    server.stderr.wait("no-store", 20)
    server.wait_idle()
    assert server.object_bytes(model.shards[0]) == model.contents[model.shards[0]].all()
    assert server.cached_files() == sorted(model.paths)


def test_a_pull_says_why_nothing_is_kept(modelhost, origin, make_model):
    model = make_model(SIZES)
    origin.script(None, Act(headers=NO_STORE))
    result = modelhost.run("pull", *modelhost.mirror(origin), "--cache-dir", modelhost.cache, model.path)
    assert result.returncode != 0
    assert "no-store" in result.stderr
