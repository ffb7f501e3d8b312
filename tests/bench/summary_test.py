"""bench/summary.py: medians, ratios against their targets, shares of the floor."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench"))
import summary  # noqa: E402


def line(system, operation, in_flight, rate, p50=1.0, round_number=1):
    figures = dict(per_second=rate, p50_ms=p50, p99_ms=2 * p50)
    return dict(round=round_number, system=system, operation=operation, in_flight=in_flight,
                result={operation: figures})


class SummaryTest(unittest.TestCase):
    def test_median_is_of_each_figure_over_the_rounds(self):
        middle = summary.medians([line("redis", "writes", 64, rate, p50, number) for number, (rate, p50)
                                  in enumerate([(900, 5.0), (100, 1.0), (500, 9.0)])])
        self.assertEqual(middle[("writes", 64, "redis")],
                         dict(per_second=500, p50_ms=5.0, p99_ms=10.0))

    def verdicts(self, *lines):
        return {(each["peer"], each["operation"], each["in_flight"]): each["met"]
                for each in summary.ratios(summary.medians(lines))}

    def test_rates_must_reach_their_target(self):
        self.assertEqual(self.verdicts(line("fastpath", "writes", 64, 400), line("postgres", "writes", 64, 100),
                                       line("etcd", "writes", 64, 41), line("redis", "writes", 64, 401)),
                         {("postgres", "writes", 64): True, ("etcd", "writes", 64): False,
                          ("redis", "writes", 64): False})
        self.assertEqual(self.verdicts(line("fastpath", "reads", 64, 120), line("redis", "reads", 64, 100),
                                       line("fastpath", "writes", 512, 139), line("redis", "writes", 512, 100)),
                         {("redis", "reads", 64): True, ("redis", "writes", 512): False})

    def test_latencies_must_stay_below_theirs(self):
        self.assertEqual(self.verdicts(line("fastpath", "writes", 1, 1, 0.81), line("postgres", "writes", 1, 1, 1.0),
                                       line("floor", "writes", 1, 1, 0.5)),
                         {("postgres", "writes", 1): False, ("floor", "writes", 1): True})

    def test_share_of_the_floor(self):
        shares = list(summary.floor_shares(summary.medians(
            [line("fastpath", "writes", 64, 250), line("floor", "writes", 64, 1000),
             line("redis", "writes", 64, 1000)])))
        self.assertEqual(shares, [dict(operation="writes", in_flight=64, floor="floor", share=0.25)])

    def test_tables_name_every_figure(self):
        middle = summary.medians([line("fastpath", "reads", 1, 12345, 0.5), line("fastpath", "writes", 512, 7)])
        rows = list(summary.figure_table(middle))
        self.assertEqual(rows[2:], ["| durable writes | 512 | fastpath | 7 | 1.00 | 2.00 |",
                                    "| strong reads | 1 | fastpath | 12,345 | 0.50 | 1.00 |"])


if __name__ == "__main__":
    unittest.main()
