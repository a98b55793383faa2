# SPDX-License-Identifier: Apache-2.0
"""Refreshing: asked in the background, served meanwhile, switched together or not at all."""

import functools
import json

import pytest
from content import Seeded, manifest_json
from origin import Act, Gate
from program import wait_until

SETTINGS = {"mirror tfjs-models.revalidate": "always", "cache.settle": "50ms"}
FRESH = "tfjs-models.revalidate"


@pytest.fixture
def fill(modelhost, origin):
    """fill(model...): a cache that holds them whole; the server is stopped, the journal empty."""

    def run(*models):
        server = modelhost.start(origin=origin)
        for path in [path for model in models for path in model.paths]:
            assert server.get(path).status == 200
        server.wait_idle().stop()
        origin.journal.clear()

    return run


@pytest.fixture
def start(modelhost, origin):
    """start(key=value...): serve what is cached; everything is stale, settle is short.

    Nothing is refreshed before the index is whole, and a miss is not asked for before that either."""

    def run(**settings):
        server = modelhost.start(origin=origin, settings={**SETTINGS, **settings})
        if settings.get("cache.offline") != "on":
            origin.add("/tfjs-models/miss.txt", b"for the index to be whole")
            assert server.get(f"/tfjs-models/miss.txt?{server.pid}").status == 200
            server.wait_idle()
            origin.journal.clear()
        return server

    return run


def change(origin, model, sizes, seed):
    """Another version of the whole model at the origin; its contents by path."""
    new = {}
    for name, size in sizes.items():
        new[model.folder + name] = origin.add(model.folder + name, Seeded(seed + name, size))
    new[model.path] = origin.add(model.path, manifest_json(sizes))
    return {path: content.all() for path, content in new.items()}


def on_disk(server, paths):
    found = {path: server.object_bytes(path) for path in paths}
    return {path: body for path, body in found.items() if body is not None}


def old_of(model):
    return {path: content.all() for path, content in model.contents.items()}


def served(server, paths):
    return {path: server.get(path).body for path in paths}


def validated_at(server, path):
    return json.loads(server.meta_file(path).read_text())["validated_at"]


def make_old(modelhost, path):
    """The metadata says that it was asked about in 2001."""
    file = modelhost.cache / "meta" / (path.lstrip("/") + ".json")
    meta = json.loads(file.read_text())
    meta["validated_at"] = 10**9
    file.write_text(json.dumps(meta))


@pytest.mark.parametrize("revalidate, asks", [("always", True), ("never", False), ("1h", False)])
def test_revalidate_says_whether_to_ask(start, origin, make_model, fill, revalidate, asks):
    model = make_model()
    fill(model)
    server = start(**{"mirror " + FRESH: revalidate})
    reply = server.get(model.path)
    assert reply.header("X-Cache") == ("UPDATING" if asks else "HIT")
    if asks:
        origin.journal.wait(model.path, done=True)
    server.wait_idle().stop()
    assert origin.journal.count() == (2 if asks else 0)


def test_a_304_renews_the_metadata_of_what_is_too_old(modelhost, start, origin, make_model, fill):
    model = make_model()
    fill(model)
    for path in model.paths:
        make_old(modelhost, path)
    server = start(**{"mirror " + FRESH: "1h"})
    assert server.get(model.path).header("X-Cache") == "UPDATING"
    wait_until(lambda: all(validated_at(server, path) > 10**9 for path in model.paths), "renewed")
    wait_until(lambda: server.get(model.path).header("X-Cache") == "HIT", "a hit")
    server.wait_idle()
    assert [entry.status for entry in origin.journal.entries()] == [304, 304]
    assert on_disk(server, model.paths) == old_of(model)


def test_stale_is_served_while_the_answer_is_held(start, origin, make_model, fill):
    model = make_model()
    fill(model)
    gate = Gate()
    origin.script(model.path, Act(gates={"request": gate}))
    server = start()
    for _ in range(3):
        reply = server.get(model.path)
        assert (reply.body, reply.header("X-Cache")) == (old_of(model)[model.path], "UPDATING")
    gate.wait_arrived()
    assert origin.journal.count(model.path) == 1
    gate.release()


