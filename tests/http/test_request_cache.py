# SPDX-License-Identifier: Apache-2.0
"""What a request's Cache-Control asks for (RFC 9111 §5.2.1), where the setting allows it."""

import pytest
from content import Seeded
from origin import Act, Gate

PATH = "/tfjs-models/a/thing.bin"
COMMIT = "/tfjs-models/org/model/resolve/" + "0123456789abcdef0123456789abcdef01234567" + "/model.bin"


@pytest.fixture
def honouring(modelhost, origin):
    origin.add(PATH, Seeded("thing", 5000))
    return modelhost.start(origin=origin, settings={"server.request_cache_control": "on"})


@pytest.fixture
def cached(honouring):
    assert honouring.get(PATH).header("X-Cache") == "MISS"
    return honouring.wait_idle()


def ask(server, value, path=PATH, name="Cache-Control", **options):
    return server.get(path, headers={name: value}, **options)


@pytest.mark.parametrize("value", ["no-cache", "max-age=0", "only-if-cached"])
def test_it_is_off_unless_set(server, origin, value):
    origin.add(PATH, Seeded("thing", 5000))
    assert ask(server, value).header("X-Cache") == "MISS"
    assert ask(server.wait_idle(), value).header("X-Cache") == "HIT"
    assert origin.journal.count() == 1


def test_only_if_cached_never_fetches(honouring, origin):
    """RFC 9111 §5.2.1.7: a stored response, or 504."""
    for method in ("GET", "HEAD"):
        reply = honouring.fetch(PATH, method, headers={"Cache-Control": "only-if-cached"})
        assert (reply.status, reply.header("Cache-Control")) == (504, "no-store")
        assert "only-if-cached" in reply.header("Modelhost-Error") and PATH in reply.header("Modelhost-Error")
    assert origin.journal.count() == 0 and honouring.flights() == {}
    assert honouring.get(PATH).status == 200
    assert ask(honouring.wait_idle(), "only-if-cached").header("X-Cache") == "HIT"


def test_only_if_cached_does_not_join_a_download(honouring, origin):
    gate = Gate()
    origin.script(PATH, Act(gates={"head": gate}))
    with honouring.ask(PATH) as first:
        gate.wait_arrived()
        assert ask(honouring, "only-if-cached").status == 504
        gate.release()
        assert first.read_reply().status == 200


@pytest.mark.parametrize("name, value", [("Cache-Control", "no-cache"), ("Cache-Control", "max-age=0"),
                                         ("Pragma", "no-cache")])
def test_the_upstream_is_asked_before_the_answer(cached, origin, name, value):
    """RFC 9111 §5.2.1.4: validation, and the answer only then."""
    gate = Gate()
    origin.script(PATH, Act(gates={"request": gate}))
    with cached.ask(PATH, headers={name: value}) as client:
        gate.wait_arrived()
        assert not client.buffer and client.is_silent_for(0.2)
        assert cached.get(PATH).status == 200  # others do not wait
        gate.release()
        reply = client.read_reply()
    assert (reply.status, reply.header("X-Cache"), int(reply.header("Age")) <= 1) == (200, "REVALIDATED", True)
    assert reply.header("Cache-Status") == "modelhost; fwd=stale; fwd-status=304"
    assert reply.body == cached.get(PATH).body
    entries = origin.journal.entries()
    assert len(entries) == 2 and entries[1].header("If-None-Match")
    assert cached.get(PATH).header("X-Cache") == "HIT"


def test_a_reload_of_what_is_current_is_a_304(cached, origin):
    tag = cached.get(PATH).header("ETag")
    reply = cached.get(PATH, headers={"Cache-Control": "max-age=0", "If-None-Match": tag})
    assert (reply.status, reply.header("X-Cache")) == (304, "REVALIDATED")
    assert origin.journal.count() == 2


def test_many_reloads_at_once_share_their_question(cached, origin, at_once):
    gate = Gate()
    origin.script(PATH, Act(gates={"request": gate}))
    clients = [cached.ask(PATH, headers={"Cache-Control": "no-cache"})]
    gate.wait_arrived()
    clients += [cached.ask(PATH, headers={"Cache-Control": "no-cache"}) for _ in range(10)]
    assert clients[-1].is_silent_for(0.2)
    assert origin.journal.count() == 2  # those that have been read so far wait for the one question
    gate.release()
    for client in clients:
        with client:
            assert client.read_reply().header("X-Cache") == "REVALIDATED"


def test_an_age_that_is_kept_asks_nobody(cached, origin):
    assert ask(cached, "max-age=3600").header("X-Cache") == "HIT"
    assert origin.journal.count() == 1


def test_what_can_never_change_is_not_asked_about(honouring, origin):
    origin.add(COMMIT, Seeded("c", 5000))
    honouring.get(COMMIT)
    assert ask(honouring.wait_idle(), "no-cache", COMMIT).header("X-Cache") == "HIT"
    assert origin.journal.count() == 1


def test_an_upstream_that_fails_leaves_what_there_is(cached, origin):
    cached.expect_stderr("the cached copy stays as it is")
    origin.script(PATH, Act(status=503))
    reply = ask(cached, "no-cache")
    assert (reply.status, reply.header("X-Cache")) == (200, "STALE")
    assert reply.is_complete and len(reply.body) == 5000


def test_a_changed_group_is_switched_when_it_is_quiet(honouring, origin, make_model):
    """Never half a model: not even for who insists."""
    model = make_model()
    for path in model.paths:
        honouring.get(path)
    honouring.wait_idle()
    new = origin.add(model.shards[0], Seeded("new", 100_000))
    reply = ask(honouring, "no-cache", model.path)
    assert (reply.status, reply.header("X-Cache")) == (200, "UPDATING")
    old = honouring.get(model.shards[0])
    assert old.body != new.all() and old.body == model.contents[model.shards[0]].all()


def test_offline_asks_nobody(modelhost, cached, origin):
    cached.stop()
    server = modelhost.start("--offline", origin=origin, settings={"server.request_cache_control": "on"})
    assert ask(server, "no-cache").header("X-Cache") == "OFFLINE"
    assert ask(server, "only-if-cached").header("X-Cache") == "OFFLINE"
    assert origin.journal.count() == 1


def test_who_waits_does_not_hold_up_the_end(cached, origin):
    gate = Gate()
    origin.script(PATH, Act(gates={"request": gate}))
    with cached.ask(PATH, headers={"Cache-Control": "no-cache"}):
        gate.wait_arrived()
        cached.terminate()
        assert cached.wait() == 0
        gate.release()
