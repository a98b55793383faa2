# SPDX-License-Identifier: Apache-2.0
"""fallback = : more base URLs, asked in order where the first fails, and for nothing else."""

import resource

import pytest
from content import Seeded
from origin import Act, Origin

PLAIN = "/tfjs-models/plain.bin"
PAGE = "<!DOCTYPE html>\n<html><body>" + "<p>sorry</p>" * 99


@pytest.fixture
def others():
    """Two more origins, with the same file."""
    with Origin() as second, Origin() as third:
        for other in (second, third):
            other.add(PLAIN, Seeded("plain", 100_000))
        yield second, third


@pytest.fixture
def plain(origin):
    return origin.add(PLAIN, Seeded("plain", 100_000))


@pytest.fixture
def start(modelhost, origin, others):
    def run(**settings):
        bases = " ".join(other.url + "tfjs-models/" for other in others)
        server = modelhost.start(origin=origin, settings={"mirror tfjs-models.fallback": bases, **settings})
        server.allow_stderr("plain.bin")
        return server

    return run


@pytest.mark.parametrize("act", [Act(status=503), Act(status=403), Act(raw=b""), Act(cut_at=60_000)])
def test_the_next_is_asked_where_the_first_fails(start, origin, others, plain, act):
    origin.script(PLAIN, act)
    reply = start().get(PLAIN)
    assert not reply.is_complete or reply.body == plain.all()
    assert [other.journal.count(PLAIN) for other in others] == [1, 0]


def test_one_that_is_down(start, origin, others, plain):
    origin.stop()
    assert start().get(PLAIN).body == plain.all()
    others[0].journal.wait(PLAIN, done=True)


def test_each_in_its_turn_after_its_retries(start, origin, others, plain):
    for site in (origin, others[0]):
        site.script(PLAIN, Act(status=503))
    server = start(**{"upstream.retries": 1})
    assert server.get(PLAIN).body == plain.all()
    assert [site.journal.count(PLAIN) for site in (origin, *others)] == [2, 2, 1]


def test_the_last_failure_is_told(start, origin, others):
    for site in (origin, *others):
        site.script(PLAIN, Act(status=503))
    reply = start().get(PLAIN)
    assert reply.status == 502 and reply.json()["upstream"].startswith(others[1].url)


@pytest.mark.parametrize("act, status", [(Act(status=404), 404), (Act(body=PAGE), 502)])
def test_an_answer_is_an_answer(start, origin, others, plain, act, status):
    origin.script(PLAIN, act)
    assert start().get(PLAIN).status == status
    assert [other.journal.count() for other in others] == [0, 0]


def test_a_header_of_the_upstream_does_not_go_to_a_fallback(start, origin, others, plain):
    origin.script(PLAIN, Act(status=503))
    server = start(**{"mirror tfjs-models.header": "Authorization: Bearer secret"})
    assert server.get(PLAIN).body == plain.all()
    assert origin.journal.entries(PLAIN)[0].header("Authorization") == "Bearer secret"
    assert others[0].journal.entries(PLAIN)[0].header("Authorization") is None


def test_a_file_that_cannot_be_written_is_asked_for_nowhere_else(start, origin, others, plain):
    """The process may write no file beyond 50,000 bytes: that is not the upstream's fault."""
    server = start()
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (50_000, hard))
    reply = server.get(PLAIN)
    assert reply.status == 507 or not reply.is_complete
    server.wait_idle()
    assert [site.journal.count(PLAIN) for site in (origin, *others)] == [1, 0, 0]
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert server.get(PLAIN).body == plain.all()