def test_stale_is_served_while_the_upstream_fails(start, origin, make_model, fill):
    model = make_model()
    fill(model)
    origin.script(model.path, *[Act(status=503)] * 50)
    server = start()
    server.allow_stderr("503")
    assert server.get(model.path).header("X-Cache") == "UPDATING"
    wait_until(lambda: server.get(model.path).header("X-Cache") == "STALE", "told as stale")
    assert served(server, model.paths) == old_of(model)


def test_a_new_set_is_switched_together_after_quiet(start, origin, make_model, fill):
    model = make_model({"a.bin": 3000, "b.bin": 70})
    fill(model)
    new = change(origin, model, {"a.bin": 2000, "b.bin": 90}, "new")
    gate = Gate()
    origin.script(model.folder + "b.bin", Act(gates={"request": gate}))
    server = start()
    assert server.get(model.path).body == old_of(model)[model.path]
    gate.wait_arrived()
    assert served(server, model.paths) == old_of(model) == on_disk(server, model.paths)
    gate.release()
    wait_until(lambda: on_disk(server, model.paths) == new, "switched")
    wait_until(lambda: server.get(model.path).body == new[model.path], "served")
    assert served(server, model.paths) == new


def test_a_long_settle_keeps_the_old_set_whole(start, origin, make_model, fill):
    model = make_model({"a.bin": 3000, "b.bin": 70})
    fill(model)
    change(origin, model, {"a.bin": 2000, "b.bin": 90}, "new")
    server = start(**{"cache.settle": "10m", "cache.settle_max": "1h"})
    server.get(model.path)
    for path in model.paths:
        origin.journal.wait(path, done=True)
    server.wait_idle()
    assert served(server, model.paths) == old_of(model) == on_disk(server, model.paths)


@pytest.mark.parametrize(
    "act",
    [Act(status=503), Act(status=404), Act(flip=10), Act(cut_at=100), Act(append=b"x", headers={
        "ETag": '"other"', "x-goog-hash": None})],
    ids=["503", "404", "flipped", "cut", "wrong sum"],
)
def test_a_bad_shard_keeps_the_whole_old_set(start, origin, make_model, fill, act):
    model = make_model({"a.bin": 3000, "b.bin": 700})
    fill(model)
    change(origin, model, {"a.bin": 2000, "b.bin": 900}, "new")
    origin.script(model.folder + "b.bin", *[act] * 50)
    server = start()
    server.expect_stderr("the cached copy stays as it is")
    server.get(model.path)
    wait_until(lambda: server.get(model.path).header("X-Cache") == "STALE", "failed")
    server.wait_idle()
    assert served(server, model.paths) == old_of(model) == on_disk(server, model.paths)


def test_strides_share_a_shard_and_switch_together(start, origin, make_model, fill):
    model = make_model({"shared.bin": 5000})
    other = model.folder + "model-stride8.json"
    origin.add(other, manifest_json({"shared.bin": 5000}))
    model.contents[other] = origin.content(other)
    fill(model)
    server = start(**{"mirror " + FRESH: "never"})
    server.get(other)
    server.wait_idle().stop()
    new = change(origin, model, {"shared.bin": 4000}, "new")
    new[other] = origin.add(other, manifest_json({"shared.bin": 4000})).all()
    server = start()
    paths = [*model.paths, other]
    assert server.get(other).status == 200
    wait_until(lambda: on_disk(server, paths) == new, "all three switched")


