# SPDX-License-Identifier: Apache-2.0
"""A raw HTTP/1.1 client: sends exactly the bytes it is given, and knows a cut body from a whole one.

No library in between: what matters here is what a proxy, a browser or an attacker would see on the
wire, and whether the end of a body was its end.
"""

import socket
import time
from dataclasses import dataclass, field

TIMEOUT = 20.0
PIECE = 256 << 10


class Cut(Exception):
    """The connection ended before the message did."""


@dataclass
class Reply:
    status: int
    reason: str
    version: str
    headers: list  # of (name, value) as they came
    body: bytes = b""
    is_complete: bool = False  # the framing said that this was all

    def header(self, name, default=None):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else default

    def names(self):
        return {name.lower() for name, _ in self.headers}

    def json(self):
        import json

        assert self.is_complete, f"cut after {len(self.body)} bytes"
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()


@dataclass
class Connection:
    """One connection. Reads are bounded by the deadline of each call, never by luck."""

    sock: socket.socket
    timeout: float = TIMEOUT
    buffer: bytearray = field(default_factory=bytearray)
    is_at_end: bool = False
    end_error: str = ""

    def send(self, data):
        self.sock.settimeout(self.timeout)
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def request(self, target, method="GET", headers=(), body=b"", version="HTTP/1.1", host="localhost"):
        """Send a request. headers: a dict, or pairs; Host is added unless it is among them."""
        pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
        names = {name.lower() for name, _ in pairs}
        if "host" not in names and host is not None:
            pairs.insert(0, ("Host", host))
        if body and not names & {"content-length", "transfer-encoding"}:
            pairs.append(("Content-Length", str(len(body))))
        lines = [f"{method} {target} {version}", *[f"{name}: {value}" for name, value in pairs]]
        try:
            self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        except ConnectionError:
            if not body:
                raise
            # A body that nobody wants: the server has answered and closed before it was all sent.
        return self

    # --- reading ---

    def fill(self, deadline):
        """Take what comes next into the buffer. False at the end of the connection."""
        if self.is_at_end:
            return False
        self.sock.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            data = self.sock.recv(PIECE)
        except ConnectionError as error:
            self.is_at_end, self.end_error = True, repr(error)
            return False
        if not data:
            self.is_at_end = True
            return False
        self.buffer += data
        return True

    def read_until(self, mark):
        deadline = time.monotonic() + self.timeout
        while mark not in self.buffer:
            if not self.fill(deadline):
                raise Cut(f"the connection ended after {bytes(self.buffer)!r}")
        end = self.buffer.index(mark) + len(mark)
        taken = bytes(self.buffer[:end])
        del self.buffer[:end]
        return taken

    def wait_for(self, mark, n):
        """Until `mark` and n bytes after it have come; they stay in the buffer. Returns how many there are."""
        deadline = time.monotonic() + self.timeout
        while (at := self.buffer.find(mark)) < 0 or len(self.buffer) < at + len(mark) + n:
            if not self.fill(deadline):
                raise Cut(f"the connection ended after {bytes(self.buffer)!r}")
        return len(self.buffer) - at - len(mark)

    def read_exactly(self, n):
        """n bytes as they stand on the wire. Cut if there are fewer."""
        deadline = time.monotonic() + self.timeout
        while len(self.buffer) < n:
            if not self.fill(deadline):
                raise Cut(f"the connection ended after {len(self.buffer)} of {n} bytes")
        taken = bytes(self.buffer[:n])
        del self.buffer[:n]
        return taken

    def read_head(self):
        """The next final head; informational ones are passed over."""
        while True:
            lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            version, status, *reason = lines[0].split(" ", 2)
            pairs = [line.split(":", 1) for line in lines[1:] if line]
            headers = [(name, value.strip()) for name, value in pairs]
            if int(status) >= 200 or int(status) == 101:
                return Reply(int(status), reason[0] if reason else "", version, headers)

    def read_body(self, reply, method="GET"):
        """The body of a reply whose head was read, and whether it was whole."""
        pieces = []
        try:
            for piece in self.body_pieces(reply, method):
                pieces.append(piece)
            reply.is_complete = True
        except Cut:
            reply.is_complete = False
        reply.body = b"".join(pieces)
        return reply

    def body_pieces(self, reply, method="GET"):
        """The body as it comes, without holding it. Raises Cut at a false end."""
        length = reply.header("Content-Length")
        if method == "HEAD" or reply.status in (204, 304):
            return
        if (reply.header("Transfer-Encoding") or "").lower() == "chunked":
            yield from self._chunks()
        elif length is not None:
            yield from self._stretch(int(length))
        else:
            yield from self._rest()

    def _stretch(self, left):
        while left:
            if not self.buffer and not self.fill(time.monotonic() + self.timeout):
                raise Cut(f"{left} bytes are missing {self.end_error}")
            taken = bytes(self.buffer[:left])
            del self.buffer[:left]
            left -= len(taken)
            yield taken

    def _chunks(self):
        while size := int(self.read_until(b"\r\n").split(b";")[0], 16):
            yield from self._stretch(size)
            assert self.read_exactly(2) == b"\r\n"
        while self.read_until(b"\r\n") != b"\r\n":
            pass  # trailers

    def _rest(self):
        while self.buffer or self.fill(time.monotonic() + self.timeout):
            taken = bytes(self.buffer)
            self.buffer.clear()
            yield taken
        if self.end_error:
            raise Cut(self.end_error)

    def read_reply(self, method="GET"):
        return self.read_body(self.read_head(), method)

    def is_silent_for(self, seconds):
        """Does nothing more come for so long? For what must be withheld: there is no event for a
        thing that does not happen, so this one bounded look is a wait."""
        try:
            return not self.fill(time.monotonic() + seconds) and not self.is_at_end
        except TimeoutError:
            return True

    def reads_end(self):
        """Is there nothing more, and the connection over?"""
        return not self.buffer and not self.fill(time.monotonic() + self.timeout) and self.is_at_end

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def connect(port, timeout=TIMEOUT, host="127.0.0.1", receive_buffer=None):
    sock = socket.socket()
    if receive_buffer:  # before connecting: the window is agreed on then
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(timeout)
    sock.connect((host, port))
    return Connection(sock, timeout)


def connect_unix(path, timeout=TIMEOUT):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout)
    sock.connect(str(path))
    return Connection(sock, timeout)


def fetch(port, target, method="GET", headers=(), timeout=TIMEOUT, **options):
    """One request on a connection of its own, and its whole reply."""
    with connect(port, timeout) as connection:
        return connection.request(target, method, headers, **options).read_reply(method)
