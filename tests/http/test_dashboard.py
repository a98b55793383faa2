# SPDX-License-Identifier: Apache-2.0
"""/-/ and /-/try as a server writes them: who may read them, under which policy, and what they say."""

import re

import pytest

PAGES = ["/-/", "/-/try"]
UI = ["api.js", "bodypix.js", "charts.js", "dashboard.js", "format.js", "icon.svg", "style.css", "try.js"]


@pytest.mark.parametrize("path", PAGES)
def test_the_policy_lets_nothing_foreign_in(server, path):
    reply = server.get(path)
    policy = dict(part.strip().split(" ", 1) for part in reply.header("Content-Security-Policy").split(";"))
    assert reply.status == 200 and reply.header("Content-Type") == "text/html; charset=utf-8"
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert reply.header("Cache-Control") == "no-store" and reply.header("X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(server, path):
    text = server.get(path).text
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", text)
    assert all(url.startswith(("/-/", "#")) for url in re.findall(r'(?:src|href)="([^"]*)"', text))


@pytest.mark.parametrize("path", [*PAGES, "/-/ui/dashboard.js"])
@pytest.mark.parametrize("headers", [{"Origin": "http://page.example"}, {"Origin": "null"}, {"Host": "page.example"}])
def test_it_is_for_no_foreign_page(server, path, headers):
    reply = server.get(path, headers=headers)
    assert reply.status == 403 and reply.header("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("path", PAGES)
def test_no_page_may_read_it_by_cors(server, path):
    assert server.get(path).header("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("path", [*PAGES, "/-/ui/style.css"])
def test_head_says_what_get_says(server, path):
    get, head = server.get(path), server.fetch(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Cache-Control", "Content-Security-Policy"):
        assert head.header(name) == get.header(name)
    assert int(head.header("Content-Length")) > 0
    if path != "/-/":  # which tells of bytes sent, and so has another length each time
        assert head.header("Content-Length") == get.header("Content-Length")


@pytest.mark.parametrize("name", UI)
def test_every_file_of_the_pages_is_there(server, name):
    reply = server.get("/-/ui/" + name)
    assert reply.status == 200 and reply.body and reply.header("X-Content-Type-Options") == "nosniff"


def test_a_file_that_there_is_not(server):
    assert server.get("/-/ui/nothing.js").status == 404 and server.get("/-/ui/").status == 404


def test_every_place_of_the_pages_is_filled(server):
    for path in PAGES:
        assert "<!--@" not in server.get(path).text


def test_models_and_counters_are_in_the_page(server, make_model):
    model = make_model({"a.bin": 1000})
    server.get(model.path)
    server.wait_complete(model.path)
    server.wait_idle()
    server.get(model.path)
    text = server.get("/-/").text
    assert model.path in text and "2 files" in text and "complete" in text and "1 of 2" in text


def test_what_to_paste_has_the_clients_own_address(server):
    text = server.get("/-/", headers={"Host": "localhost:4711"}).text
    assert re.search(r'"first-url">http://localhost:4711/tfjs-models/\S*/model-stride16.json<', text)


def test_names_are_escaped(server, origin):
    name = "/tfjs-models/%3Cscript%3Ealert(1)%3C/script%3E%22%27&.bin"
    origin.add(name, b"bytes")
    assert server.get(name).status in (200, 404)
    text = server.get("/-/").text
    assert "<script>alert" not in text


def test_without_the_mirror_there_is_nothing_to_offer(modelhost, origin):
    server = modelhost.start(origin=origin, settings={"mirror tfjs-models.enabled": "off", "mirror npm.enabled": "off"})
    assert "data-path=" not in server.get("/-/try").text and 'data-npm=""' in server.get("/-/try").text


def test_offline_is_said(modelhost, origin):
    server = modelhost.start("--offline", origin=origin)
    assert "offline" in server.get("/-/").text


def test_models_tell_of_their_upstream(modelhost, origin, make_model):
    model = make_model({"a.bin": 1000})
    server = modelhost.start(origin=origin)
    server.get(model.path)
    server.wait_complete(model.path)
    told = server.model(model.path)
    assert told["upstream"] == "fresh" and told["validated"].endswith("Z")
    server.stop()
    server = modelhost.start("--offline", origin=origin)
    assert server.wait_complete(model.path)["upstream"] == "offline"
    server.stop()
    server = modelhost.start(origin=origin, settings={"mirror tfjs-models.revalidate": "always"})
    assert server.wait_complete(model.path)["upstream"] == "due"
