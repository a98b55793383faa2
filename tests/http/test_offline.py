# SPDX-License-Identifier: Apache-2.0
"""Offline means offline: what is cached needs no upstream, what is not is told at once."""

import pytest
from client import fetch


@pytest.fixture
def filled(modelhost, origin, make_model):
    """A cache that holds a model; its server is stopped."""
    model = make_model({"a.bin": 50_000, "b.bin": 7})
    server = modelhost.start(origin=origin)
    server.get(model.path)
    server.wait_complete(model.path)
    server.stop()
    origin.journal.clear()
    return model


@pytest.mark.parametrize("how", ["flag", "setting"])
def test_what_is_cached_is_served_without_contact(modelhost, origin, filled, how):
    arguments, settings = (["--offline"], {}) if how == "flag" else ([], {"cache.offline": "on"})
    server = modelhost.start(*arguments, origin=origin, settings=settings)
    for path in filled.paths:
        reply = server.get(path)
        assert (reply.status, reply.body) == (200, filled.contents[path].all())
        assert reply.header("X-Cache") in ("HIT", "OFFLINE")
    assert origin.journal.count() == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_not_cached_is_told_at_once(modelhost, origin, filled, method):
    server = modelhost.start("--offline", origin=origin)
    server.allow_stderr("other.bin")
    reply = server.fetch("/tfjs-models/other.bin", method, headers={"User-Agent": "curl/8"}, timeout=5)
    assert reply.status == 504 and reply.header("Cache-Control") == "no-store"
    if method == "GET":
        assert "/tfjs-models/other.bin" in reply.text and "offline" in reply.text
    assert origin.journal.count() == 0


def test_a_manifest_is_served_though_a_shard_is_missing(modelhost, origin, filled):
    """The shard is named in its own error; nothing is asked upstream for it."""
    shard = filled.shards[1]
    for file in ("objects" + shard, "meta" + shard + ".json"):
        (modelhost.cache / file).unlink()
    server = modelhost.start("--offline", origin=origin)
    server.allow_stderr("b.bin")
    assert server.get(filled.path).status == 200
    reply = server.get(shard)
    assert (reply.status, reply.body) == (504, b"") and shard in reply.header("Modelhost-Error")
    assert origin.journal.count() == 0


def test_all_built_in_mirrors_are_offline_too(modelhost):
    server = modelhost.start("--offline")
    server.allow_stderr("/m/x.bin")
    for name in ("tfjs-models", "tfhub", "mediapipe-models", "huggingface", "npm"):
        assert fetch(server.port, f"/{name}/m/x.bin").status == 504


def test_a_pull_offline_says_so(modelhost, origin, filled):
    done = modelhost.run("pull", "/tfjs-models/other.bin", "--cache-dir", modelhost.cache,
                         "--set", "cache.offline=on", *modelhost.mirror(origin))
    assert done.returncode == 4 and "other.bin" in done.stderr
    assert origin.journal.count() == 0
