# SPDX-License-Identifier: Apache-2.0
"""What is said at the start: URLs for other machines, a QR code on a terminal, the browser; and what a
terminal that closes does."""

import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import fcntl
import time

import pytest
from program import clean_environment

EVERYWHERE = ("-l", "0.0.0.0:0")


@pytest.fixture
def terminal(modelhost):
    """terminal(*arguments, **environment): the program on a terminal of its own. Returns the process and
    a function that reads what is shown up to a pattern."""
    running = []

    def make(*arguments, columns=80, **environment):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        env = {**clean_environment(modelhost.home), "TERM": "xterm-256color", **environment}

        def adopt():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = subprocess.Popen([str(modelhost.program), "serve", "--cache-dir", str(modelhost.cache), *arguments],
                                   env=env, cwd=modelhost.home, stdin=slave, stdout=slave, stderr=slave, preexec_fn=adopt)
        os.close(slave)
        shown = bytearray()

        def read_to(pattern):
            deadline = time.monotonic() + 20 * modelhost.patience
            while not re.search(pattern, shown.decode(errors="replace")):
                ready, _, _ = select.select([master], [], [], max(0, deadline - time.monotonic()))
                assert ready, f"no {pattern!r} in {bytes(shown)!r}"
                shown.extend(os.read(master, 65536))
            return shown.decode(errors="replace").replace("\r\n", "\n")

        running.append((process, master))
        return process, read_to, master

    yield make
    for process, master in running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(20 * modelhost.patience)
        try:
            os.close(master)
        except OSError:
            pass  # a test closed it


def modules(shown):
    """The rows of a code in half blocks: True is dark."""
    rows = []
    for line in re.findall("\033\\[38;5;16;48;5;231m([ ▀▄█]+)\033\\[0m\n", shown):
        rows.append([letter in "▀█" for letter in line])
        rows.append([letter in "▄█" for letter in line])
    return rows


def expected_modules(text):
    """The code as the qrencode program draws it, with its rim of four."""
    done = subprocess.run(["qrencode", "-t", "ASCII", "-l", "L", "-m", "4", "-8", text],
                          capture_output=True, text=True, timeout=30, check=True)
    return [[line[i] == "#" for i in range(0, len(line), 2)] for line in done.stdout.splitlines()]


def test_urls_for_other_machines(modelhost):
    server = modelhost.start(*EVERYWHERE, listen=False)
    lines = server.stdout.all()
    assert lines[0] == f"modelhost: listening on http://0.0.0.0:{server.port}/"
    others = [line for line in lines if "from other machines" in line]
    for line in others:  # a machine without a network has none
        assert re.fullmatch(rf"modelhost: from other machines: http://[0-9.]+:{server.port}/", line)
        assert "127.0.0.1" not in line
    assert not any("\033" in line for line in lines)


def test_loopback_has_none(modelhost):
    assert len(modelhost.start().stdout.all()) == 1


def has_network():
    """Has this machine an address but loopback?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return False
        return not probe.getsockname()[0].startswith("127.")


@pytest.mark.skipif(not has_network(), reason="this machine has no route to any other")
def test_a_terminal_gets_a_code(terminal):
    _, read_to, _ = terminal(*EVERYWHERE)
    shown = read_to(r"--tls-self-signed\.")
    url = re.search(r"from other machines: (http://\S+)", shown)
    rows, wanted = modules(shown), expected_modules(url[1])
    assert rows[: len(wanted)] == wanted and not any(any(row) for row in rows[len(wanted):])


@pytest.mark.parametrize("how", [{"TERM": "dumb"}, {"columns": 20}])
def test_no_code_where_it_cannot_be_read(terminal, how):
    _, read_to, _ = terminal(*EVERYWHERE, "--tls-self-signed", **how)
    assert "▀" not in read_to("fingerprint is .*\n")


def make_browser(folder):
    """A browser that writes its arguments to a FIFO, and the FIFO."""
    fifo, script = folder / "fifo", folder / "browser"
    os.mkfifo(fifo)
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{fifo}\n')
    script.chmod(0o755)
    return script, fifo


def read_fifo(fifo, patience):
    """What is written to it, in full. Both ends are opened, so that nobody waits forever."""
    fd = os.open(fifo, os.O_RDWR)
    try:
        text = b""
        while not text.endswith(b"/\n"):
            assert select.select([fd], [], [], 20 * patience)[0], "no browser came"
            text += os.read(fd, 4096)
        return text.decode().split()
    finally:
        os.close(fd)


@pytest.mark.parametrize("words", ["", " --new-window"])
def test_open_starts_the_browser(modelhost, tmp_path, words):
    script, fifo = make_browser(tmp_path)
    server = modelhost.start("--open", env={"BROWSER": f"{script}{words}:/bin/false"})
    assert read_fifo(fifo, server.patience) == [*words.split(), f"http://127.0.0.1:{server.port}/"]


def test_open_goes_to_this_machine_where_every_address_is_listened_on(modelhost, tmp_path):
    script, fifo = make_browser(tmp_path)
    server = modelhost.start("--open", *EVERYWHERE, listen=False, env={"BROWSER": str(script)})
    assert read_fifo(fifo, server.patience) == [f"http://127.0.0.1:{server.port}/"]


def test_open_without_a_display_is_a_note(modelhost):
    server = modelhost.start("--open")
    server.expect_stderr(r"note: --open: there is no display, and BROWSER is not set; open http://127\.0\.0\.1:\d+/ yourself")
    assert server.get("/-/healthy").status == 200
    server.stop()


def test_a_browser_that_is_not_there_stops_nothing(modelhost):
    server = modelhost.start("--open", env={"BROWSER": "/nowhere/browser"})
    assert server.get("/-/healthy").status == 200


def test_a_terminal_that_closes_ends_the_server(terminal, modelhost):
    process, read_to, master = terminal("-l", "127.0.0.1:0")
    read_to("listening on")
    os.close(master)
    assert process.wait(20 * modelhost.patience) == 0
