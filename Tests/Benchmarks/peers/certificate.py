"""A certificate for localhost that signs itself, for the servers with TLS."""

from dataclasses import dataclass
from pathlib import Path

from programs import run


@dataclass(frozen=True)
class Certificate:
    file: Path
    key_file: Path

    @classmethod
    def create(cls, folder):
        made = cls(folder / "tls.pem", folder / "tls.key")
        if not made.file.exists():
            run(
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", made.key_file, "-out", made.file,
                capture_output=True)
        return made
