"""The server's side of the NBD protocol, as far as QEMU speaks it.

https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

READ, WRITE, DISCONNECT, FLUSH, WRITE_ZEROES = 0, 1, 2, 3, 6
_FORCE_UNIT_ACCESS = 1
_FLAGS = 1 | 4 | 8 | 64  # HAS_FLAGS, SEND_FLUSH, SEND_FUA, SEND_WRITE_ZEROES
_LARGEST = 32 << 20

_OPTION_ABORT, _OPTION_INFO, _OPTION_GO = 2, 6, 7
_REPLY_ACK, _REPLY_INFO, _REPLY_UNSUPPORTED = 1, 3, 0x80000001
_INFO_EXPORT, _INFO_BLOCK_SIZE = 0, 3


@dataclass(frozen=True)
class Request:
    """What the guest asks of its disk. `answer` takes an errno and, for a read, its bytes; any thread may call it."""

    kind: int
    offset: int
    length: int
    data: bytes
    durable: bool
    answer: Callable[[int, bytes], None]

    @property
    def is_read(self) -> bool:
        return self.kind == READ

    @property
    def end(self) -> int:
        return self.offset + self.length


class Connection:
    """One end of a socket pair, served to a QEMU that has the other."""

    def __init__(self, end: socket.socket, size: int, block: int) -> None:
        self._socket = end
        self._size, self._block = size, block
        self._sending = threading.Lock()

    def requests(self) -> Iterator[Request]:
        """Shake hands, then yield every request until QEMU has gone."""
        try:
            with self._socket:
                if self._greet():
                    yield from self._transmission()
        except (ConnectionError, EOFError, OSError):
            return

    def _greet(self) -> bool:
        self._socket.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
        self._receive(4)
        while True:
            _, option, length = struct.unpack(">8sII", self._receive(16))
            self._receive(length)
            if option in (_OPTION_INFO, _OPTION_GO):
                self._reply(option, _REPLY_INFO, struct.pack(">HQH", _INFO_EXPORT, self._size, _FLAGS))
                sizes = struct.pack(">HIII", _INFO_BLOCK_SIZE, 1, self._block, _LARGEST)
                self._reply(option, _REPLY_INFO, sizes)
                self._reply(option, _REPLY_ACK)
                if option == _OPTION_GO:
                    return True
            elif option == _OPTION_ABORT:
                self._reply(option, _REPLY_ACK)
                return False
            else:
                self._reply(option, _REPLY_UNSUPPORTED)

    def _reply(self, option: int, kind: int, data: bytes = b"") -> None:
        self._socket.sendall(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data)) + data)

    def _transmission(self) -> Iterator[Request]:
        while True:
            _, flags, kind, cookie, offset, length = struct.unpack(">IHHQQI", self._receive(28))
            if kind == DISCONNECT:
                return
            data = self._receive(length) if kind == WRITE else b""
            durable = bool(flags & _FORCE_UNIT_ACCESS)
            yield Request(kind, offset, length, data, durable, self._answer(cookie))

    def _answer(self, cookie: int) -> Callable[[int, bytes], None]:
        def answer(error: int, data: bytes) -> None:
            with self._sending:
                try:
                    self._socket.sendall(struct.pack(">IIQ", 0x67446698, error, cookie) + data)
                except OSError:
                    return  # the power is gone, and with it whoever asked

        return answer

    def _receive(self, length: int) -> bytes:
        received = bytearray()
        while len(received) < length:
            block = self._socket.recv(length - len(received))
            if not block:
                raise EOFError
            received += block
        return bytes(received)
