# SPDX-License-Identifier: Apache-2.0
"""Results as tables in Markdown, and as a plot in SVG that needs nothing to be seen."""

import statistics
from xml.sax.saxutils import escape

import throughput

BUSY = 0.9  # of a core: below it, the server waited for the client
TABLES = [
    ("requests per second, x nginx (more is better)", "rate"),
    ("99th percentile, x nginx (less is better)", "p99_us"),
    ("processor time per GB where answers are large, else per request, x nginx (less is better)", "cost"),
]
COLOURS = {"modelhost (root)": "#117a55", "modelhost (mirror)": "#3cc08a", "bare memory": "#bbb", "bare sendfile": "#ccc"}
OTHERS = ["#555", "#c83", "#57c", "#a5c", "#c55", "#998"]


def throughput_tables(result, works):
    rounds, names = result["rounds"], result["names"]
    parts = []
    for title, key in TABLES:
        lines = [title, "", "| work | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
        for work in works:
            cells = [f"{throughput.ratio(rounds, work, name, 'nginx', key):.2f}" + mark(rounds, work, name)
                     for name in names]
            lines.append(f"| {work} | " + " | ".join(cells) + " |")
        if key == "cost":
            lines.append("| *resident after it, KiB* | " + " | ".join(str(result["memory"][n]) for n in names) + " |")
        parts.append("\n".join(lines))
    if any(mark(rounds, work, name) for work in works for name in names):
        parts.append("`c`: the client's core was busy and the server's was not: the server can do more than this.")
    return "\n\n".join([*parts, *mirror_table(rounds, works, names)])


def mark(rounds, work, name):
    is_idle = throughput.median_of(rounds, work, name, "busy") < BUSY
    return "c" if is_idle and throughput.median_of(rounds, work, name, "client_busy") >= BUSY else ""


def mirror_table(rounds, works, names):
    """The mirror's fast path beside the same file as a static one."""
    root, mirror = "modelhost (root)", "modelhost (mirror)"
    if root not in names or mirror not in names:
        return []
    lines = ["a cached object of the mirror, x the same file below the root (requests per second)", "",
             "| work | ratio |", "|---|---|"]
    lines += [f"| {work} | {throughput.ratio(rounds, work, mirror, root, 'rate'):.3f} |" for work in works]
    return ["\n".join(lines)]


class Plot:
    """Groups of bars below each other."""

    BAR, GAP, LEFT, UNIT = 13, 22, 210, 230

    def __init__(self):
        self.out, self.y, self.others = [], 10, {}

    def text(self, x, text, size=11):
        self.out.append(f'<text x="{x}" y="{self.y + 10}" font-size="{size}">{escape(text)}</text>')

    def title(self, text):
        self.y += 12
        self.text(10, text, 14)
        self.y += 24

    def group(self, name, values):
        """values: {who: ratio}; cut at 2.5, the figure stands beside it."""
        self.text(10, name)
        for who, value in values.items():
            width = min(value, 2.5) * self.UNIT
            self.out.append(f'<rect x="{self.LEFT}" y="{self.y}" width="{width:.0f}" height="{self.BAR - 2}" '
                            f'fill="{self.colour(who)}"/>')
            self.text(int(self.LEFT + width + 4), f"{value:.2f}  {who}")
            self.y += self.BAR
        self.out.append(f'<line x1="{self.LEFT + self.UNIT}" y1="{self.y - self.BAR * len(values) - 3}" '
                        f'x2="{self.LEFT + self.UNIT}" y2="{self.y + 3}" stroke="#333" stroke-dasharray="3"/>')
        self.y += self.GAP

    def colour(self, who):
        if who.startswith("modelhost, "):
            return COLOURS["modelhost (root)"]
        return COLOURS.get(who) or self.others.setdefault(who, OTHERS[len(self.others) % len(OTHERS)])

    def throughput(self, result, works, title):
        self.title(f"{title}: requests per second, x nginx")
        for work in works:
            self.group(work, {name: throughput.ratio(result["rounds"], work, name, "nginx", "rate")
                              for name in result["names"]})

    def cold(self, result):
        self.title("Cold load of 24 files over 50 ms and 200 Mbit/s: time, x what the link needs at the least")
        taken = {name: statistics.median(seconds) / result["bound"] for name, seconds in result["seconds"].items()}
        self.group("", dict(sorted(taken.items(), key=lambda entry: entry[1])))

    def write(self, file):
        file.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="1080" height="{self.y}" '
                        'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>\n'
                        + "\n".join(self.out) + "\n</svg>\n")
