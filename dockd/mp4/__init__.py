"""The MP4 check: whether a recording is a whole MP4 file, read from its boxes and its index alone.

It shows truncation, never authenticity: only digests do that. No finding stops a recording from being taken in.
`examine.py` is the way in and tells the order; docs/mp4-check.md explains every finding.
"""
