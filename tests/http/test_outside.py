# SPDX-License-Identifier: Apache-2.0
"""What others do to the cache directory of a running server is noticed within 2 s, with nobody asking."""

import os
import shutil

import pytest
from content import Seeded
from program import wait_until

MODEL = "/tfjs-models/tiny/model.json"
SHARD = "/tfjs-models/tiny/w.bin"
NOTICED = 2.0  # seconds that are promised
SLACK = 3.0  # a loaded machine's
SETTINGS = {"cache.min_free": "0"}


@pytest.fixture
def held(modelhost, origin, make_model):
    """A server that holds a model and knows it for whole; nobody asks for it any more."""
    model = make_model({"w.bin": 100_000})
    server = modelhost.start(origin=origin, settings=SETTINGS)
    assert server.get(MODEL).status == 200
    server.wait_complete(MODEL)
    server.wait_idle()
    origin.journal.clear()
    server.contents = model.contents
    return server


def wait_noticed(server, claim, what):
    wait_until(claim, what, (NOTICED + SLACK) * server.patience)


def lacks(server, files=1):
    def look():
        told = server.model(MODEL)
        return told is not None and told["state"] == "incomplete" and told["files"] - told["files_present"] == files

    return look


def check_fetched_anew(server, origin, path=SHARD):
    reply = server.get(path)
    assert (reply.status, reply.body) == (200, server.contents[path].all())
    assert reply.header("X-Cache") == "MISS"
    assert origin.journal.count(path) == 1


def test_a_removed_file(held, origin):
    held.object_file(SHARD).unlink()
    wait_noticed(held, lacks(held), "the removal")
    check_fetched_anew(held, origin)
    held.wait_complete(MODEL)


@pytest.mark.parametrize("how", ["replaced", "written in place", "cut"])
def test_other_bytes(held, origin, how):
    held.expect_stderr("was changed from outside; it is fetched again")
    file = held.object_file(SHARD)
    if how == "replaced":  # as a restored backup
        other = file.with_name("other")
        other.write_bytes(Seeded("backup", 100_000).all())
        os.replace(other, file)
    elif how == "cut":
        os.truncate(file, 50_000)
    else:
        file.write_bytes(Seeded("backup", 100_000).all())
    wait_noticed(held, lacks(held), "the other bytes")
    check_fetched_anew(held, origin)


def test_the_same_bytes_stay(held, origin):
    """A restored backup of what is there: looked at again by its hash, and kept."""
    file = held.object_file(SHARD)
    body = file.read_bytes()
    file.unlink()
    file.write_bytes(body)
    wait_noticed(held, lacks(held), "another file")
    reply = held.get(SHARD)
    assert (reply.status, reply.body, reply.header("X-Cache")) == (200, body, "HIT")
    assert origin.journal.count() == 0


@pytest.mark.parametrize("folder", ["objects/tfjs-models/tiny", "objects/tfjs-models", "objects"])
@pytest.mark.parametrize("how", ["removed", "moved away"])
def test_a_folder(held, origin, folder, how):
    if how == "removed":
        shutil.rmtree(held.cache / folder)
    else:
        os.rename(held.cache / folder, held.home / "elsewhere")
    wait_noticed(held, lambda: held.model(MODEL) is None, "that nothing is left")
    check_fetched_anew(held, origin, MODEL)
    held.wait_complete(MODEL)
    assert held.object_bytes(SHARD) == held.contents[SHARD].all()


def test_the_whole_cache(held, origin):
    """`rm -rf cache/*` is no 404: all of it is fetched anew, and kept."""
    for entry in held.cache.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
    wait_noticed(held, lambda: held.model(MODEL) is None, "that nothing is left")
    check_fetched_anew(held, origin, MODEL)
    held.wait_complete(MODEL)
    assert held.object_bytes(SHARD) == held.contents[SHARD].all()


@pytest.mark.parametrize("how", ["removed", "moved away"])
def test_what_comes_after_the_folder_is_watched_too(held, origin, how):
    """Also below it: of what was moved, only the folder itself hears of that."""
    held.object_file(SHARD).unlink()
    wait_noticed(held, lacks(held), "the removal, which shows that the folder is watched")
    if how == "removed":
        shutil.rmtree(held.cache / "objects" / "tfjs-models")
    else:
        os.rename(held.cache / "objects" / "tfjs-models", held.home / "elsewhere")
    wait_noticed(held, lambda: held.model(MODEL) is None, "that nothing is left")
    check_fetched_anew(held, origin, MODEL)
    held.wait_complete(MODEL)
    other = "/tfjs-models/other/one.bin"
    origin.add(other, Seeded("other", 1000))
    assert held.get(other).status == 200
    held.wait_complete(other)
    held.object_file(other).unlink()
    wait_noticed(held, lambda: held.model(other) is None, "another removal: what is new has been looked at")
    held.object_file(SHARD).unlink()
    wait_noticed(held, lacks(held), "the removal in the new folder")


def test_a_restored_object_is_as_old_as_it_was(modelhost, origin):
    """Files that come back are settled from disk, and are asked about where they are stale."""
    path = "/tfjs-models/one.bin"
    content = origin.add(path, Seeded("one", 1000))
    server = modelhost.start(origin=origin, settings={**SETTINGS, "mirror tfjs-models.revalidate": "always",
                                                      "cache.settle": "50ms"})
    assert server.get(path).status == 200
    server.wait_complete(path)
    server.wait_idle()
    stick = server.home / "stick"
    os.rename(server.object_file(path), stick)
    wait_noticed(server, lambda: server.model(path) is None, "the removal")
    os.rename(stick, server.object_file(path))
    origin.journal.clear()
    reply = server.get(path)
    assert (reply.status, reply.body, reply.header("X-Cache")) == (200, content.all(), "UPDATING")
    assert origin.journal.wait(path, 1, done=True)[0].header("If-None-Match") is not None
