# SPDX-License-Identifier: Apache-2.0
"""Room: eviction down to max_size, by `gc` and by itself."""

import json

import pytest
from program import wait_until

NAMES = ["a", "b", "c"]


def gc(server, body):
    return server.fetch("/-/api/gc", "POST", {"Content-Type": "application/json"}, body=json.dumps(body).encode())


def path_of(name):
    return f"/tfjs-models/{name}/model.json"


@pytest.fixture
def room(modelhost, origin, make_model):
    """Three models of some 100 kB, and commands on them."""
    for name in NAMES:
        make_model({"w.bin": 100_000}, folder=f"/tfjs-models/{name}/")

    def run(*arguments):
        return modelhost.run(*arguments, "--cache-dir", modelhost.cache, *modelhost.mirror(origin))

    assert run("pull", *map(path_of, NAMES)).returncode == 0
    for age, name in enumerate(reversed(NAMES)):  # a was used longest ago
        for file in (modelhost.cache / "meta" / "tfjs-models" / name).iterdir():
            meta = json.loads(file.read_text())
            meta["used_at"] = 1_700_000_000 - 1000 * age
            file.write_text(json.dumps(meta))
    run.models = lambda: [m["path"] for m in json.loads(run("list", "--json").stdout)["models"]]
    return run


def test_nothing_goes_while_there_is_room(room):
    done = room("gc")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert room.models() == [path_of(name) for name in NAMES]


def test_the_least_recently_used_goes_first(room):
    done = room("gc", "--set", "cache.max_size=250KB")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"evicted {path_of('a')} (2 files, ")
    assert room.models() == [path_of("b"), path_of("c")]


def test_min_free_that_cannot_be_had_keeps_the_pinned(room):
    assert room("pin", path_of("b")).returncode == 0
    done = room("gc", "--set", "cache.min_free=1000000GiB")
    assert done.returncode == 0
    assert room.models() == [path_of("b")]


def test_pinned_ones_stay(room):
    assert room("pin", path_of("a")).returncode == 0
    assert room("gc", "--set", "cache.max_size=150KB").returncode == 0
    assert room.models() == [path_of("a")]


def test_a_publish_evicts(room, modelhost, origin, make_model):
    new = make_model({"w.bin": 100_000}, folder="/tfjs-models/new/")
    server = modelhost.start(origin=origin, settings={"cache.max_size": "350KB", "cache.min_free": "0"})
    server.wait_complete(path_of("c"))
    assert server.get(new.path).status == 200
    server.wait_complete(new.path)
    wait_until(lambda: server.model(path_of("a")) is None, "a is evicted")
    assert server.model(path_of("b"))["state"] == "complete"


def test_what_is_in_use_stays(room, modelhost, origin):
    server = modelhost.start(origin=origin, settings={"cache.max_size": "1KB", "cache.min_free": "0"})
    assert server.get(path_of("a")).status == 200  # its client has yet to ask for the shard
    reply = server.fetch("/-/api/gc", "POST", {"Content-Type": "application/json"}, body=b'{"what": []}')
    assert reply.status == 200
    assert server.model(path_of("a"))["state"] == "complete"
    assert server.model(path_of("b")) is None and server.model(path_of("c")) is None


def test_uses_outlive_a_restart(room, modelhost, origin):
    server = modelhost.start(origin=origin, settings={"cache.min_free": "0"})
    assert server.get("/tfjs-models/a/w.bin").status == 200  # a shard alone makes its model used
    server.stop()
    assert room("gc", "--set", "cache.max_size=150KB").returncode == 0
    assert room.models() == [path_of("a")]


@pytest.mark.parametrize("how", ["flag", "environment", "request"])
def test_limits_of_one_gc_beside_a_server(room, modelhost, origin, how):
    server = modelhost.start(origin=origin, settings={"cache.min_free": "0"})
    if how == "flag":
        done = room("gc", "--set", "cache.max_size=250KB")
    elif how == "environment":
        done = modelhost.run("gc", "--cache-dir", modelhost.cache, env={"MODELHOST_CACHE_MAX_SIZE": "250KB"})
    if how == "request":
        reply = gc(server, {"what": [], "max_size": "250KB"})
        assert [model["path"] for model in reply.json()["models"]] == [path_of("a")]
    else:
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"evicted {path_of('a')} (2 files, ")
    assert room.models() == [path_of("b"), path_of("c")]
    assert gc(server, {"what": []}).json()["models"] == []  # the server's own limits are what they were


def test_a_limit_that_is_none(server):
    for body in ({"what": [], "max_size": "much"}, {"what": [], "min_free": -1}, {"what": [], "max_size": []}):
        reply = gc(server, body)
        assert reply.status == 400
        assert "must be a number of bytes" in reply.text


def test_uses_outlive_a_kill(room, modelhost, origin):
    server = modelhost.start(origin=origin, settings={"cache.min_free": "0"})
    assert server.get("/tfjs-models/a/w.bin").status == 200
    uses = server.cache / "USES"
    wait_until(lambda: uses.exists() and "tfjs-models/a/model.json" in uses.read_text(), "the use is written down")
    server.kill()
    assert room("gc", "--set", "cache.max_size=150KB").returncode == 0
    assert room.models() == [path_of("a")]


def test_a_broken_note_of_uses_is_no_obstacle(room, modelhost):
    (modelhost.cache / "USES").write_bytes(b"\0\n17 \nx y\n99999999999999999999 tfjs-models/a/model.json\n1700000001")
    assert room("gc", "--set", "cache.max_size=250KB").returncode == 0
    assert room.models() == [path_of("b"), path_of("c")]


def test_what_was_removed_by_hand_stays_removed(room, modelhost, origin):
    server = modelhost.start(origin=origin, settings={"cache.min_free": "0"})
    assert server.get(path_of("a")).status == 200
    server.object_file(path_of("a")).unlink()
    server.meta_file(path_of("a")).unlink()
    server.stop()
    assert not server.meta_file(path_of("a")).exists()
