# SPDX-License-Identifier: Apache-2.0
"""The 24-file, 91 MB model through a cold server, by a client that asks for all shards at once."""

import functools
import hashlib

import pytest

MANIFEST = "/tfjs-models/savedmodel/bodypix/resnet50/float/model-stride16.json"


@pytest.fixture
def shards(models_origin):
    folder = MANIFEST.rsplit("/", 1)[0] + "/"
    return {f"{folder}group1-shard{n}of23.bin": None for n in range(1, 24)}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_cold_each_shard_is_asked_for_once(modelhost, models_origin, shards, at_once):
    server = modelhost.start(origin=models_origin)
    manifest = server.get(MANIFEST)
    assert digest(manifest.body) == models_origin.content(MANIFEST).sha256.hexdigest()
    replies = at_once([functools.partial(server.get, path) for path in shards])
    assert all(reply.status == 200 and reply.is_complete for reply in replies)
    assert sum(len(reply.body) for reply in replies) == 95_745_472
    for path, reply in zip(shards, replies):
        assert digest(reply.body) == models_origin.content(path).sha256.hexdigest(), path
    assert sorted(models_origin.journal.targets()) == sorted([MANIFEST, *shards])
    told = server.wait_complete(MANIFEST)
    assert (told["files"], told["files_present"]) == (24, 24)
    server.stop()

    models_origin.journal.clear()
    again = modelhost.start(origin=models_origin)
    replies = at_once([functools.partial(again.get, path) for path in shards])
    assert [digest(reply.body) for reply in replies] == [
        models_origin.content(path).sha256.hexdigest() for path in shards
    ]
    assert {reply.header("X-Cache") for reply in replies} == {"HIT"}
    assert models_origin.journal.count() == 0
