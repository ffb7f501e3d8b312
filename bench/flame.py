"""flame.py OUT.svg: a flame graph of what `perf script` prints, which is read from stdin.

Every box is a function, on the ones that called it; its width is its share of the
samples. Threads stand side by side at the bottom. Hover over a box to read it whole.
The form is Brendan Gregg's ("The Flame Graph", CACM 59(6), 2016).
"""

import argparse
import html
import re
import sys
import zlib

WIDTH, ROW, CHARACTER = 1200, 15, 6.2
NARROWEST = 1.0  # Of a box, in pixels; what is narrower is left out.


def stacks(lines):
    """A list of names for each sample, the thread first."""
    stack = []
    for line in lines:
        if not line.strip():
            if stack:
                yield [stack[0]] + stack[:0:-1]
            stack = []
        elif not line[0].isspace():
            stack = [line.split()[0]]
        elif stack:
            stack.append(named(line))
    if stack:
        yield [stack[0]] + stack[:0:-1]


def named(line):
    """The function of a line 'ADDRESS FUNCTION+OFFSET (FILE)'."""
    symbol = line.strip().partition(" ")[2].rpartition(" (")[0]
    symbol = re.sub(r"\+0x[0-9a-f]+$", "", symbol).replace("(anonymous namespace)::", "")
    previous = None
    while previous != symbol:  # Arguments and templates, from the innermost out.
        previous, symbol = symbol, re.sub(r"<[^<>]*>|\([^()]*\)", "", symbol)
    return symbol.replace("fastpath::", "").strip() or "[unknown]"


def tree(samples):
    """Nodes are [samples, {name: node}]."""
    root = [0, {}]
    for names in samples:
        node = root
        node[0] += 1
        for name in names:
            node = node[1].setdefault(name, [0, {}])
            node[0] += 1
    return root


def boxes(node, left, depth, scale):
    """(left, depth, samples, name) of all below `node`."""
    for name, child in sorted(node[1].items()):
        if child[0] * scale >= NARROWEST:
            yield left, depth, child[0], name
            yield from boxes(child, left, depth + 1, scale)
        left += child[0] * scale


def colour(name):
    mark = zlib.crc32(name.encode())
    return f"rgb({205 + mark % 50},{70 + mark // 50 % 130},{mark // 6500 % 55})"


def svg(root, title):
    scale = WIDTH / max(root[0], 1)
    shapes = list(boxes(root, 0.0, 0, scale))
    height = (max((depth for _, depth, _, _ in shapes), default=0) + 3) * ROW
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
           f'font-family="monospace" font-size="10"><text x="4" y="12">{html.escape(title)}</text>')
    for left, depth, samples, name in shapes:
        width, top = samples * scale, height - (depth + 1) * ROW
        room = int((width - 4) / CHARACTER)
        label = name if len(name) <= room else name[:room - 1] + "." if room > 3 else ""
        text = (f'<text x="{left + 2:.1f}" y="{top + 11}">{html.escape(label)}</text>'
                if label else "")
        yield (f'<g><title>{html.escape(name)}: {100 * samples / root[0]:.1f} %</title>'
               f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 1}" '
               f'fill="{colour(name)}"/>{text}</g>')
    yield "</svg>"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--title", default="")
    options = parser.parse_args()
    root = tree(stacks(sys.stdin))
    if root[0] == 0:
        sys.exit("flame.py: no samples on stdin")
    with open(options.out, "w", encoding="utf-8") as out:
        out.write("\n".join(svg(root, f"{options.title} ({root[0]} samples)")) + "\n")


if __name__ == "__main__":
    main()
