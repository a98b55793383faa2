# SPDX-License-Identifier: Apache-2.0
"""A crowd at a cold shard: one upstream request, whole bodies for all who stay, memory bounded.

The clients are one epoll loop that compares what comes with what should have come, piece by piece,
and keeps nothing: it must not be what holds the server up.
"""

import resource
import select
import socket
import time

import pytest
from content import SHARD, Seeded
from origin import Act, Gate

PATH = "/tfjs-models/crowd/group1-shard1of1.bin"
CLIENTS, SLOW, LEAVING = 1000, 100, 100
FIRST = 1000  # bytes that the slow ones, and half of those who leave, read before they stop
GROWTH_KIB = 64 << 10


class Client:
    """One of the crowd: its socket, and how much of the body was right so far."""

    def __init__(self, port, kind):
        self.kind = kind
        self.sock = socket.socket()
        if kind == "slow":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        self.sock.connect(("127.0.0.1", port))
        self.sock.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        self.sock.setblocking(False)
        self.head, self.at, self.is_over = b"", None, False

    def take(self, view, wanted):
        """Judge what came. False: that was its end, or it has read enough for now."""
        if not len(view):
            self.is_over = True
            return False
        if self.at is None:
            self.head += bytes(view)
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return True
            assert self.head.startswith(b"HTTP/1.1 200 "), self.head[:200]
            view, self.at = memoryview(self.head)[end + 4 :], 0
        assert view == wanted[self.at : self.at + len(view)], f"other bytes within {len(view)} from {self.at}"
        self.at += len(view)
        return self.kind == "plain" or self.at < FIRST


class Crowd:
    def __init__(self, port, wanted):
        kinds = ["slow"] * SLOW + ["leaving"] * LEAVING
        kinds += ["plain"] * (CLIENTS - len(kinds))
        self.wanted = memoryview(wanted)
        self.buffer = memoryview(bytearray(256 << 10))
        self.clients = [Client(port, kind) for kind in kinds]
        self.epoll = select.epoll()

    def of(self, kind):
        return [client for client in self.clients if client.kind == kind]

    def read(self, clients, deadline, look):
        """Until each of these has its end, or has read what it wanted. look() is called now and then."""
        by_fd = {client.sock.fileno(): client for client in clients}
        for fd in by_fd:
            self.epoll.register(fd, select.EPOLLIN)
        while by_fd:
            events = self.epoll.poll(deadline - time.monotonic())
            assert events, f"{len(by_fd)} clients wait for more"
            for fd, _ in events:
                n = by_fd[fd].sock.recv_into(self.buffer)
                if not by_fd[fd].take(self.buffer[:n], self.wanted):
                    self.epoll.unregister(fd)
                    del by_fd[fd]
            look()

    def close(self):
        for client in self.clients:
            client.sock.close()
        self.epoll.close()


@pytest.fixture
def many_files():
    """Descriptors for a socket on either side of some connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CLIENTS + 200
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"at most {hard} open files are allowed here, {wanted} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_clients_cost_one_request(modelhost, origin, many_files):
    content = origin.add(PATH, Seeded("crowd", SHARD))
    head, half = Gate("head"), Gate("half")
    origin.script(PATH, Act(gates={"request": head, SHARD // 2: half}))
    server = modelhost.start(origin=origin)
    memory = lambda: server.memory_kib() + server.memory_kib("RssShmem")
    idle = memory()
    peak = [0]
    looks = [0]

    def look():
        looks[0] += 1
        if looks[0] % 16 == 0:
            peak[0] = max(peak[0], memory())

    deadline = time.monotonic() + 60 * server.patience
    crowd = Crowd(server.port, content.all())
    try:
        server.wait_clients(PATH, CLIENTS)
        leaving = crowd.of("leaving")
        for client in leaving[: LEAVING // 2]:  # before the first byte
            client.sock.close()
        head.release()
        crowd.read(crowd.of("slow") + leaving[LEAVING // 2 :], deadline, look)
        for client in leaving[LEAVING // 2 :]:  # in the middle
            client.sock.close()
        half.release()
        crowd.read(crowd.of("plain"), deadline, look)
        assert {client.at for client in crowd.of("plain")} == {SHARD}
        assert all(FIRST <= client.at < SHARD for client in crowd.of("slow"))
        for client in crowd.of("slow"):
            client.kind = "plain"
        crowd.read(crowd.clients[:SLOW], deadline, look)
        assert {client.at for client in crowd.of("plain")} == {SHARD}
    finally:
        crowd.close()
    assert origin.journal.count() == 1
    if not modelhost.sanitizer:  # its own memory is counted too
        grown = max(peak[0], memory()) - idle
        print(f"grown by {grown} KiB at most")
        assert grown < GROWTH_KIB
