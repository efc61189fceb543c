"""From the figures of the rounds to the tables."""

from statistics import median

# Doorman's requests a second as a ratio to the peer's, at least.
GOALS = {
    "50x1": {"redis": 0.95, "grpc": 4.5, "ceiling": 0.7},
    "50x16": {"redis": 1.5, "grpc": 16, "ceiling": 0.5},
    "1x64": {"redis": 1.5, "grpc": 10, "ceiling": 0.45},
    "2000x1": {"redis": 0.95, "grpc": 4.5, "ceiling": 0.7},
}
# Part of a core that others may have had without casting doubt on a turn.
DISTURBED = 0.05
PEERS = ("redis", "grpc", "ceiling")


def rates(rounds, name):
    return [figures[name]["rate"] for figures in rounds]


def ratio(rounds, peer):
    """The median of the rounds' ratios: what disturbs the machine for a while disturbs both of a round."""
    return median(figures["doorman"]["rate"] / figures[peer]["rate"] for figures in rounds)


def throughput_table(results, servers):
    """A line a row: medians of requests a second, and in brackets what part of the time the load generator had nothing to do."""
    lines = ["Requests a second, closed loop (load generator idle)"]
    lines.append(f"{'':8}" + "".join(f"{name:>20}" for name in servers))
    for row, rounds in results.items():
        cells = [f"{median(rates(rounds, name)):,.0f} ({median(f[name]['idle'] for f in rounds):4.0%})" for name in servers]
        lines.append(f"{row:8}" + "".join(f"{cell:>20}" for cell in cells))
    return lines


def ratio_table(results, servers):
    peers = [peer for peer in PEERS if peer in servers]
    if "doorman" not in servers or not peers:
        return []
    lines = ["", "Ratio, doorman to each (goal: at least)"]
    lines.append(f"{'':8}" + "".join(f"{peer:>24}" for peer in peers))
    for row, rounds in results.items():
        cells = []
        for peer in peers:
            value, goal = ratio(rounds, peer), GOALS.get(row, {}).get(peer)
            verdict = "" if goal is None else f" ({goal:.2f} {'met' if value >= goal else 'MISSED'})"
            cells.append(f"{value:.2f}{verdict}")
        lines.append(f"{row:8}" + "".join(f"{cell:>24}" for cell in cells))
    return lines


def latency_table(results):
    """p50, p99 and p99.9 at the same offered rate, medians of the rounds, in microseconds."""
    if not results:
        return []
    quantiles = ("p50", "p99", "p999")
    lines = ["", "Latency in µs, open loop at half of the slower one's rate"]
    lines.append(f"{'':8}{'offered/s':>12}" + "".join(f"{name + ' ' + q:>15}" for q in quantiles for name in ("redis", "doorman")))
    for row, (rate, rounds) in results.items():
        cells = [median(figures[name][q] for figures in rounds) for q in quantiles for name in ("redis", "doorman")]
        lines.append(f"{row:8}{rate:>12,.0f}" + "".join(f"{cell:>15,.1f}" for cell in cells))
    return lines


def disturbances(rows):
    """Says so where others were at work on the same cores, as far as that is known."""
    turns = [figures["disturbed"] for rounds in rows for round in rounds for figures in round.values()]
    disturbed = sum(part > DISTURBED for part in turns)
    if not disturbed:
        return []
    return ["", f"In {disturbed} of {len(turns)} turns others had more than {DISTURBED:.0%} of a core, {max(turns):.0%} at worst: "
            "measure again when the machine is quiet."]
