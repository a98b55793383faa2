# SPDX-License-Identifier: Apache-2.0
"""A cache directory that cannot be written to serves what it holds, and says what it cannot do."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from content import Seeded
from disk import read_only

MODEL = "/tfjs-models/tiny/model.json"
OTHER = "/tfjs-models/other.bin"
TOLD = "is read-only for this process .* What it holds is served"
NOBODY = 65534


def mounted(modelhost):
    """A read-only file system, even for root."""
    return read_only(modelhost.cache)


def of_another(modelhost):
    """A directory of another owner, who lets everybody read."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
              "env", "HOME=/nonexistent", "XDG_CONFIG_HOME=/nonexistent"]
    found = subprocess.run([*prefix, str(modelhost.program), "--version"], capture_output=True, check=False)
    found_dir = subprocess.run([*prefix, "ls", str(modelhost.cache)], capture_output=True, check=False)
    if found.returncode or found_dir.returncode:
        pytest.skip("the program or the cache is not another user's to read here")
    return prefix


@pytest.fixture
def held(request, modelhost, origin, make_model):
    """A cache that holds a model and has been closed; anybody may read it (and pytest's own
    directories only their owner)."""
    folder = tempfile.TemporaryDirectory()
    request.addfinalizer(folder.cleanup)
    modelhost.cache = Path(folder.name) / "cache"
    model = make_model()
    origin.add(OTHER, Seeded("other", 1000))
    done = modelhost.run("pull", model.path, "--cache-dir", modelhost.cache, *modelhost.mirror(origin))
    assert done.returncode == 0, done.stderr
    subprocess.run(["chmod", "-R", "a+rX", folder.name], check=True)
    return model


@pytest.fixture(params=[mounted, of_another])
def prefix(request, modelhost, held):
    return request.param(modelhost)


def test_it_serves_what_it_holds(prefix, held, modelhost, origin):
    before = origin.journal.count()
    server = modelhost.start(origin=origin, prefix=prefix, settings={"mirror tfjs-models.revalidate": "always"})
    server.expect_stderr(TOLD)
    for path in held.paths:
        reply = server.get(path)
        assert (reply.status, reply.body) == (200, held.contents[path].all())
        assert reply.header("X-Cache") == "STALE"
    assert server.model(MODEL)["state"] == "complete"
    assert origin.journal.count() == before
    assert len([line for line in server.stderr.all() if "read-only" in line]) == 1


def test_a_miss_is_507_and_names_the_cure(prefix, modelhost, origin):
    server = modelhost.start(origin=origin, prefix=prefix)
    server.expect_stderr(TOLD)
    reply = server.get(OTHER, headers={"User-Agent": "curl/8"})
    assert reply.status == 507
    assert "nothing can be added" in reply.text and "--cache-dir" in reply.text
    assert origin.journal.count(OTHER) == 0


def test_what_changes_something_says_why_not(prefix, modelhost, origin):
    server = modelhost.start(origin=origin, prefix=prefix)
    server.expect_stderr(TOLD)
    for action in ("rm", "pin", "gc"):
        what = [] if action == "gc" else [MODEL]
        reply = server.fetch(f"/-/api/{action}", "POST", {"Content-Type": "application/json"},
                             body=json.dumps({"what": what}).encode())
        assert reply.status >= 400 and "read-only" in reply.text
    assert server.model(MODEL)["state"] == "complete"


@pytest.mark.parametrize("command, status", [("list", 0), ("verify", 0), ("inspect", 0), ("pull", 0), ("rm", 1),
                                             ("pin", 1), ("unpin", 1), ("gc", 1), ("pull-other", 1)])
def test_commands(prefix, modelhost, origin, command, status):
    what = {"list": [], "gc": [], "pull-other": [OTHER]}.get(command, [MODEL])
    arguments = [command.split("-")[0], *what, "--cache-dir", modelhost.cache, *modelhost.mirror(origin)]
    done = subprocess.run([*prefix, str(modelhost.program), *map(str, arguments)], capture_output=True, text=True,
                          cwd=modelhost.home, env={"HOME": str(modelhost.home), "PATH": os.environ["PATH"]},
                          timeout=30 * modelhost.patience, check=False)
    assert done.returncode == status, done.stderr
    if status:
        assert "read-only" in done.stderr and "--cache-dir" in done.stderr
    else:
        assert done.stderr == ""
    if command in ("list", "verify", "pull"):
        assert MODEL in done.stdout


def test_a_copy_is_verified_before_it_is_served(held, modelhost, origin):
    """Copied without its times, as by hand to a stick; one file is not what it was."""
    copy = modelhost.home / "copy"
    shutil.copytree(modelhost.cache, copy, copy_function=shutil.copy)
    shard = copy / "objects" / held.shards[0].lstrip("/")
    damaged = bytearray(shard.read_bytes())
    damaged[1000] ^= 1
    shard.write_bytes(damaged)
    server = modelhost.start(origin=origin, cache=copy, prefix=read_only(copy))
    server.expect_stderr(TOLD, "was changed from outside; it is not served")
    assert server.get(MODEL).body == held.contents[MODEL].all()
    assert server.get(held.shards[0]).status == 507


def test_half_a_publish_is_hidden(held, modelhost, origin):
    """What an entry lists may be old or new: it counts as absent until somebody finishes it."""
    shard = "objects" + held.shards[0]
    entry = {"changes": [{"to": shard, "remove": True}]}
    (modelhost.cache / "journal" / "000000000099.json").write_text(json.dumps(entry))
    server = modelhost.start(origin=origin, prefix=read_only(modelhost.cache))
    server.expect_stderr(TOLD)
    assert server.get(MODEL).status == 200
    assert server.get(held.shards[0]).status == 507
    server.stop()
    assert (modelhost.cache / shard).exists()
