# SPDX-License-Identifier: Apache-2.0
"""Never a broken model: what the first guards refuse, how they say so, and that nothing of it stays.

A refusal is a status of 400 or more, or a body that is visibly cut; which of the two depends on
whether the head could wait. What no test here may ever see is a whole 200 or 206 of wrong bytes.
"""

import json
import socket

import pytest
from content import Bytes, Seeded, manifest_json
from origin import Act, Gate, Origin

PLAIN = "/tfjs-models/plain.bin"
MANIFEST = "/tfjs-models/m/model.json"
HTML = b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>" + b"<p>hello</p>" * 100 + b"</body></html>"
XML = b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code></Error>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16 + b"\nsize 2419840\n"
SCRIPT = {"Accept": "*/*", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "User-Agent": "Mozilla/5.0"}
CURL = {"Accept": "*/*", "User-Agent": "curl/7.88.1"}


@pytest.fixture
def talkative(server):
    """A server whose failures may stand on standard error, each naming a file or an upstream."""
    server.allow_stderr("/tfjs-models/")
    return server


@pytest.fixture
def plain(origin):
    return origin.add(PLAIN, Seeded("plain", 100_000))


def assert_problem(reply, status):
    assert reply.status == status and reply.is_complete
    assert reply.header("Content-Type") == "application/problem+json"
    assert reply.header("Cache-Control") == "no-store"
    assert reply.header("Access-Control-Allow-Origin") == "*"
    return reply.json()


def assert_refused(reply):
    assert reply.status >= 400 or not reply.is_complete, f"{reply.status} with {len(reply.body)} bytes"


# --- statuses ---


@pytest.mark.parametrize(
    "theirs, ours",
    [(404, 404), (410, 404), (400, 502), (401, 502), (403, 502), (429, 502), (500, 502), (503, 502), (418, 502),
     (204, 502), (206, 502), (203, 502), (304, 502), (300, 502)],
)
def test_a_status_that_is_not_200(talkative, origin, plain, theirs, ours):
    origin.script(PLAIN, Act(status=theirs))
    problem = assert_problem(talkative.get(PLAIN, headers=SCRIPT), ours)
    assert problem["upstream"] == origin.url.rstrip("/") + PLAIN
    assert talkative.cached_files() == []


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_remembered_for_a_while(talkative, origin, plain, status):
    origin.script(PLAIN, Act(status=status))
    assert [talkative.get(PLAIN).status for _ in range(3)] == [404] * 3
    assert origin.journal.count() == 1


def test_how_long_is_a_setting(modelhost, origin, plain):
    origin.script(PLAIN, Act(status=404), Act())
    server = modelhost.start(origin=origin, settings={"upstream.negative_ttl": "0s"})
    server.allow_stderr("plain.bin")
    assert server.get(PLAIN).status == 404
    assert server.wait_idle().get(PLAIN).body == plain.all()


def test_other_failures_are_not_remembered(talkative, origin, plain):
    origin.script(PLAIN, Act(status=503), Act())
    assert talkative.get(PLAIN).status == 502
    assert talkative.wait_idle().get(PLAIN).body == plain.all()


def test_the_members_of_a_problem(talkative, origin):
    problem = assert_problem(talkative.get("/tfjs-models/no/such.bin", headers=SCRIPT), 404)
    assert problem["status"] == 404 and problem["title"] and problem["detail"]
    assert problem["file"] == "/tfjs-models/no/such.bin"
    assert problem["upstream"] == origin.url + "tfjs-models/no/such.bin"


def test_credentials_in_an_upstream_are_refused_and_not_repeated(modelhost, origin):
    address = f"http://user:s3cret@127.0.0.1:{origin.port}/tfjs-models/"
    done = modelhost.run("serve", "-l", "127.0.0.1:0", "--cache-dir", modelhost.cache,
                         "--set", f"mirror tfjs-models.upstream={address}")
    assert done.returncode == 2 and "header" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr


def test_a_secret_in_a_query_is_told_to_nobody(modelhost, origin):
    server = modelhost.start(origin=origin)
    server.allow_stderr("such.bin")
    reply = server.get("/tfjs-models/such.bin?token=s3cret", headers=SCRIPT)
    server.stop()
    assert reply.status == 404 and origin.journal.targets() == ["/tfjs-models/such.bin?token=s3cret"]
    assert b"s3cret" not in reply.body and "s3cret" not in "".join(server.stderr.all())


