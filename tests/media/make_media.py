"""Make the genuine MP4s of this folder with the `ffmpeg` program: `python tests/media/make_media.py`.

A test pattern and a tone, so there is nobody to recognise. Each clip has another layout that a reader of MP4 meets:
what a camera writes while it records, what a tool writes afterwards, what survives a cut. The bit-exact flags and a
single thread make a run repeatable with one version of ffmpeg (5.1.9 made what is here), not across versions: after a
run, commit the clips together with SHA256SUMS.
"""

import hashlib
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
SUMS = HERE / "SHA256SUMS"

H264 = ("-c:v", "libx264", "-preset", "slow", "-pix_fmt", "yuv420p")
MPEG4 = ("-c:v", "mpeg4", "-q:v", "12", "-bf", "0")
AAC = ("-c:a", "aac", "-b:a", "48k")
EXACT = ("-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact")

# name: size, frames a second, seconds, tone in Hz (0: no sound), creation_time, options
CLIPS: dict[str, tuple[str, int, int, int, str, tuple[str, ...]]] = {
    # As a camera records: the index (moov) is written last, when the recording ends.
    "moov-last.mp4": (
        *("640x360", 25, 5, 440, "2026-03-14T07:58:12Z"),
        (*H264, "-profile:v", "main", "-crf", "30", "-g", "50", *AAC),
    ),
    # As a tool rewrites it for playing over a network: the index first.
    "moov-first.mp4": (
        *("480x270", 30, 3, 523, "2026-03-14T09:21:40Z"),
        (*H264, "-profile:v", "high", "-crf", "32", "-g", "60", *AAC, "-movflags", "+faststart"),
    ),
    # As a careful camera records: an empty index, then fragments that each stand alone after a power cut.
    "fragmented.mp4": (
        *("480x270", 25, 4, 330, "2026-03-14T23:59:58Z"),
        (*H264, "-profile:v", "main", "-crf", "32", "-g", "25", *AAC, "-movflags", "+frag_keyframe+empty_moov"),
    ),
    # As an older camera records: MPEG-4 Visual, brand mp42, coarse time scale, no edit list, no sound.
    "mpeg4-visual.mp4": (
        *("320x240", 15, 4, 0, "2026-03-15T02:03:04Z"),
        (*MPEG4, "-g", "15", "-brand", "mp42", "-video_track_timescale", "600", "-use_editlist", "0"),
    ),
}


def command(name: str) -> list[str]:
    """Build the ffmpeg call that makes one clip."""
    size, rate, seconds, tone, created, options = CLIPS[name]
    sources = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}"]
    if tone:
        sources += ["-f", "lavfi", "-i", f"sine=frequency={tone}:sample_rate=48000"]
    tail = [
        "-t",
        str(seconds),
        *options,
        *EXACT,
        "-metadata",
        f"creation_time={created}",
        "-f",
        "mp4",
        str(HERE / name),
    ]
    return ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *sources, *tail]


def sums() -> str:
    """List the clips as sha256sum(1) does."""
    return "".join(f"{hashlib.sha256((HERE / name).read_bytes()).hexdigest()}  {name}\n" for name in sorted(CLIPS))


def main() -> None:
    for name in CLIPS:
        subprocess.run(command(name), check=True)
    SUMS.write_text(sums())


if __name__ == "__main__":
    main()
