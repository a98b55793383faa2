# SPDX-License-Identifier: Apache-2.0
"""/-/client.js and its forms, as they are served. What they do is tests/browser's business."""

import json
import re

import pytest

FORMS = ["/-/client.js", "/-/client.mjs", "/-/sw.js"]
BUCKET = "https://storage.googleapis.com/tfjs-models/"


def mirrors_of(reply):
    return json.loads(re.search(r"^const MIRRORS = (.*);$", reply.text, re.MULTILINE)[1])


def origin_of(reply):
    return json.loads(re.search(r"^const SERVED_AT = (.*);$", reply.text, re.MULTILINE)[1])


@pytest.mark.parametrize("form", FORMS)
def test_how_they_are_served(server, form):
    reply = server.get(form, headers={"Origin": "http://page.example"})
    assert (reply.status, reply.header("Content-Type")) == (200, "text/javascript; charset=utf-8")
    assert reply.header("Cache-Control") == "no-cache"
    assert reply.header("Access-Control-Allow-Origin") == "*"
    assert reply.header("Cross-Origin-Resource-Policy") == "cross-origin"
    assert reply.header("Service-Worker-Allowed") == "/"
    assert "@modelhost-" not in reply.text
    head = server.fetch(form, "HEAD")
    assert head.header("Content-Length") == str(len(reply.body)) and head.body == b""
    assert server.fetch(form, "POST").status == 405


def test_each_form_ends_in_its_own_way(server):
    script, module, worker = (server.get(form).text for form in FORMS)
    assert "currentScript" in script and "export" not in script and script.startswith("(() => {")
    assert "export default" in module and "import.meta.url" in module
    assert "addEventListener('fetch'" in worker and "export" not in worker


@pytest.mark.parametrize("form", FORMS)
def test_every_address_of_a_mirror(modelhost, form):
    server = modelhost.start(settings={
        "mirror tfjs-models.upstream": "http://127.0.0.1:9/other/",
        "mirror tfjs-models.fallback": "http://127.0.0.1:9/second/ http://127.0.0.1:9/third/",
        "mirror mine.upstream": "https://models.example/",
        "mirror mine.path": "/deep/mine/",
        "mirror npm.enabled": "off",
    })
    found = mirrors_of(server.get(form))
    assert [from_ for from_, to in found if to == "/tfjs-models/"] == [
        "http://127.0.0.1:9/other/", "http://127.0.0.1:9/second/", "http://127.0.0.1:9/third/", BUCKET]
    assert [from_ for from_, to in found if to == "/tfhub/"] == ["https://tfhub.dev/"]
    assert ["https://models.example/", "/deep/mine/"] in found
    assert not any("jsdelivr" in from_ or to == "/npm/" for from_, to in found)


@pytest.mark.parametrize(
    "host, headers, wanted",
    [("127.0.0.1:80", {}, "http://127.0.0.1:80"), ("[::1]:8080", {}, "http://[::1]:8080"),
     ("models.example", {"X-Forwarded-Proto": "https"}, "https://models.example"),
     ("models.example", {"X-Forwarded-Proto": "javascript"}, "http://models.example"),
     ("x';alert(1)//", {}, ""), ('x"</script>', {}, ""), ("user@evil.example", {}, "")],
)
def test_the_address_that_it_was_asked_for_under(server, host, headers, wanted):
    reply = server.get("/-/client.js", headers={"Host": host, **headers})
    assert origin_of(reply) == wanted and "alert(1)" not in reply.text


def test_isolated_pages_may_make_workers_of_it(modelhost):
    assert modelhost.start("--isolate").get("/-/sw.js").header("Cross-Origin-Embedder-Policy") == "require-corp"
