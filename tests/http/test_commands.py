# SPDX-License-Identifier: Apache-2.0
"""`list`, `rm`, `pin`, `unpin`, `verify`: by themselves and through a running server."""

import json
import os

import pytest
from content import manifest_json
from origin import Act

A, B = "/tfjs-models/m/a/model.json", "/tfjs-models/m/b/model.json"


@pytest.fixture(params=["alone", "by a server"])
def cached(request, modelhost, origin, make_model):
    """A function that runs a command on a cache with two models, with or without a server on it."""
    models = [make_model({"w.bin": 1000}, folder=path[: -len("model.json")]) for path in (A, B)]
    done = modelhost.run("pull", A, B, "--cache-dir", modelhost.cache, *modelhost.mirror(origin))
    assert done.returncode == 0, done.stderr

    def run(*arguments):
        return modelhost.run(*arguments, "--cache-dir", modelhost.cache, *modelhost.mirror(origin))

    run.models = models
    run.cache = modelhost.cache
    run.server = modelhost.start(origin=origin) if request.param == "by a server" else None
    if run.server:
        run.server.wait_complete(B)
    run.object_file = lambda path: modelhost.cache / "objects" / path.lstrip("/")
    return run


def paths_of(done):
    assert (done.returncode, done.stderr) == (0, "")
    return [model["path"] for model in json.loads(done.stdout)["models"]]


def share_a_shard(modelhost, origin):
    """Two manifests in one folder that name the same shard."""
    folder = "/tfjs-models/shared/"
    origin.add(folder + "w.bin", b"\x01" * 1000)
    for name in ("model-stride8.json", "model-stride16.json"):
        origin.add(folder + name, manifest_json({"w.bin": 1000}))
    paths = [folder + "model-stride8.json", folder + "model-stride16.json"]
    done = modelhost.run("pull", *paths, "--cache-dir", modelhost.cache, *modelhost.mirror(origin))
    assert done.returncode == 0, done.stderr
    return paths, folder + "w.bin"


def test_list(cached):
    done = cached("list")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [(row[0], row[3], row[-1]) for row in rows] == [("complete", "2/2", A), ("complete", "2/2", B)]


def test_list_json(cached):
    models = json.loads(cached("list", "--json").stdout)["models"]
    assert [(model["path"], model["state"], model["pinned"]) for model in models] == [
        (A, "complete", False), (B, "complete", False)]
    assert all(model["last_used"].startswith("20") for model in models)


def test_list_of_nothing(modelhost):
    done = modelhost.run("list", "--cache-dir", modelhost.cache)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_rm(cached):
    done = cached("rm", A)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"removed {A} (2 files, ")
    assert paths_of(cached("list", "--json")) == [B]
    assert not cached.object_file(A).exists()
    assert not (cached.cache / "meta" / (A.lstrip("/") + ".json")).exists()
    if cached.server:
        assert cached.server.get(B).status == 200


def test_rm_is_fetched_again(cached, origin):
    before = origin.journal.count(A)
    assert cached("rm", A).returncode == 0
    assert cached("pull", A).returncode == 0
    assert origin.journal.count(A) == before + 1
    assert cached.object_file(A).read_bytes() == cached.models[0].contents[A].all()


def test_rm_of_what_is_not_there_removes_nothing(cached):
    done = cached("rm", A, "/tfjs-models/none.json")
    assert done.returncode == 3
    assert "'/tfjs-models/none.json' is not in the cache" in done.stderr
    assert paths_of(cached("list", "--json")) == [A, B]


def test_rm_of_a_shard_names_its_model(cached):
    done = cached("rm", cached.models[0].shards[0])
    assert done.returncode == 2
    assert f"is a file of the model '{A}'" in done.stderr


@pytest.mark.parametrize("is_served", [False, True])
def test_rm_keeps_shared_shards(modelhost, origin, is_served):
    (first, second), shard = share_a_shard(modelhost, origin)
    if is_served:
        modelhost.start(origin=origin).wait_complete(second)
    run = lambda *words: modelhost.run(*words, "--cache-dir", modelhost.cache)  # noqa: E731
    assert "(1 file, " in run("rm", first).stdout
    assert (modelhost.cache / "objects" / shard.lstrip("/")).exists()
    assert paths_of(run("list", "--json")) == [second]
    assert "(2 files, " in run("rm", second).stdout
    assert not (modelhost.cache / "objects" / shard.lstrip("/")).exists()
    assert paths_of(run("list", "--json")) == []


def test_pin_and_unpin(cached):
    def pinned():
        return [model["path"] for model in json.loads(cached("list", "--json").stdout)["models"] if model["pinned"]]

    assert cached("pin", A).stdout.startswith(f"pinned {A} (2 files, ")
    assert pinned() == [A]
    if cached.server:
        assert cached.server.get(A).header("X-Cache") == "HIT"
        cached.server.stop()
        cached.server = None
        assert pinned() == [A]  # it is on disk
    assert cached("unpin", A).returncode == 0
    assert pinned() == []


def test_pin_takes_the_group(modelhost, origin):
    paths, _ = share_a_shard(modelhost, origin)
    done = modelhost.run("pin", paths[0], "--json", "--cache-dir", modelhost.cache)
    assert sorted(paths_of(done)) == sorted(paths)
    models = json.loads(modelhost.run("list", "--json", "--cache-dir", modelhost.cache).stdout)["models"]
    assert [model["pinned"] for model in models] == [True, True]


