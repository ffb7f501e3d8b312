"""summary.py RESULTS FACTS [--json FILE]: the tables of bench/compare.

RESULTS has a JSON object a line, as bench/compare writes them; FACTS are lines about
the machine and the systems, printed first.
"""

import argparse
import json
import statistics

# (operation, in flight, figure, peer, relation, target): what was set as the goal,
# in one run on one two-core machine. The relation is of Fastpath's figure over the peer's.
TARGETS = [
    ("writes", 64, "per_second", "redis", ">=", 1.0),
    ("writes", 64, "per_second", "postgres", ">=", 4.0),
    ("writes", 64, "per_second", "etcd", ">=", 10.0),
    ("reads", 64, "per_second", "redis", ">=", 1.2),
    ("writes", 512, "per_second", "redis", ">=", 1.4),
    ("writes", 1, "p50_ms", "postgres", "<=", 0.8),
    ("writes", 1, "p50_ms", "floor", "<=", 1.7),
]
FIGURES = ("per_second", "p50_ms", "p99_ms")
NAMES = {"writes": "durable writes", "reads": "strong reads", "per_second": "rate", "p50_ms": "p50"}


def medians(results):
    """{(operation, in flight, system): {figure: median}}, in the order of appearance."""
    gathered = {}
    for line in results:
        key = (line["operation"], line["in_flight"], line["system"])
        figures = gathered.setdefault(key, {name: [] for name in FIGURES})
        for name in FIGURES:
            figures[name].append(line["result"][line["operation"]][name])
    return {key: {name: statistics.median(values) for name, values in figures.items()}
            for key, figures in gathered.items()}


def figure_table(middle):
    yield "| operation | in flight | system | per second | p50 ms | p99 ms |"
    yield "|---|---|---|---|---|---|"
    for (operation, in_flight, system), figures in sorted(
            middle.items(), key=lambda item: (item[0][0] != "writes", item[0][1])):
        yield (f"| {NAMES[operation]} | {in_flight} | {system} | {figures['per_second']:,.0f} | "
               f"{figures['p50_ms']:.2f} | {figures['p99_ms']:.2f} |")


def ratios(middle):
    """Every target that was measured, with whether it is met."""
    for operation, in_flight, figure, peer, relation, target in TARGETS:
        ours = middle.get((operation, in_flight, "fastpath"))
        theirs = middle.get((operation, in_flight, peer))
        if ours is None or theirs is None:
            continue
        ratio = ours[figure] / theirs[figure]
        met = ratio >= target if relation == ">=" else ratio <= target
        yield dict(operation=operation, in_flight=in_flight, figure=figure, peer=peer,
                   ratio=ratio, relation=relation, target=target, met=met)


def ratio_table(found):
    yield "| Fastpath's | in flight | over | ratio | target | |"
    yield "|---|---|---|---|---|---|"
    for each in found:
        yield (f"| {NAMES[each['operation']]}, {NAMES[each['figure']]} | {each['in_flight']} | "
               f"{each['peer']} | {each['ratio']:.2f} | {each['relation']} {each['target']} | "
               f"{'met' if each['met'] else 'missed'} |")


def floor_shares(middle):
    """Fastpath's part of each floor's throughput."""
    for (operation, in_flight, system), figures in middle.items():
        ours = middle.get((operation, in_flight, "fastpath"))
        if system.startswith("floor") and ours is not None:
            yield dict(operation=operation, in_flight=in_flight, floor=system,
                       share=ours["per_second"] / figures["per_second"])


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("results")
    parser.add_argument("facts")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    with open(arguments.results, encoding="utf-8") as file:
        results = [json.loads(line) for line in file]
    with open(arguments.facts, encoding="utf-8") as file:
        facts = file.read()
    middle, found = medians(results), []
    found, shares = list(ratios(middle)), list(floor_shares(middle))
    print(facts)
    print("\n".join(figure_table(middle)))
    if found:
        print("\n" + "\n".join(ratio_table(found)))
    if shares:
        print("\nShare of the floor's throughput: " + "; ".join(
            f"{NAMES[each['operation']]} at {each['in_flight']} in flight {each['share']:.0%}"
            f" ({each['floor']})" for each in shares) + ".")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(dict(facts=facts.splitlines(), ratios=found, floor_shares=shares,
                           medians=[dict(operation=o, in_flight=n, system=s, **figures)
                                    for (o, n, s), figures in middle.items()],
                           results=results), file, indent=1)


if __name__ == "__main__":
    main()
