"""A door that speaks TLS in front of a loopback server that does not, as a proxy would."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator

from infra.embedded.ports import LOOPBACK
from tests.certificates import Certificates


@contextlib.contextmanager
def tls_front(port: int, certificates: Certificates) -> Iterator[int]:
    """Port at which ``port`` is reached over TLS until the block ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_cert, certificates.server_key)
    ready: threading.Event = threading.Event()
    loop = asyncio.new_event_loop()
    ports: list[int] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, port)
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    async def serve() -> None:
        server = await asyncio.start_server(relay, LOOPBACK, 0, ssl=context)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        async with server:
            await server.serve_forever()

    def run() -> None:
        loop.set_exception_handler(lambda *_: None)  # clients that do not trust us hang up
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    task = loop.create_task(serve())
    thread = threading.Thread(target=run, name="tls-front", daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(_cancel_all, loop)
        thread.join(10)


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except (OSError, ssl.SSLError):
        pass
    finally:
        writer.close()
