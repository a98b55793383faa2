# SPDX-License-Identifier: Apache-2.0
"""What browsers may keep without asking: what can never change, and what the settings allow."""

import pytest
from content import Seeded
from origin import Act

MOVING = "/tfjs-models/a/thing.bin"
COMMIT = "/tfjs-models/org/model/resolve/" + "0123456789abcdef0123456789abcdef01234567" + "/model.bin"
VERSION = "/tfjs-models/@tensorflow/tfjs@4.22.0/dist/tf.min.js"
RANGE = "/tfjs-models/@tensorflow/tfjs@4/dist/tf.min.js"
FOREVER = "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path, wanted", [(MOVING, "no-cache"), (RANGE, "no-cache"), (COMMIT, FOREVER), (VERSION, FOREVER)]
)
def test_what_names_its_content_is_immutable(server, origin, path, wanted):
    origin.add(path, Seeded(path, 50_000))
    first = server.get(path)
    second = server.wait_idle().get(path)
    etag = {"If-None-Match": second.header("ETag")}
    replies = [first, second, server.get(path, headers=etag), server.fetch(path, "HEAD"),
               server.get(path, headers={"Range": "bytes=0-9"}), server.get(path, headers={"Range": "bytes=0-1,5-6"})]
    assert [reply.status for reply in replies] == [200, 200, 304, 200, 206, 206]
    assert [reply.header("Cache-Control") for reply in replies] == [wanted] * 6


def test_an_upstreams_immutable_counts(server, origin):
    origin.add(MOVING, Seeded("thing", 5000))
    origin.script(MOVING, Act(headers={"Cache-Control": "max-age=60, immutable"}))
    server.get(MOVING)
    assert server.wait_idle().get(MOVING).header("Cache-Control") == FOREVER


def test_errors_are_never_kept(server, origin):
    assert server.get(COMMIT).status == 404
    assert server.get(COMMIT).header("Cache-Control") == "no-store"


def test_the_settings_change_both(modelhost, origin):
    for path in (MOVING, COMMIT):
        origin.add(path, Seeded(path, 5000))
    server = modelhost.start(origin=origin, settings={"server.max_age": "5m", "server.immutable_max_age": "30d"})
    reply = server.get(MOVING)
    # Caches subtract the Age: what is left is what was set.
    assert reply.header("Cache-Control") == f"public, max-age={300 + int(reply.header('Age'))}"
    assert server.get(COMMIT).header("Cache-Control") == "public, max-age=2592000, immutable"


def test_immutability_can_be_switched_off(modelhost, origin):
    origin.add(COMMIT, Seeded("c", 5000))
    server = modelhost.start(origin=origin, settings={"server.immutable_max_age": "0s"})
    assert server.get(COMMIT).header("Cache-Control") == "no-cache"
