"""A certificate that no authority has signed, for loopback, for a day."""

import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def self_signed():
    """Give the files of a certificate and its key."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
        names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
        subprocess.run([*command, *names], check=True, capture_output=True, timeout=60)
        yield certificate, key
