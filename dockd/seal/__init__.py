"""age v1 (C2SP age.md), and nothing else: recipients, the header, the payload stream."""
