"""Write the table of docs/mp4-check.md: `python -m tests.mp4.table` with ffprobe installed and every source here."""

import shutil
import subprocess
import sys
import tempfile

from dockd.mp4.examine import examine
from tests.mp4.damage import DAMAGES
from tests.mp4.sources import HERE, Genuine, kept, packaged

PAGE = HERE.parents[1] / "docs" / "mp4-check.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
WHOLE = "whole"


def verdicts(clip: bytes) -> dict[str, tuple[str, bytes]]:
    """Give what each column holds: our verdict and the file it is about."""
    files = {WHOLE: clip, **{name: break_it(clip) for name, (break_it, _) in DAMAGES.items()}}
    return {
        name: (examine(lambda offset, size, data=data: data[offset : offset + size], len(data)).verdict, data)
        for name, data in files.items()
        if data is not None
    }


def ffprobe(data: bytes) -> str:
    """Ask ffprobe as ingest scripts do, by its exit code; say whether it complained all the same."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(data)
        file.flush()
        command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return "refused"
    return "accepted, with a complaint" if done.stderr.strip() else "**accepted**"


def table(sources: list[Genuine]) -> str:
    columns = [WHOLE, *DAMAGES]
    lines = [f"| clip | made by | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    for source in sources:
        held = verdicts(source.read())
        cells = []
        for column in columns:
            if column in held:
                verdict, data = held[column]
                theirs = ffprobe(data)
                cells.append(f"{verdict} / {theirs.replace('**', '') if column == WHOLE else theirs}")
            else:
                cells.append("–")
        lines.append(f"| {source.name} | {source.made_by} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    sources = kept() + packaged()
    missing = [source.name for source in sources if source.path is None]
    if missing or not shutil.which("ffprobe"):
        sys.exit(f"not here: {', '.join(missing) or 'ffprobe'}")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + table(sources) + END + after)


if __name__ == "__main__":
    main()
