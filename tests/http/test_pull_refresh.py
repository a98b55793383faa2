# SPDX-License-Identifier: Apache-2.0
"""`pull --refresh`: the upstream is asked first, however young the copy is; the old set stays whole until
the new one is."""

import json

import pytest
from content import Seeded, manifest_json
from origin import Act

MODEL = "/tfjs-models/tiny/model.json"
SHARD = "/tfjs-models/tiny/w.bin"


@pytest.fixture(params=["alone", "by a server"])
def refresh(request, modelhost, origin, make_model):
    """refresh(): `pull --refresh` of a model that is cached and fresh, both ways."""
    make_model({"w.bin": 10_000})
    common = ["--cache-dir", modelhost.cache, "--set", "upstream.retries=0", "--set", "cache.settle=50ms",
              *modelhost.mirror(origin)]
    done = modelhost.run("pull", MODEL, *common)
    assert done.returncode == 0, done.stderr
    if request.param == "by a server":
        request.getfixturevalue("modelhost").start(origin=origin, settings={"cache.settle": "50ms"}).allow_stderr(
            "the cached copy stays as it is")
    origin.journal.clear()

    def run(*arguments):
        return modelhost.run("pull", "--refresh", *(arguments or [MODEL]), *common)

    run.cached = lambda path: (modelhost.cache / "objects" / path.lstrip("/")).read_bytes()
    return run


def test_what_is_current_costs_a_question_each(refresh, origin):
    done = refresh()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"pulled {MODEL} (2 files, ")
    entries = origin.journal.entries()
    assert sorted((entry.path, entry.status) for entry in entries) == [(MODEL, 304), (SHARD, 304)]


def test_what_changed_is_there_when_it_ends(refresh, origin):
    shard = origin.add(SHARD, Seeded("new", 12_000))
    manifest = origin.add(MODEL, manifest_json({"w.bin": 12_000}))
    done = refresh()
    assert (done.returncode, done.stderr) == (0, "")
    assert refresh.cached(SHARD) == shard.all()
    assert refresh.cached(MODEL) == manifest.all()


def test_a_failure_keeps_the_old_set_and_is_told(refresh, origin):
    old = refresh.cached(SHARD)
    origin.add(MODEL, manifest_json({"w.bin": 12_000}))
    origin.script(SHARD, Act(status=503), Act())
    done = refresh()
    assert done.returncode == 4
    assert "the cached copy stays as it is" in done.stderr and "503" in done.stderr
    assert refresh.cached(SHARD) == old
    told = json.loads(refresh("--json", MODEL).stdout)["models"][0]  # a broken set again: wrong sums
    assert told["state"] == "complete" and told["refresh_failure"]["code"] == "corrupt"


def test_what_is_gone_upstream_goes(refresh, origin):
    origin.remove(MODEL)
    origin.remove(SHARD)
    done = refresh()
    assert done.returncode == 3
    assert "the upstream has" in done.stderr


def test_what_is_not_cached_is_pulled(refresh, origin, make_model):
    other = make_model({"o.bin": 1000}, folder="/tfjs-models/other/")
    done = refresh(other.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert refresh.cached(other.shards[0]) == other.contents[other.shards[0]].all()


def test_offline_it_is_an_error(modelhost, origin, make_model):
    model = make_model()
    common = ["--cache-dir", modelhost.cache, *modelhost.mirror(origin)]
    assert modelhost.run("pull", model.path, *common).returncode == 0
    done = modelhost.run("pull", "--refresh", model.path, "--set", "cache.offline=on", *common)
    assert done.returncode == 4
    assert "offline" in done.stderr
