# SPDX-License-Identifier: Apache-2.0
"""The transport-free half of the scripted origin: what is there, what is said, what was asked.

A Site holds contents by path, scripts (`Act`s, one per request, the last one stays), named gates
where an answer waits until the test lets it go, and the journal. The servers in origin.py and
h2_origin.py only carry its answers.
"""

import gzip
import itertools
import mimetypes
import re
import threading
import time
import urllib.parse
from dataclasses import dataclass, field, fields
from email.utils import formatdate
from pathlib import Path
from typing import Any

from content import Bytes, Content, File, missing_shards

PATIENCE = 60.0  # how long anything here waits before it calls the test broken
LAST_MODIFIED = "Fri, 01 Nov 2019 17:00:00 GMT"
GENERATION = "1572627600000000"
NO_SUCH_KEY = (
    "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code><Message>The specified key "
    "does not exist.</Message><Details>No such object: {}</Details></Error>"
)


class Gate:
    """A place where answers wait. The test waits for them to arrive, and lets them go."""

    def __init__(self, name=""):
        self.name = name
        self._condition = threading.Condition()
        self._arrived = 0
        self._open = False

    def hold(self):
        """Called by the server: arrive, and wait to be let go."""
        with self._condition:
            self._arrived += 1
            self._condition.notify_all()
            if not self._condition.wait_for(lambda: self._open, PATIENCE):
                raise TimeoutError(f"nobody released the gate '{self.name}'")

    def wait_arrived(self, count=1, timeout=20.0):
        with self._condition:
            if not self._condition.wait_for(lambda: self._arrived >= count, timeout):
                raise TimeoutError(
                    f"{self._arrived} of {count} answers came to the gate '{self.name}' in {timeout} s"
                )

    def release(self):
        with self._condition:
            self._open = True
            self._condition.notify_all()


@dataclass
class Act:
    """How one request is answered, where that differs from the plain truth."""

    # What is said.
    status: int | None = None
    body: Any = None  # bytes, str or Content, instead of the object
    headers: dict = field(default_factory=dict)  # None takes one away; a list sends several
    flip: int | None = None  # flip all bits of the byte at this offset
    append: bytes = b""  # bytes after the object's own, counted in its length
    gzip: bool = False  # Content-Encoding: gzip, asked for or not
    stored_gzip: bool = False  # a bucket's object stored as gzip: decoded for who does not take gzip
    content_length: int | None = None  # what the head claims, whatever is sent
    ignore_range: bool = False
    content_range: str | None = None  # what a 206 claims
    ignore_conditions: bool = False  # never answer 304
    rotate_etag: bool = False  # another ETag with every answer, for the same bytes

    # How it is sent (HTTP/1.1; HTTP/2 knows cut_at, piece, pace, gates and goaway).
    framing: str = "length"  # "length", "chunked", or "close": the end of the connection is the end
    end_chunks: bool = True  # False: the last chunk never comes, the connection ends
    cut_at: int | None = None  # close after so many body bytes
    reset_at: int | None = None  # reset the connection after so many body bytes
    close: bool = False  # close after the answer
    interim: tuple = ()  # informational answers first: statuses, or (status, {header: value})
    goaway: int | None = None  # HTTP/2: after so many body bytes; with `close` the connection ends then
    piece: int = 256 << 10
    pace: float = 0.0  # seconds between pieces: a slow link, not a synchronisation
    gates: dict = field(default_factory=dict)  # "request" | "head" | body bytes sent -> gate or name
    raw: bytes | None = None  # exactly these bytes, then close

    @classmethod
    def from_json(cls, members):
        known = {item.name for item in fields(cls)}
        unknown = set(members) - known
        if unknown:
            raise ValueError(f"unknown members of an act: {', '.join(sorted(unknown))}")
        act = cls(**members)
        act.gates = {int(at) if at.isdigit() else at: gate for at, gate in act.gates.items()}
        act.interim = tuple(act.interim)
        for name in ("append", "raw"):
            value = getattr(act, name)
            if isinstance(value, str):
                setattr(act, name, value.encode())
        return act


