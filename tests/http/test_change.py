# SPDX-License-Identifier: Apache-2.0
"""A first pull that meets a change: a shard that is newer than the manifest that named it.

The upstream replaces a set file by file. What no test here may see is a manifest of one set and
shards of another, all of them whole."""

import time
from email.utils import formatdate

import pytest
from content import Seeded, manifest_json
from origin import Act, Gate
from program import wait_until

SIZES = {"a.bin": 60_000, "b.bin": 40_000}
SCRIPT = {"Accept": "*/*", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}


def newer(seconds=5):
    return {"Last-Modified": formatdate(time.time() + seconds, usegmt=True)}


@pytest.fixture
def server(modelhost, origin):
    """A set that starts over waits until nobody asks for the old one."""
    return modelhost.start(origin=origin, settings={"cache.settle": "1s"})


@pytest.fixture
def talkative(server):
    server.allow_stderr("/tfjs-models/tiny/")
    return server


@pytest.fixture
def held(origin, make_model):
    """A model whose second shard is not answered before the test lets it."""
    model = make_model(SIZES)
    model.a, model.b = model.shards
    model.gate = Gate()
    origin.script(model.b, Act(gates={"request": model.gate}, headers=newer()))
    return model


def replace(origin, model, sizes=None):
    """Another set of the same lengths at the origin; the manifest differs by a member."""
    sizes = sizes or SIZES
    new = {model.folder + name: origin.add(model.folder + name, Seeded("new" + name, n)) for name, n in sizes.items()}
    new[model.path] = origin.add(model.path, manifest_json(sizes, generatedBy="another"))
    return {path: content.all() for path, content in new.items()}


def test_what_is_older_than_its_manifest_is_not_asked_about(server, origin, make_model):
    model = make_model(SIZES)
    assert server.get(model.path).status == 200
    server.wait_complete(model.path)
    assert origin.journal.count(model.path) == 1


@pytest.mark.parametrize("header", ["Last-Modified", "x-goog-generation"])
def test_a_newer_shard_waits_for_its_manifest(server, origin, held, header):
    value = newer()["Last-Modified"] if header == "Last-Modified" else str(int((time.time() + 5) * 1e6))
    origin.script(held.b, Act(headers={header: value}, gates={"request": held.gate}))
    assert server.get(held.path).body == held.contents[held.path].all()
    wait_until(lambda: held.path not in server.flights(), "the manifest is cached: it can be asked for conditionally")
    asked = Gate()
    origin.script(held.path, Act(gates={"request": asked}))
    with server.ask(held.b) as client:
        held.gate.release()
        asked.wait_arrived()
        origin.journal.wait(held.b, done=True)
        head = client.read_head()
        assert head.status == 200
        client.wait_for(b"", 39_999)
        assert client.is_silent_for(0.3)
        asked.release()
        assert client.read_body(head).body == held.contents[held.b].all()
    server.wait_complete(held.path)
    assert origin.journal.count(held.path) == 2
    assert origin.journal.entries(held.path)[1].header("If-None-Match")


def test_many_newer_shards_cost_one_question(server, origin, make_model):
    sizes = {f"{n}.bin": 1000 + n for n in range(12)}
    model = make_model(sizes)
    when = newer()
    for path in model.shards:
        origin.script(path, Act(headers=when))
    for path in model.paths:
        assert server.get(path).body == model.contents[path].all()
    server.wait_complete(model.path)
    assert origin.journal.count(model.path) == 2


def test_a_set_that_changed_starts_over(talkative, origin, held):
    """The client has the old manifest and an old shard: it never gets a whole new one."""
    assert talkative.get(held.path).body == held.contents[held.path].all()
    assert talkative.get(held.a).body == held.contents[held.a].all()
    with talkative.ask(held.b, headers=SCRIPT) as client:
        held.gate.wait_arrived()
        new = replace(origin, held)
        held.gate.release()
        reply = client.read_reply()
    assert reply.status == 502 or not reply.is_complete, reply.status
    talkative.wait_complete(held.path)
    assert {path: talkative.get(path).body for path in held.paths} == new
    assert {path: talkative.object_bytes(path) for path in held.paths} == new


def test_a_client_in_the_middle_of_a_new_shard_is_cut(talkative, origin, held):
    middle = Gate()
    origin.script(held.b, Act(headers=newer(), gates={"request": held.gate, 20_000: middle}))
    assert talkative.get(held.path).status == 200
    with talkative.ask(held.b) as client:
        held.gate.wait_arrived()
        new = replace(origin, held)
        asked = Gate()
        origin.script(held.path, Act(gates={"request": asked}), Act())
        held.gate.release()
        head = client.read_head()
        assert head.status == 200
        asked.wait_arrived()
        asked.release()
        assert not client.read_body(head).is_complete
    middle.release()
    origin.script(held.b, Act(headers=newer()))
    talkative.wait_complete(held.path)
    assert {path: talkative.get(path).body for path in held.paths} == new


def test_a_manifest_that_is_gone_meanwhile(talkative, origin, held):
    assert talkative.get(held.path).status == 200
    assert talkative.get(held.a).status == 200
    held.gate.wait_arrived()
    origin.remove(held.path)
    with talkative.ask(held.b, headers=SCRIPT) as client:
        held.gate.release()
        reply = client.read_reply()
    assert reply.status == 502 or not reply.is_complete
    wait_until(lambda: talkative.cached_files() == [], "what the pull published is taken back")
    talkative.wait_idle()
    assert talkative.get(held.path).status == 404


def test_an_upstream_that_cannot_say_is_not_believed(talkative, origin, held):
    assert talkative.get(held.path).status == 200
    assert talkative.get(held.a).status == 200
    held.gate.wait_arrived()
    origin.script(held.path, Act(status=503))
    with talkative.ask(held.b, headers=SCRIPT) as client:
        held.gate.release()
        reply = client.read_reply()
    assert reply.status == 502 or not reply.is_complete
    wait_until(lambda: talkative.cached_files() == [], "what the pull published is taken back")
    talkative.wait_idle()
    origin.script(held.path)
    origin.script(held.b)
    for path in held.paths:
        assert talkative.get(path).body == held.contents[path].all()


def test_a_model_that_lost_a_shard_is_not_mended_from_another_set(modelhost, origin, make_model):
    """Years later: the manifest and one shard are cached, the other was removed by hand."""
    model = make_model(SIZES)
    server = modelhost.start(origin=origin)
    server.allow_stderr("/tfjs-models/tiny/")
    for path in model.paths:
        assert server.get(path).status == 200
    server.wait_complete(model.path)
    server.wait_idle().stop()
    server.object_file(model.shards[1]).unlink()
    new = replace(origin, model)
    origin.script(model.shards[1], Act(headers=newer()))
    again = modelhost.start(origin=origin)
    again.allow_stderr("/tfjs-models/tiny/")
    reply = again.get(model.shards[1], headers=SCRIPT)
    assert reply.status == 502 or not reply.is_complete
    again.wait_complete(model.path)
    assert {path: again.get(path).body for path in model.paths} == new


def test_a_stop_while_a_manifest_is_asked_for_again(server, origin, held):
    asked = Gate()
    assert server.get(held.path).status == 200
    held.gate.wait_arrived()
    origin.script(held.path, Act(gates={"request": asked}))
    held.gate.release()
    asked.wait_arrived()
    server.stop()
    asked.release()
