# SPDX-License-Identifier: Apache-2.0
"""The same site over TLS, with HTTP/2 by ALPN, under a certificate authority made on the spot.

An act may hold a stream at its gates, cut it (RST_STREAM), pace it and announce the connection's end (GOAWAY); framing is HTTP/2's own. The
TLS engine works on memory buffers under the connection's lock, because an SSL object must not be
read and written by two threads at once.
"""

import socket
import ssl
import subprocess
import threading
from pathlib import Path

import h2.config
import h2.connection
import h2.errors
import h2.events
import hyperframe.frame

from origin import Origin
from scripted_site import PATIENCE, body_steps


class Authority:
    """A self-signed certificate for 127.0.0.1 that is its own CA. Needs the openssl command."""

    def __init__(self, directory):
        self.key = Path(directory) / "key.pem"
        self.certificate = Path(directory) / "ca.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
            + ["-nodes", "-days", "2", "-subj", "/CN=scripted origin"]
            + ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
            + ["-keyout", str(self.key), "-out", str(self.certificate)],
            check=True,
            capture_output=True,
        )

    def context(self, *protocols):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        context.set_alpn_protocols(list(protocols))
        return context


class H2Origin(Origin):
    """An Origin whose connections speak HTTP/2. `authority.certificate` is what clients must trust."""

    def __init__(self, authority, **options):
        super().__init__(**options)
        self.authority = authority
        self._context = authority.context("h2")

    @property
    def url(self):
        return f"https://{self.host}:{self.port}/"

    def serve(self, connection, number):
        _Connection(self.site, connection, number, self._context).run()


class _Connection:
    def __init__(self, site, sock, number, context):
        self.site, self.sock, self.number = site, sock, number
        self.changed = threading.Condition()  # guards everything below; told of windows and resets
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.gone = set()  # streams that the client has reset
        self.is_over = False
        self.threads = []

    def run(self):
        try:
            self._handshake()
            with self.changed:
                self.h2.initiate_connection()
                self._flush()
            while self._read():
                pass
        finally:
            with self.changed:
                self.is_over = True
                self.changed.notify_all()
            for thread in self.threads:
                thread.join(10)

    def _handshake(self):
        while True:
            try:
                self.tls.do_handshake()
                self._send_raw()
                return
            except ssl.SSLWantReadError:
                self._send_raw()
                data = self.sock.recv(65536)
                if not data:
                    raise ConnectionResetError("the client left during the handshake") from None
                self.incoming.write(data)

    def _send_raw(self):
        data = self.outgoing.read()
        if data:
            self.sock.sendall(data)

    def _flush(self):
        """Send what h2 has to say. Under the lock."""
        data = self.h2.data_to_send()
        if data:
            self.tls.write(data)
        self._send_raw()

    def _read(self):
        data = self.sock.recv(65536)
        if not data:
            return False
        with self.changed:
            self.incoming.write(data)
            clear = self._decrypted()
            for event in self.h2.receive_data(clear) if clear else []:
                self._take(event)
            self._flush()
            self.changed.notify_all()
        return not self.is_over

    def _decrypted(self):
        parts = []
        while True:
            try:
                part = self.tls.read(65536)
            except ssl.SSLWantReadError:
                return b"".join(parts)
            except ssl.SSLZeroReturnError:
                part = b""
            if not part:
                self.is_over = True
                return b"".join(parts)
            parts.append(part)

    def _take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            thread = threading.Thread(target=self._answer, args=(event.stream_id, event.headers), daemon=True)
            self.threads.append(thread)
            thread.start()
        elif isinstance(event, h2.events.StreamReset):
            self.gone.add(event.stream_id)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.is_over = True

    def _answer(self, stream, fields):
        fields = [(_text(name), _text(value)) for name, value in fields]
        pseudo = {name: value for name, value in fields if name.startswith(":")}
        headers = [("Host" if name == ":authority" else name, value) for name, value in fields
                   if name == ":authority" or not name.startswith(":")]
        entry = self.site.journal.begin(self.number, pseudo[":method"], pseudo[":path"], headers, "HTTP/2")
        error = ""
        try:
            self._send_answer(stream, entry)
        except (OSError, TimeoutError, h2.exceptions.ProtocolError) as problem:
            error = repr(problem)
        self.site.journal.end(entry, error)

    def _send_answer(self, stream, entry):
        act = self.site.next_act(entry.path)
        if "request" in act.gates:
            self.site.gate_of(act.gates["request"]).hold()
        answer = self.site.answer(entry, act)
        entry.status = answer.status
        headers = [(":status", str(answer.status))]
        headers += [(name.lower(), value) for name, value in answer.headers]
        if answer.status not in (204, 304) and act.framing == "length":
            length = answer.length if act.content_length is None else act.content_length
            headers.append(("content-length", str(length)))
        has_body = entry.method != "HEAD" and answer.status not in (204, 304)
        self._locked(lambda: self.h2.send_headers(stream, headers, end_stream=not has_body))
        if "head" in act.gates:
            self.site.gate_of(act.gates["head"]).hold()
        if has_body:
            self._send_body(stream, entry, answer)

    def _send_body(self, stream, entry, answer):
        for step in body_steps(answer, self.site):
            if step == ("goaway",):
                self._say_goaway(stream, ends=answer.act.close)
                if answer.act.close:
                    return
                continue
            if isinstance(step, tuple):
                self._locked(lambda: self.h2.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR))
                return
            self._send_data(stream, entry, memoryview(step))
        self._locked(lambda: self.h2.end_stream(stream))

    def _say_goaway(self, stream, ends):
        """No new streams, please; this one and those before it go on, unless the connection ends. By
        hand: h2 takes its own GOAWAY for the end of everything."""
        frame = hyperframe.frame.GoAwayFrame(0, last_stream_id=stream, error_code=0)
        with self.changed:
            self.tls.write(frame.serialize())
            self._send_raw()
            if ends:
                self.is_over = True
                self.sock.shutdown(socket.SHUT_RDWR)

    def _send_data(self, stream, entry, data):
        while data:
            with self.changed:
                self._wait_window(stream)
                room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
                self.h2.send_data(stream, bytes(data[:room]))
                self._flush()
                entry.sent += len(data[:room])
            data = data[room:]

    def _wait_window(self, stream):
        def ready():
            return self.is_over or stream in self.gone or self.h2.local_flow_control_window(stream) > 0

        if not self.changed.wait_for(ready, PATIENCE):
            raise TimeoutError("the client opened no window")
        if self.is_over or stream in self.gone:
            raise ConnectionResetError("the client gave the stream up")

    def _locked(self, action):
        with self.changed:
            action()
            self._flush()


def _text(value):
    return value.decode() if isinstance(value, bytes) else value
