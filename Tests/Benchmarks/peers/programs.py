"""The programs of a benchmark: installed, compiled or built if they are missing."""

import os
import shutil
import subprocess
from pathlib import Path

from process import Failure

ROOT = Path(__file__).resolve().parents[3]
SOURCES = Path(__file__).resolve().parent
OUT = ROOT / ".build" / "peers"
PACKAGES = {
    "c": ["gcc", "libc6-dev", "libssl-dev"],
    "redis": ["redis-server"],
    "redis-tls": ["redis-server", "openssl"],
    "nginx": ["nginx-light"],
    "grpc": ["g++", "pkg-config", "protobuf-compiler", "protobuf-compiler-grpc", "libprotobuf-dev", "libgrpc++-dev"],
}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def run(*command, **options):
    command = [str(part) for part in command]
    try:
        return subprocess.run(command, check=True, **options)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failure(f"{' '.join(command)}: {error}")


def _is_installed(package):
    if package == "pkg-config" and shutil.which("pkg-config"):
        return True
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True).stdout == "installed"


def install(kinds):
    wanted = [package for kind in kinds for package in PACKAGES.get(kind, [])]
    if not shutil.which("dpkg-query"):
        raise Failure(f"this is not Debian or a derivative; install the equivalent of: {' '.join(wanted)}")
    missing = [package for package in wanted if not _is_installed(package)]
    if not missing:
        return
    print(f"installing {' '.join(missing)}", flush=True)
    as_root = [] if os.getuid() == 0 else ["sudo"]
    subprocess.run([*as_root, "apt-get", "update", "-qq"])
    # Run level 1 keeps Debian's scripts from starting services.
    settings = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    run(*as_root, *settings, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, stdout=subprocess.DEVNULL)


def _is_current(product, sources):
    return product.exists() and all(product.stat().st_mtime > source.stat().st_mtime for source in sources)


def _compile_c(name, sources, *libraries):
    product = OUT / name
    if not _is_current(product, [*sources, *SOURCES.glob("*.h")]):
        print(f"compiling {name}", flush=True)
        run("gcc", "-std=gnu17", "-O2", *WARNINGS, *sources, *libraries, "-o", product)
    return product


def load_generator():
    own = [SOURCES / name for name in ("loadgen.c", "options.c", "connection.c", "hpack.c", "tls.c")]
    return _compile_c("loadgen", [*own, *SOURCES.glob("codec_*.c")], "-lssl", "-lcrypto")


def ceiling():
    return _compile_c("ceiling", [SOURCES / "ceiling.c"])


def grpc_server():
    product, source, contract = OUT / "grpc_server", SOURCES / "grpc_server.cc", ROOT / "Protos/doorman/v1/auth.proto"
    if not _is_current(product, [source, contract]):
        print("compiling grpc_server (takes a minute)", flush=True)
        generated = OUT / "generated"
        generated.mkdir(exist_ok=True)
        plugin = f"--plugin=protoc-gen-grpc={shutil.which('grpc_cpp_plugin')}"
        run("protoc", "-I", ROOT / "Protos", f"--cpp_out={generated}", f"--grpc_out={generated}", plugin, contract)
        flags = run("pkg-config", "--cflags", "--libs", "grpc++", "protobuf", capture_output=True, text=True).stdout.split()
        messages = sorted(generated.glob("doorman/v1/auth*.cc"))
        run("g++", "-std=c++17", "-O2", *WARNINGS, "-isystem", generated, source, *messages, *flags, "-o", product)
    return product


def swift_program(name, path=None):
    """Returns the program at `path`, or this package's release build, which is built if missing."""
    if path is not None:
        if not os.access(path, os.X_OK):
            raise Failure(f"{path}: not an executable program")
        return Path(path)
    product = ROOT / ".build/release" / name
    if not product.exists():
        print(f"building {name} (a first build takes minutes)", flush=True)
        run(ROOT / "Scripts/build-release", name, stdout=subprocess.DEVNULL)
    return product


class Programs:
    def __init__(self, servers, doormand=None, emulator=None, microbenchmarks=None):
        """Installs or builds the programs of these servers, named as on the command line, and of the load generator."""
        install(["c", *servers])
        OUT.mkdir(parents=True, exist_ok=True)
        self.load_generator = load_generator()
        if "ceiling" in servers:
            self.ceiling = ceiling()
        if "grpc" in servers:
            self.grpc = grpc_server()
        if any(name.startswith("transport") for name in servers):
            self.microbenchmarks = swift_program("microbenchmarks", microbenchmarks)
        if any(name.startswith("doorman") for name in servers):
            self.doormand = swift_program("doormand", doormand)
            beside = Path(doormand).parent / "account-kit-emulator" if doormand else None
            self.emulator = swift_program("account-kit-emulator", emulator or beside)
