#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make C of files: embed.py OUTPUT.c HEADER.h FILE...

`web/client.js` becomes `const char web_client_js[]`, NUL-terminated UTF-8 text.
"""

import re
import sys
from pathlib import Path


def characters(line):
    """A line as C characters: a string literal of such a length is no standard C."""
    plain = set(range(0x20, 0x7F)) - set(b"'\\?")
    return "".join(f"'{chr(byte)}'," if byte in plain else f"'\\{byte:03o}'," for byte in line)


def main():
    output, header, *files = sys.argv[1:]
    text = [f'#include "{Path(header).name}"\n']
    for file in map(Path, files):
        content = file.read_bytes()
        if b"\0" in content:
            sys.exit(f"{file}: a NUL byte would end the text early")
        name = "web_" + re.sub(r"\W", "_", file.name)
        lines = "".join(f"    {characters(line)}\n" for line in content.splitlines(keepends=True))
        text.append(f"\nconst char {name}[] = {{\n{lines}    '\\0'}};\n")
    Path(output).write_text("".join(text))


main()
