"""Common parts of the benchmarks: a folder, two cores, accounts, programs, and the end of everything that was started."""

import contextlib
import signal
import sys
import tempfile
from pathlib import Path

import programs
from accounts import Accounts
from load import LoadGenerator
from process import Failure, cores


class Bench:
    def __init__(self, stack, options, servers, account_id_digits=16):
        self.stack = stack
        self.load_core, self.server_core = cores(options.cores)
        self.programs = programs.Programs(servers, options.doormand, options.emulator, getattr(options, "microbenchmarks", None))
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorman-peers-")))
        self.accounts = Accounts(self.folder, account_id_digits)
        self.load = LoadGenerator(self.programs.load_generator, self.load_core, self.server_core, self.accounts)


def add_options(parser):
    parser.add_argument("--doormand", metavar="FILE", help="path to doormand; default .build/release/doormand, built if missing")
    parser.add_argument("--emulator", metavar="FILE", help="path to account-kit-emulator; default beside doormand")
    parser.add_argument("--cores", metavar="L,S", help="cores of the load generator and the servers; default the first and the last")
    parser.add_argument("--json", metavar="FILE", help="path to a file for all figures")


def main(work, options):
    """Runs the work with a stack for everything that it starts, and ends all of that."""
    # SIGTERM raises an exception, as Ctrl-C does by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with contextlib.ExitStack() as stack:
            work(stack, options)
    except KeyboardInterrupt:
        sys.exit(130)
    except Failure as failure:
        sys.exit(f"{Path(sys.argv[0]).name}: {failure}")
