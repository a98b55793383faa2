# SPDX-License-Identifier: Apache-2.0
"""--watch: pages carry a script, and a stream of events tells what changed since they were made."""

import json
import os
import re

import pytest

PAGE = b"<!doctype html><title>app</title><p>the app</p></body></html>\n"
SCRIPT = re.compile(rb'<script src="/-/watch\.js" data-seen="([0-9a-f]{16})-(\d+)" defer></script>')
PERSON = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "app"
    (root / "css").mkdir(parents=True)
    (root / "index.html").write_bytes(PAGE)
    (root / "app.js").write_text("export {}\n")
    (root / "css" / "a.css").write_text("p{}\n")
    return root


@pytest.fixture
def server(modelhost, root):
    return modelhost.start(root, "--watch")


class Stream:
    """The events of /-/watch, as their data."""

    def __init__(self, server):
        self.connection = server.ask("/-/watch")
        self.head = self.connection.read_head()
        self._pieces = self.connection.body_pieces(self.head)
        self._text = b""
        self.state = self.next()

    def next(self):
        while True:
            while b"\n\n" not in self._text:
                self._text += next(self._pieces)
            block, self._text = self._text.split(b"\n\n", 1)
            fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line)
            if "data" in fields:
                assert fields["event"] == "files"
                return json.loads(fields["data"])

    def until(self, claim):
        """The next state for which the claim holds; the connection's deadline ends the wait."""
        while not claim(self.state):
            self.state = self.next()
        return self.state

    def change(self):
        """The next state, and the page's number before."""
        before, self.state = self.state, self.next()
        return before, self.state


@pytest.fixture
def stream(server):
    stream = Stream(server)
    yield stream
    stream.connection.close()


def mark_of(reply):
    """(start, number) of the one script in a page."""
    [(start, number)] = SCRIPT.findall(reply.body)
    return start.decode(), int(number)


# --- what is put into pages ---


@pytest.mark.parametrize("path", ["/", "/index.html"])
def test_a_page_gets_the_script(server, path):
    reply = server.get(path)
    assert SCRIPT.sub(b"", reply.body) == PAGE
    assert reply.body.index(b"<script src") == PAGE.index(b"</body>")
    assert reply.header("Content-Length") == str(len(reply.body))
    assert reply.header("Cache-Control") == "no-cache"
    head = server.fetch(path, "HEAD")
    assert (head.header("Content-Length"), head.header("ETag")) == (str(len(reply.body)), reply.header("ETag"))
    again = server.get(path, headers={"If-None-Match": reply.header("ETag")})
    assert again.status == 304 and again.header("ETag") == reply.header("ETag")


def test_the_etag_follows_what_is_sent(server, stream, root):
    before = server.get("/")
    (root / "app.js").write_text("export {}; // changed\n")
    stream.until(lambda state: state["page"] > 0)
    after = server.get("/", headers={"If-None-Match": before.header("ETag")})
    assert after.status == 200 and after.header("ETag") != before.header("ETag")
    assert mark_of(after)[1] > mark_of(before)[1]
    # Its file's time says nothing about what is sent.
    assert after.header("Last-Modified") is None
    assert server.get("/", headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}).status == 200


def test_ranges_are_not_given(server):
    reply = server.get("/", headers={"Range": "bytes=0-9"})
    assert reply.status == 200 and SCRIPT.search(reply.body)


def test_other_files_are_sent_byte_for_byte(server, root):
    assert server.get("/app.js").body == (root / "app.js").read_bytes()
    assert server.get("/css/a.css").body == (root / "css" / "a.css").read_bytes()
    assert server.get("/app.js", headers={"Range": "bytes=0-5"}).body == b"export"


def test_a_sibling_of_a_page_is_passed_over(modelhost, root):
    (root / "index.html.gz").write_bytes(b"\x1f\x8b not asked for")
    reply = modelhost.start(root, "--watch").get("/", headers={"Accept-Encoding": "gzip, br"})
    assert reply.header("Content-Encoding") is None and SCRIPT.search(reply.body)


def test_a_page_without_end_tags_and_one_of_wide_letters(server, root):
    (root / "short.html").write_bytes(b"<p>short")
    (root / "wide.html").write_bytes("\ufeff<p>wide</p></body>".encode("utf-16-le"))
    assert SCRIPT.sub(b"|", server.get("/short.html").body) == b"<p>short|"
    assert server.get("/wide.html").body == (root / "wide.html").read_bytes()


def test_without_it_nothing_is_touched(modelhost, root):
    server = modelhost.start(root)
    assert server.get("/").body == PAGE and server.get("/").header("Last-Modified")
    assert server.get("/-/watch").status == 404 and server.get("/-/watch.js").status == 404


def test_with_spa_isolate_and_listing(modelhost, root):
    server = modelhost.start(root, "--watch", "--spa", "--isolate", "--listing")
    reply = server.get("/some/route", headers=PERSON)
    assert SCRIPT.search(reply.body) and reply.header("Cross-Origin-Embedder-Policy") == "require-corp"
    assert "Accept" in reply.header("Vary")
    assert SCRIPT.search(server.get("/css/").body)
    assert not SCRIPT.search(server.get("/none").body)


def test_nothing_to_watch(modelhost):
    done = modelhost.run("serve", "--watch")
    assert done.returncode == 2 and "there is no directory to watch" in done.stderr


def test_the_script(server):
    reply = server.get("/-/watch.js")
    assert reply.header("Content-Type").startswith("text/javascript") and b"EventSource('/-/watch')" in reply.body
    head = server.fetch("/-/watch.js", "HEAD")
    assert head.header("Content-Length") == str(len(reply.body))


# --- the stream ---


