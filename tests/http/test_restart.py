# SPDX-License-Identifier: Apache-2.0
"""Ends in the middle: TERM, kill -9, half-written files. What is served afterwards is right or refused."""

import time

import pytest
from content import Seeded
from origin import Act, Gate

PATH = "/tfjs-models/broken-off.bin"
SIZE = 2_000_000
HALF = 1_000_000


@pytest.fixture
def content(origin):
    return origin.add(PATH, Seeded("broken off", SIZE))


@pytest.fixture
def halfway(modelhost, origin, content):
    """A server with one client in the middle of a transfer, both held by the origin."""
    gate = Gate()
    origin.script(PATH, Act(gates={HALF: gate}), Act())
    server = modelhost.start(origin=origin)
    server.allow_stderr("broken-off")
    client = server.ask(PATH)
    head = client.read_head()
    assert client.read_exactly(HALF) == content.read(0, HALF)
    gate.wait_arrived()
    yield server, client, head
    client.close()


def test_term_in_mid_transfer(halfway):
    """Exit 0, soon, and the client can see that it has not got all."""
    server, client, head = halfway
    began = time.monotonic()
    server.terminate()
    assert server.wait(5) == 0
    assert time.monotonic() - began < 3 * server.patience
    server.check_output()
    assert not client.read_body(head).is_complete
    assert server.cached_files() == []


def test_term_before_any_head(modelhost, origin, content):
    gate = Gate()
    origin.script(PATH, Act(gates={"request": gate}))
    server = modelhost.start(origin=origin)
    server.allow_stderr("broken-off")
    with server.ask(PATH) as client:
        gate.wait_arrived()
        server.terminate()
        assert server.wait(5) == 0
        assert client.reads_end() or client.buffer


def test_a_second_signal_ends_it_at_once(halfway):
    server, _, _ = halfway
    server.terminate()
    server.terminate()
    server.wait(5)


@pytest.mark.parametrize("how", ["term", "kill"])
def test_the_transfer_goes_on_after_a_restart(modelhost, origin, content, halfway, how):
    server, client, _ = halfway
    if how == "term":
        server.stop()
    else:
        server.kill()
    again = modelhost.start(origin=origin)
    assert again.get(PATH).body == content.all()
    first, second = origin.journal.entries(PATH)
    if second.header("Range"):  # resumed: under the validator that the first half had
        assert second.header("If-Range") == f'"{content.md5.hexdigest()}"'
    assert again.wait_idle().get(PATH).header("X-Cache") == "HIT"


def test_term_leaves_what_can_be_resumed(modelhost, origin, content, halfway):
    server, _, _ = halfway
    server.stop()
    again = modelhost.start(origin=origin)
    assert again.get(PATH).body == content.all()
    assert origin.journal.entries(PATH)[1].header("Range") == f"bytes={HALF}-"


def test_an_object_that_changed_meanwhile_starts_over(modelhost, origin, halfway):
    server, _, _ = halfway
    server.stop()
    new = origin.add(PATH, Seeded("changed", SIZE))
    again = modelhost.start(origin=origin)
    assert again.get(PATH).body == new.all()


def test_an_upstream_without_validators_starts_over(modelhost, origin, content):
    none = {"ETag": None, "Last-Modified": None, "x-goog-generation": None, "x-goog-hash": None}
    gate = Gate()
    origin.script(PATH, Act(gates={HALF: gate}, headers=none), Act(headers=none))
    server = modelhost.start(origin=origin)
    server.allow_stderr("broken-off")
    with server.ask(PATH) as client:
        client.read_head()
        client.read_exactly(HALF)
        server.stop()
    new = origin.add(PATH, Seeded("changed", SIZE))
    again = modelhost.start(origin=origin)
    assert again.get(PATH).body == new.all()
    assert origin.journal.entries(PATH)[1].header("Range") is None


def test_a_killed_server_keeps_what_it_published(modelhost, origin, make_model):
    model = make_model({"a.bin": 50_000, "b.bin": 3})
    server = modelhost.start(origin=origin)
    server.get(model.path)
    server.wait_complete(model.path)
    server.kill()
    origin.stop()
    again = modelhost.start(origin=origin)
    for path in model.paths:
        assert again.get(path).body == model.contents[path].all()


def test_a_half_pulled_model_is_completed_by_its_next_request(modelhost, origin, make_model):
    model = make_model({"a.bin": 50_000, "b.bin": 60_000})
    origin.script(model.shards[1], Act(gates={"request": Gate()}), Act())
    server = modelhost.start(origin=origin)
    server.allow_stderr("b.bin")
    assert server.get(model.path).status == 200
    origin.journal.wait(model.shards[0], done=True)
    server.stop()
    again = modelhost.start(origin=origin)
    assert again.get(model.path).status == 200
    again.wait_complete(model.path)
    for path in model.paths:
        assert again.get(path).body == model.contents[path].all()


def test_a_file_cut_short_on_disk_is_never_served(modelhost, origin, content):
    server = modelhost.start(origin=origin)
    assert server.get(PATH).status == 200
    server.stop()
    with open(modelhost.cache / "objects" / PATH.lstrip("/"), "r+b") as file:
        file.truncate(HALF)
    again = modelhost.start(origin=origin)
    again.allow_stderr("broken-off")
    reply = again.get(PATH)
    assert not reply.is_complete or reply.status >= 400 or reply.body == content.all()


def test_a_missing_file_is_fetched_again(modelhost, origin, content):
    server = modelhost.start(origin=origin)
    assert server.get(PATH).status == 200
    server.stop()
    (modelhost.cache / "objects" / PATH.lstrip("/")).unlink()
    again = modelhost.start(origin=origin)
    again.allow_stderr("broken-off")
    assert again.get(PATH).body == content.all()


@pytest.mark.parametrize("text", ["", "{", '{"name": 1}', "\0" * 100])
def test_broken_metadata_is_as_good_as_none(modelhost, origin, content, text):
    server = modelhost.start(origin=origin)
    assert server.get(PATH).status == 200
    server.stop()
    server.meta_file(PATH).write_text(text)
    again = modelhost.start(origin=origin)
    again.allow_stderr("broken-off")
    assert again.get(PATH).body == content.all()


def test_garbage_in_partial_does_no_harm(modelhost, origin, content, halfway):
    server, _, _ = halfway
    server.stop()
    for file in (modelhost.cache / "partial").iterdir():
        file.write_bytes(b"garbage" * 1000)
    again = modelhost.start(origin=origin)
    again.allow_stderr("broken-off")
    assert again.get(PATH).body == content.all()