@dataclass
class Entry:
    """One request, as it came, and what became of it."""

    number: int
    connection: int
    method: str
    target: str
    headers: list
    version: str = "HTTP/1.1"
    status: int = 0
    sent: int = 0  # body bytes handed to the connection
    error: str = ""
    is_done: bool = False
    began_at: float = field(default_factory=time.monotonic)
    ended_at: float = 0.0

    @property
    def path(self):
        return urllib.parse.unquote(self.target.split("?", 1)[0])

    def header(self, name):
        """The header's lines joined, or None."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


class Journal:
    """Every request in the order of arrival. Counts are what 'exactly one' is asserted on."""

    def __init__(self):
        self._condition = threading.Condition()
        self._entries = []
        self._numbers = itertools.count(1)

    def begin(self, connection, method, target, headers, version):
        with self._condition:
            entry = Entry(next(self._numbers), connection, method, target, headers, version)
            self._entries.append(entry)
            self._condition.notify_all()
            return entry

    def end(self, entry, error=""):
        with self._condition:
            entry.is_done = True
            entry.error = entry.error or error
            entry.ended_at = time.monotonic()
            self._condition.notify_all()

    def entries(self, path=None, method=None):
        with self._condition:
            return [
                entry
                for entry in self._entries
                if path in (None, entry.path, entry.target) and method in (None, entry.method)
            ]

    def targets(self):
        return [entry.target for entry in self.entries()]

    def count(self, path=None):
        return len(self.entries(path))

    def clear(self):
        with self._condition:
            self._entries.clear()

    def wait(self, path=None, count=1, done=False, timeout=20.0):
        """Wait for `count` requests of a path (of any), begun or done. Returns them."""

        def found():
            return [entry for entry in self.entries(path) if entry.is_done or not done]

        with self._condition:  # an RLock: entries() takes it again
            if not self._condition.wait_for(lambda: len(found()) >= count, timeout):
                raise TimeoutError(
                    f"{len(found())} of {count} requests for {path or 'anything'} within {timeout} s; "
                    f"the journal has {self.targets()}"
                )
            return found()


@dataclass
class Answer:
    status: int
    headers: list  # of (name, value), without framing
    content: Content
    start: int
    end: int
    act: Act

    @property
    def length(self):
        return self.end - self.start


class Flipped(Content):
    def __init__(self, content, at):
        self.content, self.at, self.size = content, at, content.size

    def read(self, offset, n):
        data = bytearray(self.content.read(offset, n))
        if offset <= self.at < offset + len(data):
            data[self.at - offset] ^= 0xFF
        return bytes(data)


class Joined(Content):
    def __init__(self, first, second):
        self.first, self.second, self.size = first, second, first.size + len(second)

    def read(self, offset, n):
        n = max(0, min(n, self.size - offset))
        data = self.first.read(offset, min(n, self.first.size - offset)) if offset < self.first.size else b""
        at = max(0, offset - self.first.size)
        return data + self.second[at : at + n - len(data)]


class Site:
    """Contents, scripts, gates and the journal. All methods may be called from any thread."""

    def __init__(self, tree=None, fill=True):
        self.tree = Path(tree).resolve() if tree else None
        self.journal = Journal()
        self._lock = threading.Lock()
        self._contents = {}
        self._scripts = {}
        self._gates = {}
        self._held = []  # every gate that a script has ever named
        self._connections = itertools.count(1)
        self._tags = itertools.count(1)
        if self.tree and fill:
            self._contents.update(missing_shards(self.tree))

    # --- what is there ---

    def add(self, path, content):
        """Serve bytes, text or a Content at a path, or at a target with its query."""
        if isinstance(content, str):
            content = content.encode()
        if not isinstance(content, Content):
            content = Bytes(content)
        with self._lock:
            self._contents[path] = content
        return content

    def add_all(self, contents):
        """Serve several Contents, all from the same moment on."""
        with self._lock:
            self._contents.update(contents)

    def remove(self, path):
        with self._lock:
            del self._contents[path]

    def content(self, target):
        """The content at a target, or None."""
        path = urllib.parse.unquote(target.split("?", 1)[0])
        with self._lock:
            made = self._contents.get(target) or self._contents.get(path)
        return made or self._file(path)

    def _file(self, path):
        if not self.tree or "\0" in path:
            return None
        file = (self.tree / path.lstrip("/")).resolve()
        return File(file) if file.is_relative_to(self.tree) and file.is_file() else None

    # --- what is said ---

    def script(self, path, *acts):
        """Answer the next requests of a path (None: of all others) so; the last act stays. No acts:
        the plain truth again."""
        with self._lock:
            self._scripts[path] = list(acts)
            for act in acts:
                self._held += [gate for gate in act.gates.values() if isinstance(gate, Gate)]

    def gate(self, name):
        with self._lock:
            return self._gates.setdefault(name, Gate(name))

    def release_all(self):
        """Let everything go, for good: the end of a test."""
        with self._lock:
            gates = [*self._gates.values(), *self._held]
        for gate in gates:
            gate.release()

    def next_connection(self):
        with self._lock:
            return next(self._connections)

    def gate_of(self, gate):
        return gate if isinstance(gate, Gate) else self.gate(gate)

    def next_act(self, path):
        with self._lock:
            acts = self._scripts.get(path) or self._scripts.get(None) or [Act()]
            return acts.pop(0) if len(acts) > 1 else acts[0]

    def answer(self, entry, act):
        """Decide on everything but the framing."""
        content = self.content(entry.target)
        if act.body is not None:
            content = _as_content(act.body)
        elif content is None or (act.status or 200) >= 300:
            return self._plain(entry, act, act.status or 404)
        stored = _gzipped(content) if act.stored_gzip else None
        takes_gzip = "gzip" in (entry.header("Accept-Encoding") or "")
        content = _changed(stored if stored and takes_gzip else content, act)
        headers = {
            "Date": formatdate(usegmt=True),
            "Server": "UploadServer",
            "Content-Type": _type_of(entry.path),
            "Last-Modified": LAST_MODIFIED,
            "x-goog-generation": GENERATION,
            "Accept-Ranges": "bytes",
            "Cache-Control": "public, max-age=3600",
            **self._true_hash(entry, act, content),
        }
        if act.gzip or (stored and takes_gzip):
            headers["Content-Encoding"] = "gzip"
        if stored:
            headers |= {"x-goog-stored-content-encoding": "gzip", **stored.hash_headers()}
        if act.rotate_etag:
            headers["ETag"] = f'"rotated-{next(self._tags)}"'
        status, start, end = act.status or 200, 0, content.size
        if status == 200:
            status, start, end = self._conditions(entry, act, content, headers)
        return Answer(status, _lines({**headers, **act.headers}), content, start, end, act)

    def _true_hash(self, entry, act, content):
        """The hash of what should have been sent: a broken transfer does not mend its own label.

        A body put in the object's place is another object, and an encoded one has no hash."""
        true = self.content(entry.target)
        if true is None:  # taken away since it was looked up: nothing that is sent is it any more
            return {"x-goog-hash": "md5=1B2M2Y8AsgTpgAmY7PhCfg=="}
        if act.gzip:
            return {name: value for name, value in true.hash_headers().items()
                    if name in ("Last-Modified", "x-goog-generation")}
        if act.body is not None:
            return content.hash_headers()
        return true.hash_headers()

    @staticmethod
    def _plain(entry, act, status):
        """An answer without an object: an error, a redirect."""
        body = _as_content(NO_SUCH_KEY.format(entry.path.lstrip("/")) if status == 404 else f"{status}\n")
        headers = {
            "Date": formatdate(usegmt=True),
            "Content-Type": "application/xml" if status == 404 else "text/plain",
            **act.headers,
        }
        size = 0 if status in (204, 304) else body.size
        return Answer(status, _lines(headers), body, 0, size, act)

    @staticmethod
    def _conditions(entry, act, content, headers):
        """304, 206, 416 or 200, and the stretch to send. May add to the headers."""
        etag = act.headers.get("ETag", headers.get("ETag"))
        modified = act.headers.get("Last-Modified", headers["Last-Modified"])
        wanted = entry.header("If-None-Match")
        if wanted is not None and not act.ignore_conditions and etag in re.split(r"\s*,\s*", wanted):
            return 304, 0, 0
        since = entry.header("If-Modified-Since")
        if wanted is None and since is not None and since == modified and not act.ignore_conditions:
            return 304, 0, 0
        ranged = re.fullmatch(r"bytes=(\d+)-(\d*)", entry.header("Range") or "")
        if not ranged or act.ignore_range or entry.header("If-Range") not in (None, etag, modified):
            return 200, 0, content.size
        start = int(ranged[1])
        end = min(int(ranged[2]) + 1, content.size) if ranged[2] else content.size
        if start >= content.size:
            headers["Content-Range"] = f"bytes */{content.size}"
            return 416, 0, 0
        headers["Content-Range"] = act.content_range or f"bytes {start}-{end - 1}/{content.size}"
        return 206, start, end


