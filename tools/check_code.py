#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What no compiler checks: the walls between the rooms, who may include which library, the functions
that are banned, and what a source file begins with. docs/architecture.md has the rules in words.

Prints one line per finding, FILE:LINE: what, and exits with 1 if there are any.
"""

import re
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]

# Which rooms a file may take quoted includes from. Public headers are <modelhost/...>.
ROOMS = {
    "include": [],
    "base": ["base"],
    "mirror": ["mirror", "base"],
    "server": ["server", "base"],
}

# A library, and the only files that may include it. Tests may include anything.
OWNERS = [
    (r"curl/", r"mirror/(fetch\w*|url)\.[ch]"),
    (r"microhttpd\.h", r"server/(httpd|request|reply|mhd)\w*\.[ch]"),
    (r"cjson/", r"base/json\.c"),
    (r"archive", r"server/cargo_(pack|unpack)\.c"),
    (r"qrencode\.h", r"server/qr\.c"),
    (r"gnutls/", r"base/hash\.c|server/(tls|self_signed)\.c"),
]

BANNED = {
    r"strcpy|strcat|sprintf|vsprintf|strtok|strtok_r|gets|alloca": "is banned: it knows no bounds",
    r"sleep|usleep|nanosleep": "is banned: wait for what is to happen, not for time",
}
# A test may allocate to the byte, so that a sanitizer sees the first one beyond, and read a seed.
BANNED_IN_ROOMS = {
    r"strtol|strtoul|strtoll|strtoull|atoi|atol|atof": "is banned: read with base/units.h or by hand",
    r"malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf": "is banned: allocate through base/mem.h",
}
EXEMPT = {
    "base/mem.c": {"malloc", "calloc", "realloc", "reallocarray", "strdup", "strndup", "vasprintf"},
    "server/pull.c": {"nanosleep"},  # the pace of a progress bar
}

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
PRIVATE_PATH = re.compile(r"(?<![\w.])/(work|home|root)/\w")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
SKIPPED = ("LICENSE", "package-lock.json")
TEXT = {".c", ".h", ".py", ".sh", ".mjs", ".js", ".md", ".json", ".ini", ".build", ".txt", ".html", ".css", ""}


def tracked_files():
    """Everything that is in git, or would be with the next `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=TREE, check=True, capture_output=True).stdout.decode()
    return sorted(name for name in listed.split("\0") if name and (TREE / name).is_file())


def without_comments(text, keep_strings):
    """The C text with comments, and texts unless kept, turned to blanks; lines stay where they are."""

    def blank(match):
        found = match.group()
        if keep_strings and found[0] in "\"'":
            return found
        return re.sub(r"[^\n]", " ", found)

    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, text, flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def check_includes(name, text):
    room = name.split("/")[0]
    for match in INCLUDE.finditer(without_comments(text, keep_strings=True)):
        kind, included = match.groups()
        line = line_of(text, match.start())
        if room in ROOMS and kind == '"' and not is_within_walls(name, room, included):
            allowed = ", ".join(f"{one}/" for one in ROOMS[room]) or "nothing"
            yield line, f'"{included}" is behind a wall: {room}/ may include {allowed} and <modelhost/...>'
        if room in ROOMS and included.startswith("modelhost/") and kind == '"':
            yield line, f'"{included}" is a public header: include it as <{included}>'
        for library, owner in OWNERS:
            if room in ROOMS and re.match(library, included) and not re.fullmatch(owner, name):
                yield line, f"<{included}> may be included by {owner} alone"


def is_within_walls(name, room, included):
    """Is it in the file's own folder, or in one of the rooms that this one may see?"""
    if "../" in included:
        return False
    candidates = [Path(name).parent / included] + [Path(one) / included for one in ROOMS[room]]
    return included.startswith("modelhost/") or any((TREE / one).is_file() for one in candidates)


def check_banned(name, text):
    code = without_comments(text, keep_strings=False)
    is_ours = name.split("/")[0] in ROOMS
    for names, why in (BANNED | BANNED_IN_ROOMS if is_ours else BANNED).items():
        for match in re.finditer(rf"(?<![\w.>])({names})\s*\(", code):
            if match.group(1) not in EXEMPT.get(name, ()):
                yield line_of(text, match.start()), f"{match.group(1)}() {why}"
    if name.endswith(".h") and is_ours:
        for match in re.finditer(r"\boff_t\b", code):
            yield line_of(text, match.start()), "off_t in an interface: use uint64_t"


def check_banner(name, text):
    """The licence tag is the first line; a .c file of the program then says what it is for."""
    if not text.startswith("/* SPDX-License-Identifier: Apache-2.0"):
        yield 1, "the first line must be the licence tag: /* SPDX-License-Identifier: Apache-2.0 */"
    elif name.endswith(".c") and name.split("/")[0] in ROOMS and not re.match(r"/\*[^\n]*\*/\n\s*/\*|/\*[^\n]*\n \*", text):
        yield 2, "a comment that says what the file is for must follow the licence tag"


def check_text(name, text):
    if name != "tools/check_code.py":
        for match in UNFINISHED.finditer(text):
            yield line_of(text, match.start()), f"'{match.group()}': finish it, or open an issue"
        for match in PRIVATE_PATH.finditer(text):
            yield line_of(text, match.start()), f"'{match.group()}...' is a path of one machine"


def check_lock(text):
    for match in re.finditer(r'"resolved"', text):
        yield line_of(text, match.start()), "names a registry's host: npm install with .npmrc leaves it out"


def findings(name):
    path = TREE / name
    if path.name == "package-lock.json":
        yield from check_lock(path.read_text())
    if path.name in SKIPPED or path.suffix not in TEXT or "/corpus/" in name:
        return
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        return  # test data
    yield from check_text(name, text)
    if path.suffix in (".c", ".h"):
        yield from check_includes(name, text)
        yield from check_banned(name, text)
        yield from check_banner(name, text)


def main():
    count = 0
    for name in tracked_files():
        for line, what in findings(name):
            print(f"{name}:{line}: {what}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
