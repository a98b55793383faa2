# SPDX-License-Identifier: Apache-2.0
"""Answers that are kept ready: they say what the full rules say, for as long as it is true."""

import os
import time

import pytest
from content import Seeded, manifest_json
from program import wait_until

VOLATILE = {"date", "age"}


def kept(server):
    return server.get("/-/api/status").json()["kept"]


def fields(reply):
    return sorted((name, value) for name, value in reply.headers if name.lower() not in VOLATILE)


def repeated(connection, server, target, method="GET", headers=(), times=200):
    """Many of one request on one connection, until kept answers were among them."""
    before = kept(server)
    replies = []
    for _ in range(5):  # one round may fall between two seconds; five do not
        for _ in range(times):
            connection.request(target, method, headers)
            replies.append(connection.read_reply(method))
        if kept(server) > before:
            return replies
    raise AssertionError(f"no answer to {method} {target} {headers} was kept ready")


@pytest.fixture(params=[1_000, 300_000], ids=["memory", "descriptor"])
def cached(request, server, origin):
    """A cached object of a size that is sent from memory, or from a descriptor."""
    content = origin.add("/tfjs-models/a/thing.bin", Seeded("thing", request.param))
    server.get("/tfjs-models/a/thing.bin")
    server.wait_idle()
    return content


def test_a_kept_answer_is_what_the_full_rules_say(server, cached):
    with server.connect() as connection:
        replies = repeated(connection, server, "/tfjs-models/a/thing.bin")
    assert {reply.status for reply in replies} == {200}
    assert all(reply.body == cached.all() and reply.is_complete for reply in replies)
    assert all(fields(reply) == fields(replies[0]) for reply in replies)
    ages = [int(reply.header("Age")) for reply in replies]
    assert ages == sorted(ages) and {reply.header("X-Cache") for reply in replies} == {"HIT"}


def test_kept_heads_and_not_modified(server, cached):
    path = "/tfjs-models/a/thing.bin"
    whole = server.get(path)
    etag = [("If-None-Match", whole.header("ETag"))]
    with server.connect() as connection:
        heads = repeated(connection, server, path, "HEAD")
        answers = repeated(connection, server, path, "GET", etag)
        repeated(connection, server, path)  # and after those, a body is there still
        mixed = repeated(connection, server, path, "HEAD")
    assert all(fields(reply) == fields(whole) and reply.status == 200 for reply in heads + mixed)
    assert all(reply.status == 304 and reply.body == b"" for reply in answers)
    assert all(fields(reply) == fields(answers[0]) for reply in answers)


def test_what_must_be_weighed_is_not_answered_from_the_table(server, cached):
    path = "/tfjs-models/a/thing.bin"
    etag = server.get(path).header("ETag")
    with server.connect() as connection:
        for headers, status in (
            ([("Range", "bytes=0-9")], 206),
            ([("If-Match", '"other"')], 412),
            ([("If-None-Match", '"other"')], 200),
            ([("If-None-Match", f'"other", {etag}')], 304),
            ([("If-None-Match", '"other"'), ("If-None-Match", etag)], 304),
            ([("Range", "bytes=0-9"), ("If-Range", '"other"')], 200),
            ([("Range", "bytes=999999-")], 416),
        ):
            repeated(connection, server, path)
            connection.request(path, "GET", headers)
            assert connection.read_reply("GET").status == status, headers


def test_allowed_origins_are_kept_apart(modelhost, origin):
    origin.add("/tfjs-models/a/b.bin", b"x" * 500)
    one, other = "https://one.example", "https://two.example"
    server = modelhost.start(origin=origin, settings={"cors.allow_origin": f"{one} {other}"})
    server.get("/tfjs-models/a/b.bin")
    server.wait_idle()
    with server.connect() as connection:
        for asker, wanted in ((one, one), (other, other), ("https://evil.example", None), (None, None)):
            headers = [("Origin", asker)] if asker else []
            for reply in repeated(connection, server, "/tfjs-models/a/b.bin", headers=headers):
                assert reply.header("Access-Control-Allow-Origin") == wanted
                assert reply.header("Vary") == "Origin"


def test_a_file_removed_from_the_cache_is_noticed(server, origin, cached):
    path = "/tfjs-models/a/thing.bin"
    with server.connect() as connection:
        repeated(connection, server, path)
        server.object_file(path).unlink()

        def is_fetched_again():
            connection.request(path)
            assert connection.read_reply("GET").body == cached.all()
            return origin.journal.count(path) == 2

        wait_until(is_fetched_again, "the removed file is fetched again", 2.5 * server.patience)


def test_an_app_file_that_changes_is_noticed(modelhost, tmp_path):
    root = tmp_path / "app"
    root.mkdir()
    (root / "page.html").write_text("old")
    server = modelhost.start(root)
    with server.connect() as connection:
        assert {reply.body for reply in repeated(connection, server, "/page.html")} == {b"old"}
        (root / "page.html").write_text("newer")

        def is_new():
            connection.request("/page.html")
            return connection.read_reply("GET").body == b"newer"

        wait_until(is_new, "the new page", 2.0 * server.patience)