# --- the three forms, and the empty one ---


def test_an_error_for_a_browser_is_a_page(talkative):
    reply = talkative.get("/tfjs-models/no/such.bin", headers=BROWSER)
    assert reply.status == 404 and reply.header("Content-Type").startswith("text/html")
    assert "/tfjs-models/no/such.bin" in reply.text


def test_an_error_for_curl_is_a_line(talkative, origin):
    reply = talkative.get("/tfjs-models/no/such.bin", headers=CURL)
    assert reply.status == 404 and reply.header("Content-Type").startswith("text/plain")
    assert origin.url + "tfjs-models/no/such.bin" in reply.text and "<" not in reply.text


def test_a_page_escapes_what_it_was_asked_for(talkative):
    reply = talkative.get("/tfjs-models/<script>.bin", headers=BROWSER)
    assert reply.status >= 400 and b"<script>.bin" not in reply.body


@pytest.fixture
def broken_shard(talkative, origin, make_model):
    """A known shard that the upstream does not have."""
    model = make_model({"a.bin": 1000})
    origin.script(model.shards[0], Act(status=404))
    assert talkative.get(model.path).status == 200
    origin.journal.wait(model.shards[0], done=True)
    return model.shards[0]


def test_an_error_for_a_known_shard_has_no_body_for_a_script(talkative, origin, broken_shard):
    reply = talkative.get(broken_shard, headers=SCRIPT)
    assert (reply.status, reply.body, reply.is_complete) == (404, b"", True)
    assert reply.header("Content-Length") == "0"
    assert broken_shard in reply.header("Modelhost-Error")
    assert "Modelhost-Error" in reply.header("Access-Control-Expose-Headers")


@pytest.mark.parametrize("who", [BROWSER, CURL])
def test_an_error_for_a_known_shard_has_one_for_people(talkative, broken_shard, who):
    reply = talkative.get(broken_shard, headers=who)
    assert reply.status == 404 and broken_shard in reply.text


# --- bodies that are something else ---