def test_verify_what_is_good(cached):
    assert paths_of(cached("verify", "--json")) == [A, B]
    assert cached("verify", B).stdout.startswith(f"checked {B} (2 files, ")


def damage(file):
    """Flip a byte as a bad disk does: nobody sees it by length or time."""
    stat = file.stat()
    content = bytearray(file.read_bytes())
    content[17] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_verify_takes_out_what_is_bad(cached, origin):
    shard = cached.models[0].shards[0]
    damage(cached.object_file(shard))
    if cached.server:
        cached.server.allow_stderr(".")
    done = cached("verify", "--json")
    assert done.returncode == 5
    assert f"the cached file of '{shard}' is not what was published; expected sha256 " in done.stderr
    (failure,) = [item["failure"] for item in json.loads(done.stdout)["models"] if "failure" in item]
    assert failure["code"] == "corrupt"
    assert not cached.object_file(shard).exists()
    assert cached("pull", A).returncode == 0
    assert cached.object_file(shard).read_bytes() == cached.models[0].contents[shard].all()
    assert cached("verify").returncode == 0


@pytest.mark.parametrize("cached", ["alone"], indirect=True)  # a server notices when it is asked
def test_verify_tells_of_what_is_missing(cached):
    shard = cached.models[0].shards[0]
    cached.object_file(shard).unlink()
    done = cached("verify", A)
    assert done.returncode == 5
    assert f"the cached file of '{shard}' cannot be opened" in done.stderr
    done = cached("verify", A)
    assert done.returncode == 3 and f"'{shard}' is missing" in done.stderr


def test_repair(cached):
    shard = cached.models[1].shards[0]
    damage(cached.object_file(shard))
    if cached.server:
        cached.server.allow_stderr(".")
    done = cached("verify", "--repair")
    assert done.returncode == 0
    assert "is not what was published" in done.stderr
    assert f"pulled {shard} " in done.stdout
    assert cached.object_file(shard).read_bytes() == cached.models[1].contents[shard].all()
    done = cached("verify", "--repair", "--json")
    assert paths_of(done) == [A, B]


def test_repair_that_cannot_be(cached, origin):
    shard = cached.models[1].shards[0]
    origin.script(shard, Act(status=404))
    damage(cached.object_file(shard))
    if cached.server:
        cached.server.allow_stderr(".")
    assert cached("verify", "--repair").returncode == 3
    assert not cached.object_file(shard).exists()


def test_verify_names_the_cure(cached):
    damage(cached.object_file(cached.models[0].shards[0]))
    if cached.server:
        cached.server.allow_stderr(".")
    assert "`modelhost verify --repair` fetches" in cached("verify").stderr
    assert "--repair" not in cached("verify", "--repair").stderr


BODYPIX = "/tfjs-models/savedmodel/bodypix/mobilenet/float/050/model-stride16.json"


@pytest.fixture(params=["alone", "by a server"])
def bodypix(request, modelhost, origin):
    """A function that runs a command for `bodypix --multiplier 0.5`, which is in the cache."""
    origin.add(BODYPIX, manifest_json({"w.bin": 1000}))
    origin.add(BODYPIX.replace("model-stride16.json", "w.bin"), b"\x01" * 1000)

    def run(command, *more):
        return modelhost.run(command, "bodypix", "--multiplier", "0.5", *more, "--cache-dir", modelhost.cache,
                             *modelhost.mirror(origin))

    run.cache = modelhost.cache
    assert run("pull").returncode == 0
    run.server = modelhost.start(origin=origin) if request.param == "by a server" else None
    if run.server:
        run.server.wait_complete(BODYPIX)
    return run


@pytest.mark.parametrize(
    "command, did", [("verify", "checked"), ("pin", "pinned"), ("unpin", "unpinned"), ("rm", "removed")]
)
def test_names_of_the_catalog(bodypix, command, did):
    done = bodypix(command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{did} {BODYPIX} (2 files, ")


def test_repair_of_a_name(bodypix):
    damage(bodypix.cache / "objects" / BODYPIX.replace("model-stride16.json", "w.bin").lstrip("/"))
    if bodypix.server:
        bodypix.server.allow_stderr(".")
    done = bodypix("verify", "--repair")
    assert done.returncode == 0 and "is not what was published" in done.stderr
    assert bodypix("verify").returncode == 0


def test_a_name_that_the_catalog_lacks(modelhost):
    done = modelhost.run("rm", "bodypxi", "--cache-dir", modelhost.cache)
    assert done.returncode == 3 and "did you mean 'bodypix'?" in done.stderr


@pytest.mark.parametrize("action", ["rm", "pin", "unpin", "verify", "gc"])
@pytest.mark.parametrize("body", ['{"what": 1}', '{"what": [1]}', "{}", "no"])
def test_bodies_that_make_no_sense(server, action, body):
    reply = server.fetch(f"/-/api/{action}", "POST", {"Content-Type": "application/json"}, body=body.encode())
    assert reply.status == 400
    assert "the body" in reply.text


def test_a_page_of_elsewhere_may_not(server):
    reply = server.fetch("/-/api/rm", "POST", {"Origin": "https://evil.example"}, body=b'{"what": ["/tfjs-models/x"]}')
    assert reply.status == 403


@pytest.mark.parametrize("command", ["list", "verify", "rm", "gc", "pin", "unpin"])
def test_help_has_examples(modelhost, command):
    done = modelhost.run(command, "--help")
    assert done.returncode == 0 and f"  modelhost {command}" in done.stdout.split("Examples:")[1]