def test_a_manifest_that_is_gone_is_dropped_with_the_switch(start, origin, make_model, fill):
    model = make_model({"shared.bin": 5000})
    other = model.folder + "model-stride8.json"
    origin.add(other, manifest_json({"shared.bin": 5000}))
    model.contents[other] = origin.content(other)
    fill(model)
    server = start(**{"mirror " + FRESH: "never"})
    server.get(other)
    server.wait_idle().stop()
    origin.remove(other)
    server = start()
    server.allow_stderr("model-stride8.json")
    assert server.get(model.path).status == 200
    wait_until(lambda: not server.object_file(other).exists(), "dropped")
    assert on_disk(server, [*model.paths, other]) == {path: old_of(model)[path] for path in model.paths}
    assert server.get(other).status == 404


def test_a_kill_before_the_switch_leaves_the_old_set(start, origin, make_model, fill):
    model = make_model({"a.bin": 3000, "b.bin": 70})
    fill(model)
    new = change(origin, model, {"a.bin": 2000, "b.bin": 90}, "new")
    gate = Gate()
    origin.script(model.folder + "b.bin", Act(gates={"request": gate}))
    server = start()
    server.get(model.path)
    gate.wait_arrived()
    server.kill()
    gate.release()
    second = start()
    assert second.get(model.path).body == old_of(model)[model.path]
    wait_until(lambda: on_disk(second, model.paths) == new, "switched after the restart")


def test_a_manifest_pulled_meanwhile_is_not_left_with_other_shards(start, origin, make_model, fill):
    model = make_model({"shared.bin": 5000})
    other = model.folder + "model-stride8.json"
    fill(model)
    change(origin, model, {"shared.bin": 4000}, "new")
    model.contents[other] = origin.add(other, manifest_json({"shared.bin": 5000}))
    gate = Gate()
    origin.script(model.shards[0], Act(gates={"request": gate}))
    server = start()
    server.expect_stderr("shares its shards")
    server.allow_stderr("the cached copy stays as it is")
    server.get(model.path)
    gate.wait_arrived()
    assert server.get(other).status == 200
    wait_until(lambda: server.object_file(other).exists(), "the other is published")
    gate.release()
    server.stderr.wait("shares its shards", 20 * server.patience)
    paths = [*model.paths, other]
    assert on_disk(server, paths) == old_of(model)


@pytest.mark.parametrize("how", ["immutable", "addressed"])
def test_what_cannot_change_is_never_asked_for(modelhost, start, origin, how):
    folder = "/tfjs-models/org/resolve/" + "0123456789" * 4 + "/" if how == "addressed" else "/tfjs-models/"
    path = folder + "thing.bin"
    origin.add(path, Seeded("thing", 900))
    if how == "immutable":
        origin.script(path, Act(headers={"Cache-Control": "public, immutable"}))
    server = start()
    server.get(path)
    server.wait_idle()
    assert [server.get(path).header("X-Cache") for _ in range(3)] == ["HIT"] * 3
    server.wait_idle().stop()
    assert origin.journal.count() == 1


def test_offline_never_asks(start, origin, make_model, fill):
    model = make_model()
    fill(model)
    server = start(**{"cache.offline": "on"})
    assert {server.get(path).header("X-Cache") for path in model.paths} == {"OFFLINE"}
    server.stop()
    assert origin.journal.count() == 0


def test_many_clients_cost_one_question_per_file(start, origin, make_model, fill, at_once):
    model = make_model({"a.bin": 3000, "b.bin": 70})
    fill(model)
    gate = Gate()
    for path in model.paths:
        origin.script(path, Act(gates={"request": gate}))
    server = start()
    replies = at_once([functools.partial(server.get, path) for path in model.paths * 10])
    assert {reply.header("X-Cache") for reply in replies} == {"UPDATING"}
    gate.wait_arrived(3)
    assert sorted(origin.journal.targets()) == sorted(model.paths)
    gate.release()


def test_a_stop_in_a_refresh_ends_at_once(start, origin, make_model, fill):
    model = make_model()
    fill(model)
    gate = Gate()
    origin.script(model.path, Act(gates={"request": gate}))
    server = start()
    server.get(model.path)
    gate.wait_arrived()
    server.stop()
    gate.release()