@pytest.mark.parametrize("body", [HTML, XML, POINTER, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\x55" * 600])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_page_a_pointer_or_gzip_in_place_of_weights(talkative, origin, plain, body, framing):
    origin.script(PLAIN, Act(body=body, framing=framing))
    problem = assert_problem(talkative.get(PLAIN, headers=SCRIPT), 502)
    assert problem["found"] and problem["file"] == PLAIN
    assert talkative.cached_files() == []
    origin.script(PLAIN)
    assert talkative.wait_idle().get(PLAIN).body == plain.all()


@pytest.mark.parametrize(
    "body",
    [HTML, XML, POINTER, b"", b"{", b"[]", b"{}", b'{"format": "graph-model"}', b"null", b'"text"',
     b'{"weightsManifest": 1}', b'{"weightsManifest": [{"paths": "a.bin", "weights": []}]}',
     b'{"weightsManifest": [{"paths": ["a.bin"]}]}',
     b'{"weightsManifest": [{"paths": ["a.bin"], "weights": [{"name": "w", "shape": [-1], "dtype": "float32"}]}]}',
     b'{"weightsManifest": [{"paths": ["a.bin"], "weights": [{"name": "w", "shape": [2], "dtype": "float99"}]}]}',
     manifest_json({"a.bin": 10})[:-1], manifest_json({"a.bin": 10}) + b"x",
     manifest_json({"a.bin": 10}) + b"\x00", b"\xff" + manifest_json({"a.bin": 10}),
     manifest_json({"a.bin": 10}).replace(b'"a.bin"', b'"a\\u0000.bin"'),
     manifest_json({"a.bin": 10}).replace(b'"a.bin"', b'"a\xff.bin"'),
     manifest_json({"a.bin": 10})[:-1] + b', "weightsManifest": []}'],
)
def test_a_manifest_that_is_none(talkative, origin, body):
    origin.add(MANIFEST, body)
    origin.add("/tfjs-models/m/a.bin", Seeded("a", 10))
    problem = assert_problem(talkative.get(MANIFEST, headers=SCRIPT), 502)
    assert problem["file"] == MANIFEST and problem["detail"]
    assert talkative.cached_files() == []
    assert origin.journal.count("/tfjs-models/m/a.bin") == 0


def test_a_json_that_is_no_manifest_by_name_must_parse_too(talkative, origin):
    origin.add("/tfjs-models/vocab.json", b'{"a": 1,}')
    assert_problem(talkative.get("/tfjs-models/vocab.json", headers=SCRIPT), 502)
    assert talkative.cached_files() == []


def test_a_truncated_manifest(talkative, origin, make_model):
    model = make_model()
    origin.script(model.path, Act(cut_at=100))
    assert talkative.get(model.path).status >= 500
    assert talkative.cached_files() == []


def test_a_manifest_that_the_upstream_compressed_unasked(talkative, origin, make_model):
    """Either it is decoded or it is refused: never handed on or kept as gzip."""
    model = make_model()
    origin.script(model.path, Act(gzip=True))
    reply = talkative.get(model.path)
    assert reply.status == 502 or reply.body == model.contents[model.path].all()
    assert talkative.get(model.path).status == reply.status


def test_a_manifest_beyond_the_ceiling(modelhost, origin):
    origin.add("/tfjs-models/big.json", b'"' + b"x" * (2 << 20) + b'"')
    server = modelhost.start(origin=origin, settings={"cache.json_max": "1MiB"})
    server.allow_stderr("big.json")
    assert server.get("/tfjs-models/big.json").status >= 500
    assert server.cached_files() == []


HOSTILE = [
    "../x.bin", "a/../../x.bin", "a/../x.bin", "/x.bin", "//other.example/x.bin", "http://other.example/x.bin",
    "https:x.bin", "..", ".", "", "a\\..\\x.bin", "a\u0000.bin", "a\nb.bin", "%2e%2e/x.bin", "..%2fx.bin",
    "x.bin?y=1", "x.bin#y", ".hidden", "a/.git/x.bin", "n" * 1025,
]


@pytest.mark.parametrize("path", HOSTILE, ids=[ascii(path[:20]) for path in HOSTILE])
def test_a_hostile_path_in_a_manifest(talkative, origin, path):
    origin.add(MANIFEST, manifest_json({"good.bin": 10, path: 10}))
    problem = assert_problem(talkative.get(MANIFEST, headers=SCRIPT), 502)
    assert problem["file"] == MANIFEST
    assert talkative.cached_files() == []
    assert origin.journal.targets() == [MANIFEST]


def test_a_path_may_begin_with_a_dot_and_a_slash(server, origin):
    origin.add(MANIFEST, manifest_json({"./a.bin": 10}))
    origin.add("/tfjs-models/m/a.bin", Seeded("a", 10))
    assert server.get(MANIFEST).status == 200
    server.wait_complete(MANIFEST)
    assert origin.journal.targets() == [MANIFEST, "/tfjs-models/m/a.bin"]


# --- lengths ---


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [99_999, 100_001, 0, 50])
def test_the_only_shard_of_a_group_with_a_wrong_length(talkative, origin, make_model, size, framing):
    model = make_model({"a.bin": 100_000})
    origin.script(model.shards[0], Act(body=Seeded("wrong", size), framing=framing))
    assert talkative.get(model.path).status == 200
    reply = talkative.get(model.shards[0], headers=CURL)
    assert_refused(reply)
    if framing == "length":
        assert reply.status == 502 and "100000" in reply.text and str(size) in reply.text
    assert_refused(talkative.wait_idle().get(model.shards[0]))
    assert model.shards[0] not in talkative.cached_files()


def test_a_wrong_length_is_told_by_its_members(talkative, origin, make_model):
    model = make_model({"a.bin": 100_000})
    origin.script(model.shards[0], Act(body=Seeded("wrong", 99_999)))
    talkative.get(model.path)
    reply = talkative.get(model.shards[0], headers=SCRIPT)
    assert (reply.status, reply.body) == (502, b"")
    assert "100000" in reply.header("Modelhost-Error") and "99999" in reply.header("Modelhost-Error")


def test_a_model_whose_shard_fails_says_so(talkative, origin, make_model):
    model = make_model({"a.bin": 100_000})
    origin.script(model.shards[0], Act(body=Seeded("wrong", 99_999)))
    talkative.get(model.path)
    talkative.get(model.shards[0])
    told = talkative.model(model.path)
    assert told is None or told["state"] != "complete"


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_group_whose_sum_is_wrong(talkative, origin, make_model, difference):
    """Either shard alone could be right; both together cannot. The last outstanding one fails."""
    model = make_model({"a.bin": 60_000, "b.bin": 40_000})
    a, b = model.shards
    gate = Gate()
    origin.script(a, Act(gates={30_000: gate}))
    origin.script(b, Act(body=Seeded("wrong", 40_000 + difference)))
    assert talkative.get(model.path).status == 200
    with talkative.ask(a) as client:
        gate.wait_arrived()
        origin.journal.wait(b, done=True)
        gate.release()
        assert_refused(client.read_reply())


def test_what_a_failed_first_pull_published_is_taken_back(talkative, origin, make_model):
    model = make_model({"a.bin": 60_000, "b.bin": 40_000})
    a, b = model.shards
    gate = Gate()
    origin.script(a, Act(gates={"request": gate}), Act())
    origin.script(b, Act(body=Seeded("wrong", 39_999)), Act())
    assert talkative.get(model.path).status == 200
    first = talkative.get(b)
    with talkative.ask(a) as client:
        gate.release()
        assert_refused(client.read_reply())
    assert talkative.wait_idle().get(model.path).status == 200
    for path in model.shards:
        assert talkative.get(path).body == model.contents[path].all()
    talkative.wait_complete(model.path)
    assert first.status in (200, 502)


def test_a_truncated_transfer_is_cut(talkative, origin, plain):
    gate = Gate()
    origin.script(PLAIN, Act(cut_at=50_000, gates={50_000: gate}))
    with talkative.ask(PLAIN) as client:
        head = client.read_head()
        gate.release()
        reply = client.read_body(head)
    assert (reply.status, reply.is_complete) == (200, False)
    assert talkative.cached_files() == []


def test_a_truncated_transfer_before_the_head_is_502_or_504(talkative, origin, plain):
    origin.script(PLAIN, Act(cut_at=100))
    assert talkative.get(PLAIN).status in (502, 504)


def test_a_reset_is_as_bad_as_an_end(talkative, origin, plain):
    origin.script(PLAIN, Act(reset_at=50_000))
    assert_refused(talkative.get(PLAIN))
    assert talkative.cached_files() == []


def test_more_than_was_declared_is_not_taken(talkative, origin, plain):
    """The surplus belongs to nobody; what was declared is whole and right, or it is refused."""
    origin.script(PLAIN, Act(append=b"surplus", content_length=plain.size, close=True))
    reply = talkative.get(PLAIN)
    assert not reply.is_complete or reply.status != 200 or reply.body == plain.all()


@pytest.mark.parametrize("at", [0, 50_000, 99_999])
def test_the_upstreams_own_hash_must_hold(talkative, origin, plain, at):
    origin.script(PLAIN, Act(flip=at))
    assert_refused(talkative.get(PLAIN))
    assert talkative.cached_files() == []
    origin.script(PLAIN)
    assert talkative.wait_idle().get(PLAIN).body == plain.all()


# --- redirects ---


def test_a_redirect_within_the_upstream(server, origin, plain):
    origin.script("/tfjs-models/moved.bin", Act(status=302, headers={"Location": PLAIN}))
    assert server.get("/tfjs-models/moved.bin").body == plain.all()
    assert server.wait_idle().get("/tfjs-models/moved.bin").header("X-Cache") == "HIT"


def test_a_redirect_without_end(talkative, origin):
    origin.script("/tfjs-models/loop.bin", Act(status=302, headers={"Location": "/tfjs-models/loop.bin"}))
    assert_problem(talkative.get("/tfjs-models/loop.bin", headers=SCRIPT), 502)
    assert origin.journal.count() < 50


def test_a_redirect_to_a_private_address(talkative, origin):
    """127.0.0.1 with the upstream's own port was permitted; another port was not."""
    with Origin() as other:
        other.add("/x.bin", Seeded("x", 1000))
        origin.script("/tfjs-models/x.bin", Act(status=302, headers={"Location": other.url + "x.bin"}))
        assert_problem(talkative.get("/tfjs-models/x.bin", headers=SCRIPT), 502)
        assert other.journal.count() == 0
    assert talkative.cached_files() == []


def test_unless_the_mirror_allows_it(modelhost, origin):
    server = modelhost.start(origin=origin, settings={"mirror tfjs-models.allow_private": "on"})
    with Origin() as other:
        content = other.add("/x.bin", Seeded("x", 1000))
        origin.script("/tfjs-models/x.bin", Act(status=302, headers={"Location": other.url + "x.bin"}))
        assert server.get("/tfjs-models/x.bin").body == content.all()


def test_a_mirrors_header_goes_to_its_own_origin_alone(modelhost, origin):
    settings = {"mirror tfjs-models.allow_private": "on", "mirror tfjs-models.header": "Authorization: Bearer tok"}
    server = modelhost.start(origin=origin, settings=settings)
    with Origin() as other:
        other.add("/x.bin", Seeded("x", 1000))
        origin.script("/tfjs-models/x.bin", Act(status=302, headers={"Location": other.url + "x.bin"}))
        assert server.get("/tfjs-models/x.bin").status == 200
        assert origin.journal.entries()[0].header("Authorization") == "Bearer tok"
        assert other.journal.entries()[0].header("Authorization") is None


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "", "http://"])
def test_a_redirect_to_what_is_not_http(talkative, origin, location):
    origin.script("/tfjs-models/x.bin", Act(status=302, headers={"Location": location}))
    assert_problem(talkative.get("/tfjs-models/x.bin", headers=SCRIPT), 502)
    assert talkative.cached_files() == []


