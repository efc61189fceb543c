"""Tables of the figures."""

from statistics import median, quantiles

# Minimum ratio of Doorman's requests per second to the peer's, for each of Doorman's protocols.
GOALS = {
    "1x1": {"doorman": {"redis": 1.05}},
    "50x1": {
        "doorman": {"redis": 0.97, "grpc": 4.5, "ceiling": 0.7}, "doorman-grpc": {"grpc": 1.5}, "doorman-auth": {"nginx": 0.6}},
    "50x16": {"doorman": {"redis": 1.5, "grpc": 16, "ceiling": 0.5}, "doorman-grpc": {"grpc": 3.5}},
    "1x64": {"doorman": {"redis": 2.4, "grpc": 10, "ceiling": 0.45}, "doorman-grpc": {"grpc": 3}},
    "2000x1": {"doorman": {"redis": 1.03, "grpc": 4.5, "ceiling": 0.7}},
}
# The rows of the servers with TLS.
TLS_ROWS = ("50x1", "50x16", "1x64")
# Maximum part of a core that others use in a valid turn.
DISTURBED = 0.05
PAIRS = (
    ("doorman", "redis"), ("doorman-tls", "redis-tls"), ("doorman", "grpc"), ("doorman", "ceiling"), ("doorman-grpc", "grpc"), ("doorman-auth", "nginx"),
    ("transport-nio", "redis"), ("transport-epoll", "redis"), ("transport-epoll", "transport-nio"))


def rates(rounds, name):
    return [figures[name]["rate"] for figures in rounds]


def ratios(rounds, name, peer):
    """Returns the quartiles of the rounds' ratios. A disturbance usually affects both servers of a round."""
    values = [figures[name]["rate"] / figures[peer]["rate"] for figures in rounds]
    return quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


def throughput_table(results, servers):
    """Returns a line per row: medians of requests per second and, in parentheses, the load generator's idle time."""
    lines = ["Requests per second, closed loop (load generator idle)"]
    lines.append(f"{'':8}" + "".join(f"{name:>20}" for name in servers))
    for row, rounds in results.items():
        cells = [
            f"{median(rates(rounds, name)):,.0f} ({median(f[name]['idle'] for f in rounds):4.0%})" if name in rounds[0] else "" for name in servers]
        lines.append(f"{row:8}" + "".join(f"{cell:>20}" for cell in cells))
    return lines


def ratio_table(results, servers):
    """Returns a line per pair and row: the median of the rounds' ratios, its quartiles, and the goal."""
    lines = []
    for name, peer in PAIRS:
        if name not in servers or peer not in servers:
            continue
        for row, rounds in results.items():
            if name not in rounds[0]:
                continue
            low, value, high = ratios(rounds, name, peer)
            goal = GOALS.get(row, {}).get(name, {}).get(peer)
            verdict = f"   {goal:.2f} {'met' if value >= goal else 'MISSED'}" if goal is not None else ""
            lines.append(f"{name + ' to ' + peer:24}{row:8}{value:8.2f}   {low:.2f} to {high:.2f}{verdict}")
    return ["", "Ratio of rates: median, quartiles (goal: at least)", *lines] if lines else []


def latency_table(results):
    """Returns p50, p99 and p99.9 at the same offered rate: medians of the rounds, in microseconds."""
    if not results:
        return []
    shown = ("p50", "p99", "p999")
    lines = ["", "Latency in µs, open loop at half of the slower server's rate"]
    lines.append(f"{'':8}{'offered/s':>12}" + "".join(f"{name + ' ' + q:>15}" for q in shown for name in ("redis", "doorman")))
    for row, (rate, rounds) in results.items():
        cells = [median(figures[name][q] for figures in rounds) for q in shown for name in ("redis", "doorman")]
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
