# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping: the ready line, the service manager, the lock, the signals."""

import re
import signal

import pytest
from program import wait_until


def test_ready_is_one_line_and_a_notification(server):
    assert server.stdout.all() == [f"modelhost: listening on http://127.0.0.1:{server.port}/"]


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_health(server, path):
    assert server.get(path).status == 200


def test_each_listener_has_its_line_and_answers(modelhost):
    server = modelhost.start("-l", "127.0.0.1:0")
    wait_until(lambda: len(server.stdout.all()) > 1, "two lines", 5)
    lines = server.stdout.all()
    ports = {int(re.search(r":(\d+)/$", line)[1]) for line in lines}
    assert len(lines) == len(ports) == 2
    for port in ports:
        server.port = port
        assert server.get("/-/healthy").status == 200


def test_without_a_root_the_first_page_points_to_the_programs_own(server):
    reply = server.get("/", headers={"Accept": "text/html"})
    assert reply.status == 200 and "/-/" in reply.text
    assert reply.header("Content-Type").startswith("text/html")


def test_its_own_page(server):
    reply = server.get("/-/", headers={"Accept": "text/html"})
    assert reply.status == 200 and "/tfjs-models/" in reply.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(modelhost, number):
    server = modelhost.start()
    server.process.send_signal(number)
    assert server.wait() == 0
    server.check_output()


def test_an_idle_client_does_not_hold_up_the_end(modelhost):
    server = modelhost.start()
    with server.connect() as idle, server.connect() as half:
        assert idle.request("/-/healthy").read_reply().status == 200
        half.send("GET /-/healthy HTTP/1.1\r\nHost: loc")
        server.terminate()
        assert server.wait(5) == 0


def test_requests_are_not_logged(server):
    for _ in range(3):
        server.get("/-/healthy")
        server.get("/nothing")
    server.stop()  # which wants standard error empty
    assert len(server.stdout.all()) == 1


def test_a_second_writer_names_the_first(modelhost):
    first = modelhost.start()
    second = modelhost.run("serve", "-l", "127.0.0.1:0", "--cache-dir", modelhost.cache)
    assert second.returncode == 1 and str(first.pid) in second.stderr
    assert "listening" not in second.stdout


def test_a_taken_port_is_an_error_that_names_it(modelhost):
    first = modelhost.start()
    other = modelhost.home / "other"
    second = modelhost.run("serve", "-l", f"127.0.0.1:{first.port}", "--cache-dir", other)
    assert second.returncode == 1 and f"127.0.0.1:{first.port}" in second.stderr


def test_a_newer_cache_is_refused(modelhost):
    modelhost.start().stop()
    (modelhost.cache / "FORMAT").write_text("9999\n")
    refused = modelhost.run("serve", "-l", "127.0.0.1:0", "--cache-dir", modelhost.cache)
    assert refused.returncode == 1 and "9999" in refused.stderr


def test_a_cache_that_cannot_be_made(modelhost):
    (modelhost.home / "file").write_text("in the way")
    done = modelhost.run("serve", "--cache-dir", modelhost.home / "file" / "cache")
    assert done.returncode == 1 and "file/cache', choose another place by --cache-dir: " in done.stderr
    assert "in the way" in done.stderr
