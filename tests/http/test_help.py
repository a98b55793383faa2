# SPDX-License-Identifier: Apache-2.0
"""What the program says of itself, and of command lines that it does not understand."""

import pytest

COMMANDS = ["serve", "pull", "url", "inspect", "doctor", "config"]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help(modelhost, arguments):
    done = modelhost.run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: modelhost [COMMAND] [OPTIONS]" in done.stdout
    for command in COMMANDS:
        assert f"\n  {command} " in done.stdout
    assert "--cache-dir" in done.stdout and "5 integrity" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(modelhost, command):
    done = modelhost.run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: modelhost {command} ")
    assert "\nExamples:\n  modelhost" in done.stdout
    for option in ["-c, --config FILE", "--set SECTION.KEY=VALUE", "--cache-dir DIR", "-q, --quiet", "-V, --version"]:
        assert option in done.stdout
    assert modelhost.run(command, "-h").stdout == done.stdout
    assert modelhost.run("help", command).stdout == done.stdout


def test_prose_fits_a_terminal(modelhost):
    commands = [*COMMANDS, "list", "verify", "rm", "gc", "pin", "unpin", "export", "import"]
    for command in commands:
        prose = modelhost.run(command, "--help").stdout.split("\nOptions:")[0]
        assert max(map(len, prose.splitlines())) <= 86, command


def test_help_needs_no_configuration(modelhost):
    for arguments in (["serve", "-h"], ["pull", "-h"], ["-V"]):
        assert modelhost.run(*arguments, "-c", "none.ini").returncode == 0


def test_version(modelhost):
    for arguments in (["-V"], ["--version"], ["pull", "-V"]):
        done = modelhost.run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.split()[0] == "modelhost" and done.stdout.split()[1][0].isdigit()


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["pul"], "there is no command 'pul'; did you mean 'pull'?"),
        (["zebra"], "there is no command 'zebra'"),
        (["help", "serv"], "did you mean 'serve'?"),
        (["serve", "--lisen", "x"], "did you mean '--listen'?"),
        (["serve", "-l"], "'--listen' needs a value: ADDR:PORT"),
        (["--zebra"], "`serve` has no option '--zebra'"),
        (["serve", "--offline=1"], "'--offline' takes no value"),
        (["serve", "a", "b"], "'b'"),
        (["serve", ".", "--root", "."], "are the same"),
        (["pull"], "`pull` needs WHAT"),
        (["config", "--check", "--print"], "give one of them"),
        (["serve", "--set", "x"], "SECTION.KEY=VALUE"),
        (["serve", "--mirror", "x"], "NAME=URL"),
        (["serve", "./nowhere"], "there is no directory './nowhere'"),
        (["./nowhere"], "there is no directory './nowhere'"),
        (["-l", "256.0.0.1:1"], "256.0.0.1"),
    ],
)
def test_usage(modelhost, arguments, says):
    done = modelhost.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("modelhost: error: ") and says in done.stderr


def test_a_message_cannot_forge_a_line(modelhost):
    done = modelhost.run("evil\nmodelhost: all is well\x1b[2J")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "\x1b" not in done.stderr


def test_a_word_with_a_slash_is_a_directory_to_serve(modelhost):
    (modelhost.home / "site").mkdir()
    (modelhost.home / "site" / "hello.txt").write_text("hello")
    server = modelhost.start("site", wait=True)
    assert server.get("/hello.txt").body == b"hello"
