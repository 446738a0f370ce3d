"""Certificates for both sides, made once for all tests of a run."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

from corsproxy.config.settings import ServerTls


@dataclass(frozen=True)
class Certificates:
    """An authority, a server's certificate from it for each name, and files where settings want paths."""

    authority: trustme.CA
    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificates":
        made = cls(trustme.CA(), folder)
        made.authority.cert_pem.write_to_path(made.ca)
        return made

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    def server_files(self, name: str) -> ServerTls:
        certificate = self.authority.issue_cert(name)
        paths = ServerTls(str(self.folder / f"{name}.crt"), str(self.folder / f"{name}.key"))
        certificate.private_key_pem.write_to_path(paths.key)
        Path(paths.certificate).write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
        return paths

    def server(self, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(name).configure_cert(context)
        return context

    def client(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context