def _as_content(body):
    if isinstance(body, Content):
        return body
    return Bytes(body.encode() if isinstance(body, str) else body)


def _gzipped(content):
    return Bytes(gzip.compress(content.all(), mtime=0))


def _changed(content, act):
    if act.flip is not None:
        content = Flipped(content, act.flip)
    if act.append:
        content = Joined(content, act.append)
    if act.gzip:
        content = _gzipped(content)
    return content


def _type_of(path):
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def _lines(headers):
    lines = []
    for name, value in headers.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                lines.append((name, str(one)))
    return lines


def body_steps(answer, site):
    """The body in pieces, with the act's gates, pace and end in their places.

    Yields bytes; a step is ("cut",) or ("reset",) where the act wants the connection to end, and
    ("goaway",) where HTTP/2 says that it will."""
    act = answer.act
    ends = [(at, kind) for at, kind in ((act.cut_at, "cut"), (act.reset_at, "reset")) if at is not None]
    stop_at, kind = min(ends, default=(None, None))
    marks = sorted(at for at in act.gates if isinstance(at, int))
    goaway = act.goaway
    stop = answer.length if stop_at is None else min(stop_at, answer.length)
    sent = 0
    pause = threading.Event()
    while True:
        while marks and marks[0] <= sent:
            site.gate_of(act.gates[marks.pop(0)]).hold()
        if goaway is not None and goaway <= sent:
            goaway = None
            yield ("goaway",)
        if sent >= stop:
            break
        n = min(act.piece, stop - sent, *[mark - sent for mark in [*marks[:1], *([] if goaway is None else [goaway])]])
        yield answer.content.read(answer.start + sent, n)
        sent += n
        if act.pace and sent < stop:
            pause.wait(act.pace)
    if kind:
        yield (kind,)
