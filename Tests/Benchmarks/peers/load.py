"""Runs the load generator and parses its output."""

import subprocess
from dataclasses import dataclass

from disturbance import Watch
from process import Failure


@dataclass(frozen=True)
class Row:
    connections: int
    depth: int

    @classmethod
    def parse(cls, text):
        connections, _, depth = text.partition("x")
        return cls(int(connections), int(depth))

    def __str__(self):
        return f"{self.connections}x{self.depth}"


class LoadGenerator:
    def __init__(self, program, core, server_core, accounts):
        self.core = core
        self.server_core = server_core
        self.program = program
        self.accounts = accounts

    def command(self, server, row, *more):
        command = [
            self.program, "--protocol", server.protocol, "--connect", f"127.0.0.1:{server.port}",
            *(["--tls", server.tls.file] if getattr(server, "tls", None) else []),
            "--connections", row.connections, "--depth", row.depth, "--tokens", self.accounts.tokens_file,
            "--response-bytes", server.response_bytes, *more,
        ]
        return [str(part) for part in command]

    def run(self, server, row, *more, seconds=60):
        """Returns the figures of one run: those of the load generator, with latencies in microseconds, and the part of a core that others
        used meanwhile. Any response but a success fails the benchmark."""
        watch = Watch(self.core, self.server_core, server)
        command = ["taskset", "-c", str(self.core), *self.command(server, row, *more)]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{server.name}, {row}: no end within {seconds} s")
        if ended.returncode != 0:
            raise Failure(f"{server.name}, {row}: {ended.stderr.strip()}\n{ended.stdout.strip()}")
        figures = dict(part.split("=") for part in ended.stdout.split())
        figures["disturbed"] = watch.part()
        return {name: value if name == "protocol" else float(value) for name, value in figures.items()}
