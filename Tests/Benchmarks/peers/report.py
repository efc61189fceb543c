"""Tables of the figures."""

from statistics import median

# Minimum ratio of Doorman's requests per second to the peer's.
GOALS = {
    "50x1": {"redis": 0.95, "grpc": 4.5, "ceiling": 0.7},
    "50x16": {"redis": 1.5, "grpc": 16, "ceiling": 0.5},
    "1x64": {"redis": 1.5, "grpc": 10, "ceiling": 0.45},
    "2000x1": {"redis": 0.95, "grpc": 4.5, "ceiling": 0.7},
}
# Maximum part of a core that others use in a valid turn.
DISTURBED = 0.05
PEERS = ("redis", "grpc", "ceiling")


def rates(rounds, name):
    return [figures[name]["rate"] for figures in rounds]


def ratio(rounds, peer):
    """Returns the median of the rounds' ratios. A disturbance usually affects both servers of a round."""
    return median(figures["doorman"]["rate"] / figures[peer]["rate"] for figures in rounds)


def throughput_table(results, servers):
    """Returns a line per row: medians of requests per second and, in parentheses, the load generator's idle time."""
    lines = ["Requests per second, closed loop (load generator idle)"]
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
            verdict = f" ({goal:.2f} {'met' if value >= goal else 'MISSED'})" if goal is not None else ""
            cells.append(f"{value:.2f}{verdict}")
        lines.append(f"{row:8}" + "".join(f"{cell:>24}" for cell in cells))
    return lines


def latency_table(results):
    """Returns p50, p99 and p99.9 at the same offered rate: medians of the rounds, in microseconds."""
    if not results:
        return []
    quantiles = ("p50", "p99", "p999")
    lines = ["", "Latency in µs, open loop at half of the slower server's rate"]
    lines.append(f"{'':8}{'offered/s':>12}" + "".join(f"{name + ' ' + q:>15}" for q in quantiles for name in ("redis", "doorman")))
    for row, (rate, rounds) in results.items():
        cells = [median(figures[name][q] for figures in rounds) for q in quantiles for name in ("redis", "doorman")]
        lines.append(f"{row:8}{rate:>12,.0f}" + "".join(f"{cell:>15,.1f}" for cell in cells))
    return lines


def disturbances(rows):
    """Returns a warning if other processes used the same cores."""
    turns = [figures["disturbed"] for rounds in rows for round in rounds for figures in round.values()]
    disturbed = sum(part > DISTURBED for part in turns)
    if not disturbed:
        return []
    return ["", f"In {disturbed} of {len(turns)} turns other processes had more than {DISTURBED:.0%} of a core, {max(turns):.0%} at worst: "
            "measure again when the machine is quiet."]
