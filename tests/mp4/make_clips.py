"""Make the clips of tests/mp4/clips with programs other than ffmpeg: `python tests/mp4/make_clips.py`.

It needs gst-launch-1.0 with the good, bad and ugly plugins (GStreamer 1.22.0 made what is here), node with the packages
mediabunny (1.61.0), mp4box (GPAC's MP4Box in JavaScript, 2.4.1) and mux.js (7.1.0) to be found from the current
directory, and a Python with pymp4v2 (0.1.13, MP4v2 2.1.3) as PYMP4V2_PYTHON. A bouncing ball and a tone. Commit the
clips with SHA256SUMS.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CLIPS = Path(__file__).parent / "clips"

VIDEO = "videotestsrc num-buffers=75 pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1"
SOUND = "audiotestsrc num-buffers=130 samplesperbuffer=1024 ! audio/x-raw,rate=44100 ! voaacenc bitrate=32000 ! m."
H264 = "x264enc bitrate=100 key-int-max=25 ! h264parse"
H265 = "x265enc bitrate=100 key-int-max=25 ! h265parse"
GSTREAMER = {
    "gstreamer-moov-last.mp4": ("mp4mux name=m", H264),
    "gstreamer-hevc-moov-first.mp4": ("mp4mux name=m faststart=true", H265),
    "gstreamer-fragmented.mp4": ("mp4mux name=m fragment-duration=1000", H264),
    # Updates its index while it records, so that a power cut leaves one: room for it stands before the media.
    "gstreamer-robust.mov": (
        "qtmux name=m reserved-max-duration=10000000000 reserved-moov-update-period=500000000",
        H264,
    ),
}
MEDIABUNNY = """
import fs from 'node:fs';
import {ALL_FORMATS, BufferSource, BufferTarget, Conversion, Input, Mp4OutputFormat, Output} from 'mediabunny';
const [from, to, fastStart] = process.argv.slice(-3);
const input = new Input({formats: ALL_FORMATS, source: new BufferSource(fs.readFileSync(from))});
const output = new Output({format: new Mp4OutputFormat({fastStart}), target: new BufferTarget()});
await (await Conversion.init({input, output})).execute();
fs.writeFileSync(to, Buffer.from(output.target.buffer));
"""
MP4BOX = """
import fs from 'node:fs';
import * as MP4Box from 'mp4box';
const [from, to] = process.argv.slice(-2);
const held = fs.readFileSync(from), file = MP4Box.createFile(), parts = [];
const data = held.buffer.slice(held.byteOffset, held.byteOffset + held.length);
data.fileStart = 0;
file.onReady = info => {
  for (const track of info.tracks) file.setSegmentOptions(track.id, null, {nbSamples: 25});
  parts.push(file.initializeSegmentation().buffer);
  file.start();
};
file.onSegment = (id, user, buffer) => parts.push(buffer);
file.appendBuffer(data);
file.flush();
fs.writeFileSync(to, Buffer.concat(parts.map(part => Buffer.from(part))));
"""
# Of video alone: mux.js counts the fragments of each track from 0, where a file counts all of them together. A piece of
# whole transport packets becomes a fragment.
MUXJS = """
import fs from 'node:fs';
import muxjs from 'mux.js';
const [from, to] = process.argv.slice(-2);
const held = fs.readFileSync(from), parts = [];
const transmuxer = new muxjs.mp4.Transmuxer();
transmuxer.on('data', ({initSegment, data}) => parts.push(...(parts.length ? [] : [initSegment]), data));
const piece = Math.ceil(held.length / 188 / 3) * 188;
for (let at = 0; at < held.length; at += piece) {
  transmuxer.push(new Uint8Array(held.subarray(at, at + piece)));
  transmuxer.flush();
}
fs.writeFileSync(to, Buffer.concat(parts));
"""
MP4V2 = "import pymp4v2, sys; pymp4v2.MP4File(sys.argv[1], 'r').optimize()"


def main() -> None:
    for name, (muxer, encoder) in GSTREAMER.items():
        gstreamer(f"{muxer} ! filesink location={CLIPS / name} {VIDEO} ! {encoder} ! m. {SOUND}")
    source = CLIPS / "gstreamer-moov-last.mp4"
    for name, fast_start in (("mediabunny-moov-first.mp4", "in-memory"), ("mediabunny-fragmented.mp4", "fragmented")):
        node(MEDIABUNNY, source, CLIPS / name, fast_start)
    node(MP4BOX, source, CLIPS / "mp4box-js-fragmented.mp4")
    with tempfile.NamedTemporaryFile(suffix=".ts") as stream:
        gstreamer(f"mpegtsmux name=m ! filesink location={stream.name} {VIDEO} ! {H264} ! m.")
        node(MUXJS, stream.name, CLIPS / "muxjs-fragmented.mp4")
    shutil.copy(source, CLIPS / "mp4v2.mp4")
    subprocess.run([os.environ.get("PYMP4V2_PYTHON", sys.executable), "-c", MP4V2, CLIPS / "mp4v2.mp4"], check=True)
    clips = sorted(path for path in CLIPS.iterdir() if path.suffix in (".mp4", ".mov"))
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in clips)
    (CLIPS / "SHA256SUMS").write_text("".join(sums))


def gstreamer(pipeline: str) -> None:
    subprocess.run(["gst-launch-1.0", "-q", *shlex.split(pipeline)], check=True, stdout=subprocess.DEVNULL)


def node(program: str, *arguments: object) -> None:
    command = ["node", "--input-type=module", "-e", program, "--", *map(str, arguments)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
