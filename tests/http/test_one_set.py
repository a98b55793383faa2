# SPDX-License-Identifier: Apache-2.0
"""A model is of one version of the upstream, though it may change while it is asked for.

All lengths stay as they are here: only the times that the upstream tells can show a mixture.
"""

import pytest
from changing import Stamped
from client import fetch
from content import Seeded, manifest_json
from origin import Act, Gate
from program import wait_until

FOLDER = "/tfjs-models/set/"
MANIFEST, OTHER = FOLDER + "model-stride16.json", FOLDER + "model-stride8.json"
SIZES = {"a.bin": 3000, "b.bin": 700}
SHARDS = [FOLDER + name for name in SIZES]
# It switches though these tests keep asking.
SETTINGS = {"cache.settle": "300ms", "cache.settle_max": "1s", "mirror tfjs-models.revalidate": "never"}
AGAIN = {**SETTINGS, "mirror tfjs-models.revalidate": "always"}


@pytest.fixture
def upload(origin):
    """upload(version): all files at once, of this moment. Returns their bytes by path."""

    def put(version):
        made = {FOLDER + name: Stamped(Seeded(f"{name} {version}", size).all()) for name, size in SIZES.items()}
        for path in (MANIFEST, OTHER):
            made[path] = Stamped(manifest_json(SIZES, userDefinedMetadata={"version": version}))
        origin.add_all(made)
        return {path: content.data for path, content in made.items()}

    return put


def load(server, manifest=MANIFEST):
    """Manifest and shards; None where one was refused."""
    got = {}
    for path in [manifest, *SHARDS]:
        reply = server.get(path)
        if reply.status != 200 or not reply.is_complete:
            return None
        got[path] = reply.body
    return got


def of(contents, manifest=MANIFEST):
    return {path: contents[path] for path in [manifest, *SHARDS]}


def start(modelhost, origin, settings):
    server = modelhost.start(origin=origin, settings=settings)
    server.allow_stderr("set/")
    return server


def wait_for_second(origin):
    """Until the upstream's clock, which tells seconds, shows another one: by asking it."""
    first = fetch(origin.port, MANIFEST).header("Date")
    wait_until(lambda: fetch(origin.port, MANIFEST).header("Date") != first, "another second")
    origin.journal.clear()


def test_a_first_pull_that_meets_a_change_starts_over_in_quiet(modelhost, origin, upload):
    """A client that has the old manifest gets no new shard with it, and soon the new set is there."""
    old = upload("old")
    wait_for_second(origin)
    gate = Gate()
    origin.script(SHARDS[1], Act(gates={"request": gate}), Act())
    server = start(modelhost, origin, {**SETTINGS, "cache.settle": "3s", "cache.settle_max": "5s"})
    server.expect_stderr("changed .*while .* being fetched")
    assert server.get(MANIFEST).status == 200
    assert server.get(SHARDS[0]).status == 200
    with server.ask(SHARDS[1]) as client:
        gate.wait_arrived()
        new = upload("new")
        gate.release()
        reply = client.read_reply()
    assert reply.status == 502 or not reply.is_complete
    for path in SHARDS:
        reply = server.get(path)
        assert reply.status == 502 or not reply.is_complete or reply.body == old[path]
    wait_until(lambda: load(server) == of(new), "the new version")


def test_a_refresh_that_meets_a_change_keeps_the_old_set(modelhost, origin, upload):
    """The manifest is asked before it, and the shards after it."""
    old = upload("old")
    wait_for_second(origin)
    server = start(modelhost, origin, SETTINGS)
    assert load(server) == of(old)
    server.wait_complete(MANIFEST)
    server.stop()
    gate = Gate()
    for path in SHARDS:
        origin.script(path, Act(gates={"request": gate}), Act())
    origin.journal.clear()
    server = start(modelhost, origin, AGAIN)
    server.wait_complete(MANIFEST)
    server.expect_stderr("the cached copy stays as it is.*changed it while it was asked")
    assert server.get(MANIFEST).body == old[MANIFEST]
    origin.journal.wait(MANIFEST, done=True)
    gate.wait_arrived(2)
    new = upload("new")
    gate.release()
    server.stderr.wait("changed it while it was asked", 20 * server.patience)
    assert load(server) == of(old)

    wait_until(lambda: load(server) == of(new), "the new version", 40 * server.patience)


@pytest.mark.parametrize("sizes", ["same", "other"])
def test_a_second_manifest_does_not_join_older_shards(modelhost, origin, upload, sizes, monkeypatch):
    """Stride 16 is cached; stride 8, asked for later, is of a newer version: both come together."""
    old = upload("old")
    wait_for_second(origin)
    server = start(modelhost, origin, SETTINGS)
    assert load(server) == of(old)
    server.wait_complete(MANIFEST)
    if sizes == "other":
        monkeypatch.setitem(SIZES, "a.bin", 3001)
    new = upload("new")
    wait_for_second(origin)
    reply = server.get(OTHER)
    assert reply.status == 502 and "cached in another version" in reply.text
    wait_until(lambda: load(server, OTHER) == of(new, OTHER), "both are switched", 40 * server.patience)
    assert load(server) == of(new)


def test_a_model_that_lacks_a_file_is_not_filled_with_a_newer_one(modelhost, origin, upload):
    """Killed in the middle of a pull, and the upstream changed: all of it is asked for again."""
    upload("old")
    wait_for_second(origin)
    gate = Gate()
    origin.script(SHARDS[1], Act(gates={"request": gate}), Act())
    server = start(modelhost, origin, SETTINGS)
    assert server.get(MANIFEST).status == 200
    wait_until(lambda: server.object_bytes(MANIFEST) and server.object_bytes(SHARDS[0]), "half of it is published")
    gate.wait_arrived()
    server.kill()
    gate.release()
    new = upload("new")
    server = start(modelhost, origin, SETTINGS)
    wait_until(lambda: server.model(MANIFEST), "it is known")
    assert load(server) in (None, of(new))
    wait_until(lambda: load(server) == of(new), "it is whole again", 40 * server.patience)


def test_an_upstream_whose_times_are_those_of_its_answers(modelhost, origin, upload):
    """Last-Modified is always now: the first pull is in doubt, the second is not given up."""

    class Now(Stamped):
        def hash_headers(self):
            return Stamped(self.data).hash_headers()

    contents = upload("only")
    origin.add_all({path: Now(data) for path, data in contents.items()})
    server = start(modelhost, origin, SETTINGS)
    wait_until(lambda: load(server) == of(contents), "loaded after all")