def test_a_redirect_to_nowhere(talkative, origin):
    origin.script("/tfjs-models/x.bin", Act(status=302))
    assert_problem(talkative.get("/tfjs-models/x.bin", headers=SCRIPT), 502)


# --- upstreams that cannot be reached, or are slow ---


def test_an_upstream_that_refuses(talkative, origin):
    origin.stop()
    problem = assert_problem(talkative.get(PLAIN, headers=SCRIPT), 504)
    assert problem["upstream"] == origin.url.rstrip("/") + PLAIN


def test_an_upstream_that_does_not_answer(modelhost, origin, plain):
    origin.script(PLAIN, Act(gates={"request": Gate()}))
    server = modelhost.start(origin=origin, settings={"upstream.first_byte_timeout": "300ms"})
    server.allow_stderr("plain.bin")
    assert server.get(PLAIN, headers=CURL).status == 504


def test_an_upstream_that_stalls(modelhost, origin, plain):
    origin.script(PLAIN, Act(gates={50_000: Gate()}))
    server = modelhost.start(origin=origin, settings={"upstream.stall_timeout": "1s"})
    server.allow_stderr("plain.bin")
    reply = server.get(PLAIN)
    assert (reply.status, reply.is_complete) == (200, False)


def test_an_upstream_that_speaks_no_http(talkative, origin, plain):
    origin.script(PLAIN, Act(raw=b"220 mail.example ESMTP\r\n"))
    assert_problem(talkative.get(PLAIN, headers=SCRIPT), 502)


