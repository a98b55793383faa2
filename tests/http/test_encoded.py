# SPDX-License-Identifier: Apache-2.0
"""Precompressed siblings in the app's directory: index.html.br beside index.html."""

import gzip
import os

import pytest

TEXT = b"console.log('plain');\n" * 100
BR, ZSTD, GZIP = b"these stand for brotli", b"these stand for zstd", gzip.compress(TEXT)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "app"
    root.mkdir()
    for name, data in (("app.js", TEXT), ("app.js.br", BR), ("app.js.zst", ZSTD), ("app.js.gz", GZIP),
                       ("only.css", TEXT), ("only.css.gz", GZIP), ("index.html", TEXT), ("index.html.gz", GZIP),
                       ("w.bin", TEXT), ("w.bin.gz", GZIP), ("old.js", TEXT), ("old.js.gz", GZIP), ("none.js", TEXT)):
        (root / name).write_bytes(data)
        os.utime(root / name, (1_700_000_000, 1_700_000_000))
    os.utime(root / "old.js.gz", (1_600_000_000, 1_600_000_000))
    return root


@pytest.fixture
def app(modelhost, root):
    return modelhost.start(root)


@pytest.mark.parametrize(
    "path, accepted, encoding, data",
    [("/app.js", "gzip, deflate, br, zstd", "br", BR), ("/app.js", "gzip, zstd", "zstd", ZSTD),
     ("/app.js", "gzip;q=1, br;q=0.5", "gzip", GZIP), ("/app.js", "br;q=0", None, TEXT), ("/app.js", None, None, TEXT),
     ("/only.css", "br, gzip;q=0.5", "gzip", GZIP), ("/", "gzip", "gzip", GZIP), ("/w.bin", "gzip", None, TEXT),
     ("/old.js", "gzip", None, TEXT), ("/none.js", "br, gzip", None, TEXT), ("/app.js.gz", "gzip", None, GZIP)],
)
def test_the_best_sibling_is_sent(app, path, accepted, encoding, data):
    headers = {"Accept-Encoding": accepted} if accepted else {}
    with app.connect() as connection:
        for _ in range(5):  # kept answers included
            reply = connection.request(path, headers=headers).read_reply()
            assert (reply.status, reply.header("Content-Encoding"), reply.body) == (200, encoding, data)
    head = app.fetch(path, "HEAD", headers=headers)
    assert head.header("Content-Length") == str(len(data)) and head.header("Content-Encoding") == encoding


def test_each_representation_has_its_own_strong_etag(app):
    fields = [{}, *({"Accept-Encoding": name} for name in ("br", "zstd", "gzip"))]
    replies = [app.get("/app.js", headers=field) for field in fields]
    tags = [reply.header("ETag") for reply in replies]
    assert len(set(tags)) == 4
    assert all("Accept-Encoding" in reply.header("Vary") for reply in replies)
    assert {reply.header("Content-Type") for reply in replies} == {"text/javascript; charset=utf-8"}
    for field, tag in zip(fields, tags):
        same = app.get("/app.js", headers={**field, "If-None-Match": tag})
        assert (same.status, same.header("ETag")) == (304, tag) and "Accept-Encoding" in same.header("Vary")
        other = app.get("/app.js", headers={**field, "If-None-Match": tags[tags.index(tag) - 1]})
        assert other.status == 200


def test_kept_answers_do_not_mix_representations(app):
    wanted = {"br": BR, "zstd": ZSTD, "gzip": GZIP, "identity": TEXT}
    with app.connect() as connection:
        for _ in range(30):
            for name, data in wanted.items():
                assert connection.request("/app.js", headers={"Accept-Encoding": name}).read_reply().body == data


def test_ranges_are_of_the_file_itself(app):
    reply = app.get("/app.js", headers={"Accept-Encoding": "br, gzip", "Range": "bytes=0-9"})
    assert (reply.status, reply.header("Content-Encoding"), reply.body) == (206, None, TEXT[:10])
