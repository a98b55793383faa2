# SPDX-License-Identifier: Apache-2.0
"""A full disk in the middle of something: evict and go on, else 507, and everything else goes on."""

import json
import subprocess

import pytest
from content import Seeded
from disk import fill, free_bytes, inside, small
from program import wait_until

MIB = 1 << 20
OLD = "/tfjs-models/old/model.json"
SETTINGS = {"cache.min_free": "0", "cache.max_size": "0", "cache.settle": "0s"}


@pytest.fixture
def disk(modelhost, origin, make_model):
    """disk(size): a server whose cache has so much room in all, and holds a model of 2 MiB."""

    def start(size, **settings):
        make_model({"w.bin": 2 * MIB}, folder="/tfjs-models/old/")
        prefix = small(modelhost.cache, size)
        server = inside(modelhost.start(origin=origin, prefix=prefix, settings={**SETTINGS, **settings}))
        assert server.get(OLD).status == 200
        server.wait_complete(OLD)
        return server.wait_idle()

    return start


def act(server, action, *what):
    body = json.dumps({"what": list(what)}).encode()
    return server.fetch(f"/-/api/{action}", "POST", {"Content-Type": "application/json"}, body=body)


def big_json(size):
    return json.dumps({"filler": "x" * (size - 14)}).encode()


def test_a_transfer_evicts_and_goes_on(disk, origin):
    server = disk("4m")
    new = origin.add("/tfjs-models/new.bin", Seeded("new", 2 * MIB + MIB // 2))
    reply = server.get("/tfjs-models/new.bin")
    assert (reply.status, reply.body) == (200, new.all())
    server.wait_complete("/tfjs-models/new.bin")
    assert server.model(OLD) is None
    assert server.cached_files() == ["/tfjs-models/new.bin"]
    asked = origin.journal.entries("/tfjs-models/new.bin")
    assert len(asked) == 2 and asked[1].header("Range")  # what had arrived was kept


def test_without_room_it_is_507(disk, origin):
    server = disk("4m")
    server.expect_stderr("big.json: the disk is full, and nothing unpinned and unused")
    assert act(server, "pin", OLD).status == 200
    origin.add("/tfjs-models/big.json", big_json(2 * MIB + MIB // 2))
    origin.add("/tfjs-models/small.bin", Seeded("small", 10_000))
    reply = server.get("/tfjs-models/big.json")
    assert reply.status == 507
    assert "'/tfjs-models/big.json'" in reply.text and "Free space" in reply.text
    server.wait_idle()
    assert server.get("/tfjs-models/small.bin").status == 200
    assert server.model(OLD)["state"] == "complete"
    assert free_bytes(server.cache) > MIB  # what had arrived was given back


def test_a_client_that_has_the_head_is_cut(disk, origin):
    server = disk("4m")
    server.expect_stderr("big.bin: the disk is full")
    assert act(server, "pin", OLD).status == 200
    origin.add("/tfjs-models/big.bin", Seeded("big", 2 * MIB + MIB // 2))
    reply = server.get("/tfjs-models/big.bin")
    assert reply.status == 507 or not reply.is_complete
    server.wait_idle()
    assert server.get("/tfjs-models/old/w.bin").header("X-Cache") == "HIT"


def test_a_refresh_without_room_keeps_the_old_set(disk, origin):
    server = disk("4m", **{"mirror tfjs-models.revalidate": "always"})
    server.expect_stderr("the cached copy stays as it is: the disk is full")
    old = server.object_bytes("/tfjs-models/old/w.bin")
    origin.add("/tfjs-models/old/w.bin", Seeded("next", 2 * MIB))
    assert server.get(OLD).header("X-Cache") == "UPDATING"
    server.stderr.wait("the cached copy stays as it is", 20 * server.patience)
    reply = server.get("/tfjs-models/old/w.bin")
    assert (reply.status, reply.body) == (200, old)
    wait_until(lambda: free_bytes(server.cache) > MIB, "what was staged is given back")


def test_one_that_fails_makes_room_for_the_next(disk, origin):
    """Two that do not fit together: what the first had got is given back when it fails."""
    server = disk("4m")
    server.expect_stderr("big.json: the disk is full")
    assert act(server, "pin", OLD).status == 200
    origin.add("/tfjs-models/big.json", big_json(2 * MIB))
    assert server.get("/tfjs-models/big.json").status == 507
    server.wait_idle()
    small = origin.add("/tfjs-models/small.bin", Seeded("small", MIB))
    assert server.get("/tfjs-models/small.bin").body == small.all()
    server.wait_complete("/tfjs-models/small.bin")


def test_nothing_is_evicted_in_vain(disk, origin):
    server = disk("4m")
    server.expect_stderr("huge.json: the disk is full")
    origin.add("/tfjs-models/huge.json", big_json(8 * MIB))
    assert server.get("/tfjs-models/huge.json").status == 507
    assert server.model(OLD)["state"] == "complete"


@pytest.mark.parametrize("leave", [0, 40960])
def test_not_a_byte_is_left(disk, origin, leave):
    """With 0 not even the removal's journal entry has room; with 40960 the bytes have, and their
    metadata has not."""
    server = disk("4m")
    new = origin.add("/tfjs-models/new.bin", Seeded("new", 40960))
    fill(server.cache, leave)
    assert free_bytes(server.cache) == leave
    reply = server.get("/tfjs-models/new.bin")
    assert (reply.status, reply.body) == (200, new.all())
    server.wait_complete("/tfjs-models/new.bin")
    assert server.model(OLD) is None


def test_a_full_disk_is_no_hindrance_to_removing(disk):
    server = disk("4m")
    fill(server.cache, 0)
    assert act(server, "rm", OLD).status == 200
    assert server.cached_files() == []
    assert free_bytes(server.cache) > MIB


def test_the_reserve_is_made_again(disk, origin):
    server = disk("4m")
    fill(server.cache, 0)
    assert act(server, "rm", OLD).status == 200
    origin.add("/tfjs-models/a.bin", Seeded("a", 10_000))
    assert server.get("/tfjs-models/a.bin").status == 200
    server.wait_complete("/tfjs-models/a.bin")
    wait_until((server.cache / "RESERVE").exists, "there is a reserve again")


def test_a_limit_of_the_process_is_named(modelhost, origin):
    origin.add("/tfjs-models/big.json", big_json(2 * MIB))
    try:
        subprocess.run(["prlimit", "--version"], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("there is no prlimit here")
    server = modelhost.start(origin=origin, prefix=["prlimit", "--fsize=1000000"])
    server.expect_stderr("big.json: .*File too large")
    reply = server.get("/tfjs-models/big.json")
    assert reply.status == 507
    assert "ulimit -f" in reply.text