def test_kept_app_files_carry_what_their_owner_adds(modelhost, tmp_path):
    root = tmp_path / "app"
    root.mkdir()
    (root / "page.html").write_text("page")
    server = modelhost.start(root, "--isolate", "-H", "X-One: 1")
    whole = server.get("/page.html")
    assert whole.header("X-One") == "1" and whole.header("Cross-Origin-Embedder-Policy") == "require-corp"
    with server.connect() as connection:
        replies = repeated(connection, server, "/page.html")
        heads = repeated(connection, server, "/page.html", "HEAD")
    assert all(fields(reply) == fields(whole) for reply in replies + heads)


def test_a_kept_file_of_the_app_is_never_half_of_another(modelhost, tmp_path):
    """It is overwritten where it lies, and the descriptor that is kept is of that same file."""
    path = tmp_path / "app" / "large.bin"
    path.parent.mkdir()
    contents = [Seeded(f"large {n}", 300_000 + 1000 * n).all() for n in range(8)]
    path.write_bytes(contents[0])
    server = modelhost.start(path.parent, settings={"server.threads": 1})
    tags = {}
    with server.connect() as connection:
        for content in contents:
            path.write_bytes(content)
            for _ in range(20):
                reply = connection.request("/large.bin").read_reply()
                assert reply.is_complete and reply.body == content
                assert tags.setdefault(reply.header("ETag"), content) == content
    assert kept(server) > 0 and len(tags) == len(contents)


def test_descriptors_are_given_back_when_nobody_asks(server, cached):
    """The main thread's sweep: the HTTP threads have nothing to do."""
    path = "/tfjs-models/a/thing.bin"

    def held():
        links = []
        for entry in os.scandir(f"/proc/{server.pid}/fd"):
            try:
                links.append(os.readlink(entry.path))
            except FileNotFoundError:
                pass
        return [link for link in links if link.endswith("thing.bin")]

    with server.connect() as connection:
        repeated(connection, server, path)
    wait_until(lambda: not held(), "no descriptor of the object is left", 3.0 * server.patience)


def test_kept_answers_do_not_hold_up_a_refresh(modelhost, origin):
    """What is kept is not being sent: the switch to the new files comes when nobody asks."""
    path, shard = "/tfjs-models/m/model.json", "/tfjs-models/m/s.bin"
    origin.add(path, manifest_json({"s.bin": 1000}))
    origin.add(shard, Seeded("one", 1000))
    server = modelhost.start(
        origin=origin, settings={"cache.settle": "1s", "mirror tfjs-models.revalidate": "always"}
    )
    server.get(path)
    server.wait_complete(path)
    new = origin.add(shard, Seeded("two", 1000))
    with server.connect() as connection:
        for target in (path, shard):
            for _ in range(100):
                connection.request(target)
                connection.read_reply("GET")
        wait_until(
            lambda: server.object_bytes(shard) == new.all(), "the new shard", 15.0 * server.patience
        )
        connection.request(shard)
        assert connection.read_reply("GET").body == new.all()


def test_a_kept_answer_on_its_way_holds_up_a_refresh(modelhost, origin):
    path, shard, size = "/tfjs-models/m/model.json", "/tfjs-models/m/s.bin", 16_000_000
    origin.add(path, manifest_json({"s.bin": size}))
    old = origin.add(shard, Seeded("one", size))
    server = modelhost.start(
        origin=origin,
        settings={"server.threads": 1, "cache.settle": "1s", "mirror tfjs-models.revalidate": "always"},
    )
    server.get(path)
    server.wait_complete(path)

    def ask_slowly():
        """A client that stops reading, of an answer that was kept."""
        end = time.monotonic() + 20.0 * server.patience
        while time.monotonic() < end:  # the three requests may fall into two seconds; not each time
            before = kept(server)
            server.get(shard)
            server.get(shard)
            slow = server.connect(receive_buffer=4096)
            slow.request(shard)
            head = slow.read_head()
            if kept(server) == before + 1:
                return slow, head
            slow.close()
        raise AssertionError("no answer was kept ready")

    slow, head = ask_slowly()
    # A refresh may be under way already, and may ask for the shard before or after it changes.
    seen = origin.journal.count(shard)
    new = origin.add(shard, Seeded("two", size))
    wait_until(
        lambda: server.get(path).status == 200 and origin.journal.count(shard) > seen,
        "the refresh asks for the shard",
        10.0 * server.patience,
    )
    with slow:
        # There is no event for a switch that does not happen: this bounded look is three settles.
        with pytest.raises(AssertionError):
            wait_until(lambda: server.object_bytes(shard) == new.all(), "a switch", 3.0)
        assert slow.read_body(head).body == old.all()
    wait_until(lambda: server.object_bytes(shard) == new.all(), "the switch", 15.0 * server.patience)