def test_an_upstream_that_says_nothing(talkative, origin, plain):
    origin.script(PLAIN, Act(raw=b""))
    assert talkative.get(PLAIN).status in (502, 504)


def test_informational_answers_are_passed_over(server, origin, plain):
    origin.script(PLAIN, Act(interim=(100, 103)))
    assert server.get(PLAIN).body == plain.all()


# --- trying again ---


@pytest.fixture
def patient(modelhost, origin):
    server = modelhost.start(origin=origin, settings={"upstream.retries": 2})
    server.allow_stderr("/tfjs-models/")
    return server


@pytest.mark.parametrize("act", [Act(status=503), Act(status=500), Act(status=429), Act(raw=b""), Act(cut_at=100)])
def test_a_failure_that_may_pass_is_tried_again(patient, origin, plain, act):
    origin.script(PLAIN, act, Act())
    assert patient.get(PLAIN).body == plain.all()
    assert origin.journal.count() == 2


@pytest.mark.parametrize("act", [Act(status=404), Act(status=403), Act(body=HTML), Act(status=401)])
def test_a_failure_that_will_not_pass_is_not(patient, origin, plain, act):
    origin.script(PLAIN, act, Act())
    assert patient.get(PLAIN).status >= 400
    assert origin.journal.count() == 1


def test_a_broken_transfer_goes_on_where_it_broke(patient, origin, plain):
    origin.script(PLAIN, Act(cut_at=60_000), Act())
    reply = patient.get(PLAIN)
    assert reply.is_complete and reply.body == plain.all()
    first, second = origin.journal.entries()
    assert second.header("Range") == "bytes=60000-" and second.header("If-Range")
    assert second.sent == 40_000 and first.sent == 60_000


