"""Clearing, the worker's side: only what is registered, and only if this very worker proved or hashed it."""

import hmac

from dockd.docking.messages import RegisteredMessage
from dockd.driver import Session
from dockd.errors import OrderError
from dockd.model import Recording, RecordingPath, Registered


class Release:
    """Remembers the digest of every recording that this worker has proven, or hashed again, since the last listing."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._salvaged: set[Recording] = set()
        self._digests: dict[Recording, str] = {}
        self.told: set[RecordingPath] = set()
        """What the camera was told to clear, whatever it answered."""

    def learned(self, recording: Recording, plaintext_sha256: str) -> None:
        self._digests[recording] = plaintext_sha256

    def salvaged(self, recording: Recording) -> None:
        """Never clear this one, whatever is learned of it besides: some of it could not be read."""
        self._salvaged.add(recording)

    def registered(self, recording: Recording, message: RegisteredMessage) -> Registered:
        """Accept the supervisor's word that a recording is registered.

        Raises `OrderError`, which ends this process, unless it is about the very bytes that were read here.
        """
        digest = self._digests.get(recording)
        if recording in self._salvaged:
            raise OrderError("asked to clear what this worker could not read")
        if digest is None or not hmac.compare_digest(digest, message.plaintext_sha256):
            raise OrderError("asked to clear what this worker has not proven")
        return Registered(recording, message.recording_id, message.plaintext_sha256, message.seq)

    def clear(self, registered: Registered) -> None:
        """Erase one registered recording from the camera; raises `DriverError` if the camera does not take it."""
        self.told.add(registered.recording.path)
        self._session.clear(registered.recording)