def test_a_stream_begins_with_what_pages_are_made_of(server, stream):
    start, number = mark_of(server.get("/"))
    assert stream.state == {"start": start, "page": number, "styles": {}}
    assert stream.head.header("Content-Type") == "text/event-stream"
    assert stream.head.header("Access-Control-Allow-Origin") is None


def test_it_is_for_our_own_pages(server):
    for headers in ({"Origin": "https://foreign.example"}, {"Host": "foreign.example"}):
        assert server.get("/-/watch", headers=headers).status == 403


def test_streams_of_both_kinds_tell_their_own(server, stream, root):
    with server.ask("/-/events") as other:
        pieces = other.body_pieces(other.read_head())
        text = b""
        while b"event: models" not in text:
            text += next(pieces)
        assert b"event: files" not in text
        (root / "app.js").write_text("1\n")
        assert stream.until(lambda state: state["page"] > 0)["styles"] == {}


def write_in_place(path):
    path.write_text("changed in place\n")


def rename_over(path):
    """As most editors do: a file of another name takes the place."""
    other = path.with_name(path.name + ".tmp123")
    other.write_text("renamed\n")
    os.rename(other, path)


def save_as_vim(path):
    """A backup by rename, a new file, and the backup goes; after a test of the directory."""
    probe, backup = path.with_name("4913"), path.with_name(path.name + "~")
    probe.write_text("")
    probe.unlink()
    os.rename(path, backup)
    path.write_text("saved\n")
    backup.unlink()


SAVES = [write_in_place, rename_over, save_as_vim]


@pytest.mark.parametrize("save", SAVES)
def test_a_style_sheet_is_no_reason_to_reload(server, stream, root, save):
    save(root / "css" / "a.css")
    state = stream.until(lambda state: state["styles"])
    assert state["page"] == 0 and list(state["styles"]) == ["/css/a.css"]
    assert mark_of(server.get("/"))[1] == state["styles"]["/css/a.css"]


@pytest.mark.parametrize("save", SAVES)
@pytest.mark.parametrize("name", ["index.html", "app.js"])
def test_anything_else_is(server, stream, root, save, name):
    save(root / name)
    assert stream.until(lambda state: state["page"] > 0)["styles"] == {}


def test_what_is_removed_or_moved(server, stream, root):
    (root / "app.js").unlink()
    page = stream.until(lambda state: state["page"] > 0)["page"]
    (root / "css" / "a.css").unlink()
    page = stream.until(lambda state: state["page"] > page)["page"]
    os.rename(root / "css", root / "styles")
    stream.until(lambda state: state["page"] > page)


def settle(stream, root):
    """A change that means something, after others that should not: whatever those meant has been told."""
    (root / "css" / "a.css").write_text(f"p{{}} /* {os.urandom(4).hex()} */\n")
    before = stream.state["styles"].get("/css/a.css", 0)
    return stream.until(lambda state: state["styles"].get("/css/a.css", 0) > before)


def test_new_directories_are_watched(server, stream, root, tmp_path):
    ready = tmp_path / "ready" / "deep"
    ready.mkdir(parents=True)
    (ready / "in.css").write_text("p{}\n")
    os.rename(tmp_path / "ready", root / "moved")
    stream.until(lambda state: "/moved/deep/in.css" in state["styles"])
    (root / "made" / "below").mkdir(parents=True)
    settle(stream, root)
    (root / "made" / "below" / "a b.css").write_text("p{}\n")
    assert stream.until(lambda state: "/made/below/a%20b.css" in state["styles"])["page"] == 0


def test_a_moved_directory_has_its_new_name_alone(server, stream, root, tmp_path):
    os.rename(root / "css", root / "styles")
    page = stream.until(lambda state: state["page"] > 0)["page"]
    (root / "styles" / "a.css").write_text("q{}\n")
    assert list(stream.until(lambda state: state["styles"])["styles"]) == ["/styles/a.css"]
    # And out of the tree, it is nobody's.
    os.rename(root / "styles", tmp_path / "elsewhere")
    page = stream.until(lambda state: state["page"] > page)["page"]
    (tmp_path / "elsewhere" / "a.css").write_text("r{}\n")
    (tmp_path / "elsewhere" / "b.html").write_text("r\n")
    (root / "b.css").write_text("p{}\n")
    state = stream.until(lambda state: state["styles"])
    assert (list(state["styles"]), state["page"]) == (["/b.css"], page)


def test_what_no_page_is_made_of(server, stream, root, tmp_path):
    """Hidden files, what is under node_modules, maps for debuggers, backups, what comes and goes."""
    for name in (".git", "node_modules"):
        (root / name).mkdir()
        (root / name / "x.js").write_text("x\n")
    (root / ".hidden.js").write_text("x\n")
    (root / "app.js.map").write_text("{}\n")
    (root / "app.js~").write_text("x\n")
    (root / "build.lock").write_text("x\n")
    (root / "build.lock").unlink()
    (root / "empty").mkdir()
    assert settle(stream, root)["page"] == 0


def test_a_link_counts_when_it_is_made(server, stream, root):
    (root / "link.js").symlink_to("app.js")
    stream.until(lambda state: state["page"] > 0)


def test_many_files_at_once_are_few_events(server, stream, root):
    for i in range(300):
        (root / f"{i}.css").write_text("p{}\n")
    # More styles than are remembered one by one: then the page is loaded anew.
    stream.until(lambda state: state["page"] > 0)


def test_it_ends_with_the_server(server, stream):
    server.stop()
    with pytest.raises(StopIteration):
        while True:
            stream.next()


def test_a_restart_has_another_start(modelhost, server, stream, root):
    server.stop()
    again = modelhost.start(root, "--watch")
    assert mark_of(again.get("/"))[0] != stream.state["start"]
