"""Certificates for servers on the loopback."""

import subprocess


def make(folder):
    """An authority of our own (ca.pem), and a certificate of it for the loopback (server.pem, server.key), in a folder."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True, timeout=60)
    elliptic = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *elliptic, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", "-days", 2)
    openssl("req", *elliptic, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem",
            "-extfile", "names", "-days", 2)
