"""One end of TLS over a raw socket: it says close_notify when it is told to, and not before."""

import ssl

from tests.proxy.wire import Peer


class TlsByHand:
    """A backend's end, or with the server's `name` a client's."""

    def __init__(self, peer: Peer, context: ssl.SSLContext, *, name: str | None = None) -> None:
        self.peer = peer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_side=name is None, server_hostname=name)

    async def handshake(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                self._in.write(await self.peer.some())
            else:
                await self._flush()
                return

    async def head(self) -> bytes:
        """Return bytes until what came last is an empty line."""
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            got += await self.some()
        return got

    async def some(self) -> bytes:
        """Return bytes as they come. Raises SSLZeroReturnError for close_notify, and EOFError for an end without."""
        while True:
            try:
                if data := self.tls.read(65536):
                    return data
                raise ssl.SSLZeroReturnError
            except ssl.SSLWantReadError:
                if not (data := await self.peer.some()):
                    raise EOFError from None
                self._in.write(data)

    async def rest(self) -> bytes:
        """Return all bytes up to close_notify. Raises EOFError or ConnectionError for another end."""
        got = b""
        while True:
            try:
                got += await self.some()
            except ssl.SSLZeroReturnError:
                return got

    async def send(self, data: bytes) -> None:
        self.tls.write(data)
        await self._flush()

    async def notify(self) -> None:
        """Send the alert that says that no more will come."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            await self._flush()

    async def _flush(self) -> None:
        if data := self._out.read():
            await self.peer.send(data)
