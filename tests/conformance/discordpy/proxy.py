"""A TCP proxy in front of the server, whose connections can be cut and held back."""
import asyncio


class Proxy:
    """Passes bytes on; `cut` ends every connection, new ones wait until `release`."""

    def __init__(self, host, port):
        self.target = (host, port)
        self.writers = set()
        self.open = asyncio.Event()
        self.open.set()
        self.server = None
        self.port = None

    async def start(self):
        """Listens on a free port."""
        self.server = await asyncio.start_server(self.accept, '127.0.0.1', 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def cut(self):
        """Cuts every connection at once and holds back new ones."""
        self.open.clear()
        for writer in list(self.writers):
            writer.transport.abort()
        self.writers.clear()

    def release(self):
        """Lets held and new connections through again."""
        self.open.set()

    def close(self):
        """Ends everything."""
        self.cut()
        self.server.close()

    async def accept(self, reader, writer):
        await self.open.wait()
        try:
            up_reader, up_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, up_writer}
        await asyncio.gather(self.pump(reader, up_writer), self.pump(up_reader, writer))
        self.writers -= {writer, up_writer}

    @staticmethod
    async def pump(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort() if writer.is_closing() else writer.close()