@pytest.mark.parametrize(
    "act",
    [Act(ignore_range=True), Act(content_range="bytes 0-39999/100000"), Act(content_range="bytes 60000-99999/100001"),
     Act(headers={"Content-Range": None})],
)
def test_a_continuation_that_is_none_is_never_spliced(patient, origin, plain, act):
    origin.script(PLAIN, Act(cut_at=60_000), act, Act())
    reply = patient.get(PLAIN)
    assert not reply.is_complete or reply.body == plain.all()
    assert patient.wait_idle().get(PLAIN).body == plain.all()


def test_an_object_that_changed_in_the_middle_is_never_spliced(patient, origin, plain):
    origin.script(PLAIN, Act(cut_at=60_000), Act())
    gate = Gate()
    origin.script(PLAIN, Act(gates={60_000: gate}, cut_at=60_000), Act())
    with patient.ask(PLAIN) as client:
        head = client.read_head()
        gate.wait_arrived()
        new = origin.add(PLAIN, Seeded("new", 100_000))
        gate.release()
        reply = client.read_body(head)
    assert not reply.is_complete or reply.body == new.all()
    assert patient.wait_idle().get(PLAIN).body == new.all()


def test_it_waits_as_long_as_the_upstream_asks(patient, origin, plain):
    origin.script(PLAIN, Act(status=503, headers={"Retry-After": "1"}), Act())
    assert patient.get(PLAIN).body == plain.all()
    first, second = origin.journal.entries()
    assert second.began_at - first.ended_at >= 0.95


def test_an_upstream_that_comes_back(patient, origin, plain):
    """Nobody listens at the first attempt; somebody does before the last."""
    port = origin.port
    origin.stop()
    with socket.socket() as keeper:  # nobody else may take the port
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", port))
        client = patient.ask(PLAIN)
        patient.stderr.wait("plain.bin", 10)  # the first attempt has failed
    with Origin(port=port) as again:
        again.add(PLAIN, plain)
        assert client.read_reply().body == plain.all()
        client.close()


# --- things that look wrong and are not ---


MARKUP = [("page.html", HTML), ("feed.xml", XML), ("x.svg", XML), ("notes.txt", b"plain text")]


@pytest.mark.parametrize("name, body", MARKUP)
def test_markup_where_markup_belongs(server, origin, name, body):
    origin.add("/tfjs-models/" + name, body)
    assert server.get("/tfjs-models/" + name).body == body


def test_weights_that_begin_like_gzip_by_chance(server, origin):
    """Two bytes are no gzip header."""
    content = origin.add(PLAIN, Bytes(b"\x1f\x8b\xff\xff" + Seeded("tail", 5000).all()))
    assert server.get(PLAIN).body == content.all()


def test_string_tensors_have_no_known_sum(server, origin):
    weights = [{"name": "s", "shape": [3], "dtype": "string"}]
    group = {"paths": ["s.bin"], "weights": weights}
    manifest = {"format": "graph-model", "modelTopology": {}, "weightsManifest": [group]}
    origin.add(MANIFEST, json.dumps(manifest))
    content = origin.add("/tfjs-models/m/s.bin", Seeded("s", 1234))
    server.get(MANIFEST)
    server.wait_complete(MANIFEST)
    assert server.get("/tfjs-models/m/s.bin").body == content.all()


def test_an_answer_that_comes_at_once_is_not_lost(modelhost, talkative, origin):
    """The upstream may have answered before the question was put away. Seen about once in 1,500."""
    origin.script(None, Act(body=b"{}"))
    with talkative.connect(timeout=3 * modelhost.patience) as client:
        for number in range(500 if modelhost.sanitizer else 5000):
            reply = client.request(f"/tfjs-models/{number}/model.json").read_reply()
            assert reply.status == 502


@pytest.mark.parametrize("theirs", ["text/html", "application/x-own, text/html", "image/svg+xml", "application/xhtml+xml", "text/xsl",
                                    "multipart/x-mixed-replace; boundary=a"])
def test_what_a_browser_shows_as_a_page_has_no_rights_of_ours(server, origin, theirs):
    """A mirror's files share our origin, and with it /-/api/; of a list of types browsers take the last."""
    origin.add("/tfjs-models/page.unknown", b"bytes")
    origin.script("/tfjs-models/page.unknown", Act(headers={"Content-Type": theirs}))
    reply = server.get("/tfjs-models/page.unknown")
    assert reply.status == 200
    assert reply.header("Content-Security-Policy") == "sandbox allow-scripts"
