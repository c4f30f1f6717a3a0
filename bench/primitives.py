"""The bare primitives of one recording on one core: three passes of SHA-256, one encryption, one decryption.

`python -m bench.primitives BYTES` prints the CPU seconds. The cipher works on one chunk of age's that stays in the
cache, the hash on a megabyte: no reading, no writing, nothing to wait for.
"""

import hashlib
import os
import sys
import time

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from dockd.seal.stream import CHUNK, SEALED_CHUNK

_PASS = 1 << 20


def cpu(size: int) -> float:
    cipher, nonce = ChaCha20Poly1305(os.urandom(32)), bytes(12)
    plain, sealed, block = bytearray(os.urandom(CHUNK)), bytearray(SEALED_CHUNK), os.urandom(_PASS)
    begun = time.process_time()
    for _chunk in range(size // CHUNK):
        cipher.encrypt_into(nonce, plain, None, sealed)
    for _chunk in range(size // CHUNK):
        cipher.decrypt_into(nonce, sealed, None, plain)
    digest = hashlib.sha256()
    for _block in range(3 * size // _PASS):
        digest.update(block)
    return time.process_time() - begun


if __name__ == "__main__":
    print(cpu(int(sys.argv[1])))
