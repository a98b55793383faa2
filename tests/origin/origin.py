#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scripted HTTP/1.1 origin that looks like the real bucket, until it is told to misbehave.

Raw sockets, one thread per connection: every byte that goes out is this file's. Import it
(`with Origin(tree=...) as origin: origin.script(path, Act(status=503))`) or run it; run as a program
it is scripted over HTTP (README.md).
"""

import argparse
import json
import signal
import socket
import struct
import sys
import threading
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scripted_site import Act, Gate, Site, body_steps  # noqa: E402

MAX_HEAD = 64 << 10
CONTROL = "/_origin/"
__all__ = ["Act", "Gate", "Origin", "Site"]


class Ended(Exception):
    """The connection is to end here, as the act wants it."""


class Origin:
    """The server. Everything of its Site can be called on it: add, script, gate, journal ..."""

    def __init__(self, tree=None, tls=None, site=None, host="127.0.0.1", port=0, fill=True):
        self.site = site or Site(tree, fill)
        self.tls = tls
        self.host = host
        self._socket = socket.create_server((host, port), backlog=256)
        self.port = self._socket.getsockname()[1]
        self._lock = threading.Lock()
        self._open = set()
        self._threads = []
        self._is_stopping = False

    def __getattr__(self, name):
        if name == "site":  # not made yet
            raise AttributeError(name)
        return getattr(self.site, name)

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}/"

    def start(self):
        thread = threading.Thread(target=self._accept, name="origin", daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def stop(self):
        """Refuse, and cut what is open. Idempotent. The port is free afterwards."""
        with self._lock:
            self._is_stopping = True
            connections = list(self._open)
        self.site.release_all()
        _shut(self._socket)
        for connection in connections:
            _shut(connection)
        for thread in self._threads:
            thread.join(10)
        self._socket.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- connections ---

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # stopped
            with self._lock:
                if self._is_stopping:
                    connection.close()
                    return
                self._open.add(connection)
                thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
                self._threads.append(thread)
            thread.start()

    def _run(self, connection):
        number = self.site.next_connection()
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                connection = self._wrap(connection)
            self.serve(connection, number)
        except (OSError, Ended):
            pass  # the client left, or the act ended the connection: both are in the journal
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _wrap(self, raw):
        """Under TLS. The descriptor moves to the new socket: that is the one to shut at the end."""
        connection = self.tls.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.discard(raw)
            self._open.add(connection)
        connection.do_handshake()
        return connection

    def serve(self, connection, number):
        """Answer requests until either side has had enough. Overridden for HTTP/2."""
        reader = connection.makefile("rb")
        while self._exchange(connection, reader, number):
            pass

    def _exchange(self, connection, reader, number):
        request = _read_head(reader)
        if request is None:
            return False
        method, target, version, headers = request
        if target.startswith(CONTROL):
            self._control(connection, reader, method, target, headers)
            return False
        entry = self.site.journal.begin(number, method, target, headers, version)
        try:
            keep = self._answer(connection, entry)
        except Exception as error:
            self.site.journal.end(entry, repr(error))
            raise
        self.site.journal.end(entry)
        return keep and (entry.header("Connection") or "").lower() != "close"

    def _answer(self, connection, entry):
        act = self.site.next_act(entry.path)
        if "request" in act.gates:
            self.site.gate_of(act.gates["request"]).hold()
        for interim in act.interim:
            status, headers = interim if isinstance(interim, (tuple, list)) else (interim, {})
            fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            connection.sendall(f"HTTP/1.1 {status} {_phrase(status)}\r\n{fields}\r\n".encode())
        if act.raw is not None:
            connection.sendall(act.raw)
            raise Ended("raw bytes were sent")
        answer = self.site.answer(entry, act)
        entry.status = answer.status
        connection.sendall(_head(answer))
        if "head" in act.gates:
            self.site.gate_of(act.gates["head"]).hold()
        if entry.method != "HEAD" and answer.status not in (204, 304):
            self._send_body(connection, entry, answer)
        return act.framing != "close" and not act.close

    def _send_body(self, connection, entry, answer):
        is_chunked = answer.act.framing == "chunked"
        for step in body_steps(answer, self.site):
            if step == ("goaway",):
                continue  # there is no such thing here
            if isinstance(step, tuple):
                if step[0] == "reset":
                    _reset(connection)
                raise Ended(step[0])
            connection.sendall(b"%x\r\n%b\r\n" % (len(step), step) if is_chunked else step)
            entry.sent += len(step)
        if is_chunked:
            if not answer.act.end_chunks:
                raise Ended("the last chunk is missing")
            connection.sendall(b"0\r\n\r\n")

    # --- being told what to do, when it runs as a program ---

    def _control(self, connection, reader, method, target, headers):
        size = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        try:
            members = json.loads(reader.read(size)) if size else {}
            status, body = 200, self._command(method, target[len(CONTROL) :], members)
        except (ValueError, KeyError, TypeError) as error:
            status, body = 400, {"error": repr(error)}
        text = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + text)

    def _command(self, method, name, members):
        if (method, name) == ("GET", "journal"):
            return [{**asdict(entry), "path": entry.path} for entry in self.site.journal.entries()]
        if (method, name) == ("POST", "clear"):
            self.site.journal.clear()
        elif (method, name) == ("POST", "script"):
            self.site.script(members["path"], *[Act.from_json(act) for act in members["acts"]])
        elif (method, name) == ("POST", "wait"):
            self.site.gate(members["gate"]).wait_arrived(members.get("count", 1))
        elif (method, name) == ("POST", "release"):
            self.site.gate(members["gate"]).release()
        else:
            raise ValueError(f"no such command: {method} {name}")
        return {}


def _read_head(reader):
    """(method, target, version, headers), or None at the end of the connection."""
    line = reader.readline(MAX_HEAD)
    if not line.strip():
        return None
    method, target, version = line.decode("latin-1").split()
    headers = []
    while True:
        line = reader.readline(MAX_HEAD).decode("latin-1")
        if line in ("\r\n", "\n", ""):
            return method, target, version, headers
        name, value = line.split(":", 1)
        headers.append((name, value.strip()))


def _head(answer):
    act = answer.act
    lines = [f"HTTP/1.1 {answer.status} {_phrase(answer.status)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if act.framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    elif act.framing == "length" and answer.status not in (204, 304):
        length = answer.length if act.content_length is None else act.content_length
        lines.append(f"Content-Length: {length}")
    if act.framing == "close" or act.close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _phrase(status):
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unheard Of"


def _shut(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # not connected any more


def _reset(sock):
    """Close so that the peer sees a reset, not an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def main(args=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", nargs="?", help="directory to serve; missing shards are made from a seed")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(args)
    signals = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # before the threads, which inherit it
    with Origin(options.tree, port=options.port) as origin:
        print(f"origin: listening on {origin.url}", flush=True)
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
