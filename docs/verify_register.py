#!/usr/bin/env python3
"""Check what a dock has registered, without dockd: for an expert who trusts neither the dock nor its makers.

Needs Python 3.11 or later and the package `cryptography`, nothing else. docs/register-format.md describes every
format. KEY is the dock's verifier key, as it was written down when the dock was set up: the text itself or a file.

    verify_register.py register KEY EXPORT... [--checkpoint NOTE]...
        the whole register: what `dockd register export` wrote, or the segments of its mirror in their order; and
        whether it still is the one that each checkpoint outside the dock was signed for
    verify_register.py bundle KEY BUNDLE [--checkpoint NOTE]
        one entry: what `dockd register prove` wrote, and whether it stands under a checkpoint outside the dock
    verify_register.py consistency KEY PROOF OLD
        two checkpoints: whether the register only grew since OLD, by what `dockd register prove --since OLD` wrote

Exit code 0: everything is as it was signed. 1: it is not, and every line says what. 2: it was not checked.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    """Something is not as it was signed."""


UNREADABLE = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
"""What comes of a file that is not what it should be."""


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# 1. Signatures: a verifier key is name+key id+base64(0x01, public key), a checkpoint a C2SP signed-note of three lines.


class Key:
    def __init__(self, text):
        self.name, key_id, material = text.strip().split("+", 2)
        raw = base64.b64decode(material, validate=True)
        self.id = sha256(self.name.encode(), b"\n", raw)[:4]
        if raw[:1] != b"\x01" or self.id.hex() != key_id:
            raise ValueError("this is not a verifier key")
        self.public = Ed25519PublicKey.from_public_bytes(raw[1:])

    def checkpoint(self, note):
        """Give the number of entries and the root that the dock signed."""
        text, _, signatures = note.rpartition("\n\n")
        lines = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]*)\n([^\n]{44})", text)
        if not lines or lines[1] != self.name:
            raise Wrong("this is not a checkpoint of this dock")
        ours = [line.split(" ")[2] for line in signatures.splitlines() if line.startswith(f"\N{EM DASH} {self.name} ")]
        raws = [raw for each in ours if (raw := base64.b64decode(each)).startswith(self.id)]
        if not raws:
            raise Wrong("a checkpoint does not carry the signature of this dock")
        for raw in raws:
            try:
                self.public.verify(raw[4:], f"{text}\n".encode())
            except InvalidSignature:
                raise Wrong(f"the checkpoint of {lines[2]} entries was not signed by this dock") from None
        return int(lines[2]), base64.b64decode(lines[3])


# 2. The tree: RFC 6962 section 2.1. Its leaves are SHA-256(salt, body), so that a body can be pruned.


def leaf_hash(leaf):
    return sha256(b"\x00", leaf)


def node_hash(left, right):
    return sha256(b"\x01", left, right)


class Tree:
    def __init__(self):
        self.size, self.subtrees = 0, []

    def append(self, leaf):
        hash_, merging = leaf_hash(leaf), self.size
        while merging & 1:
            hash_, merging = node_hash(self.subtrees.pop(), hash_), merging >> 1
        self.subtrees.append(hash_)
        self.size += 1

    def root(self):
        if not self.subtrees:
            return sha256()
        root = self.subtrees[-1]
        for left in reversed(self.subtrees[:-1]):
            root = node_hash(left, root)
        return root


def check_inclusion(leaf, index, size, path, root):
    """RFC 9162 section 2.1.3.2."""
    number, last, hash_ = index, size - 1, leaf_hash(leaf)
    for each in path:
        if last == 0:
            raise Wrong("the proof is too long")
        if number & 1 or number == last:
            hash_ = node_hash(each, hash_)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, each)
        number, last = number >> 1, last >> 1
    if not 0 <= index < size or last != 0 or hash_ != root:
        raise Wrong(f"entry {index} is not in the tree that was signed at {size} entries")


def check_consistency(old, old_root, new, new_root, path):
    """RFC 9162 section 2.1.4.2."""
    wrong = Wrong(f"what was signed at {old} entries is not the beginning of what was signed at {new}")
    if old == new:
        if path or old_root != new_root:
            raise wrong
        return
    if not 1 <= old < new or not path:
        raise wrong
    path = path if old & (old - 1) else [old_root, *path]
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = path[0]
    for each in path[1:]:
        if last == 0:
            raise wrong
        if number & 1 or number == last:
            before, after = node_hash(each, before), node_hash(each, after)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            after = node_hash(after, each)
        number, last = number >> 1, last >> 1
    if last != 0 or before != old_root or after != new_root:
        raise wrong


# 3. What is checked.


def check_entry(entry, dock):
    """Give leaf and body of an entry, once salt and body belong to it and the body says that it stands there."""
    body = entry["body"].encode()
    leaf = sha256(bytes.fromhex(entry["salt"]), body)
    if leaf.hex() != entry.get("leaf", leaf.hex()):
        raise Wrong(f"entry {entry['seq']}: leaf, salt and body do not belong together")
    said = json.loads(body)
    if (said["seq"], said["dock_id"]) != (entry["seq"], dock):
        raise Wrong(f"entry {entry['seq']}: its body is of entry {said['seq']} of {said['dock_id']}")
    return leaf, said


class Register:
    """Takes the lines of a register in their order.

    `reached` is how far the checkpoints of each kind have come, `covered` how many entries are as they were signed,
    `emptied` are the places of entries without a body: only a later entry of the kind `pruned` can say why.
    """

    def __init__(self, key, outside):
        self.key, self.tree, self.problems = key, Tree(), []
        self.outside = sorted(outside)
        self.reached = {"checkpoint": 0, "checkpoint from outside": 0}
        self.covered, self.emptied = 0, []

    def line(self, line):
        if "checkpoint" in line:
            self.attempt(lambda: self.compare("checkpoint", *self.key.checkpoint(line["checkpoint"])))
        elif "seq" in line:
            if line["seq"] != self.tree.size:
                self.problems.append(f"entry {line['seq']} stands where entry {self.tree.size} belongs")
            if "body" in line:
                self.attempt(lambda: self.said(check_entry(line, self.key.name)[1]))
            else:
                self.emptied.append(line["seq"])
            self.tree.append(bytes.fromhex(line["leaf"]))
            while self.outside and self.outside[0][0] <= self.tree.size:
                self.attempt(lambda: self.compare("checkpoint from outside", *self.outside.pop(0)))
        elif "format" not in line:
            self.problems.append(f"behind entry {self.tree.size - 1}: a line that is neither entry nor checkpoint")

    def said(self, body):
        if body["kind"] == "pruned":
            self.emptied = [seq for seq in self.emptied if seq > body["last_seq"]]

    def compare(self, kind, size, root):
        first, self.reached[kind] = self.reached[kind], size
        if size > self.tree.size:
            raise Wrong(f"{kind} of {size} entries: the register ends after {self.tree.size}")
        if size < self.tree.size or root != self.tree.root():
            raise Wrong(f"{kind} of {size} entries: entries {first} to {size - 1} are not the ones that were signed")
        self.covered = size

    def end(self):
        self.problems += [f"entry {seq}: what it said is missing, and was not pruned" for seq in self.emptied]
        for size, root in self.outside:
            self.attempt(lambda size=size, root=root: self.compare("checkpoint from outside", size, root))
        if self.covered < self.tree.size or not self.tree.size:
            self.problems.append(f"the entries from {self.covered} on are under no checkpoint that agrees")

    def attempt(self, check):
        try:
            check()
        except Wrong as problem:
            self.problems.append(str(problem))
        except UNREADABLE as error:
            self.problems.append(f"near entry {self.tree.size}: this cannot be read ({error})")


def check_register(key, exports, notes):
    """Check a register; give the problems, and what is to be said if there are none."""
    register = Register(key, [key.checkpoint(note) for note in notes])
    for export in exports:
        with open(export, encoding="utf-8", errors="surrogateescape") as lines:
            for number, text in enumerate(lines, start=1):
                try:
                    register.line(json.loads(text))
                except UNREADABLE as error:
                    register.problems.append(f"{export}, line {number}: this cannot be read ({error})")
    register.end()
    root = register.tree.root().hex()
    return register.problems, f"verified: {register.tree.size} entries, root {root}"


def check_bundle(key, path, notes):
    bundle = json.loads(path.read_text("utf-8"))
    size, root = key.checkpoint(bundle["checkpoint"])
    entry = bundle["entry"]
    check_inclusion(check_entry(entry, key.name)[0], entry["seq"], size, _hashes(bundle["inclusion"]), root)
    for note in notes:
        if key.checkpoint(note) != (size, root):
            raise Wrong("the bundle stands under another checkpoint")
    return [], f"verified: entry {entry['seq']}\n{json.dumps(json.loads(entry['body']), indent=1, ensure_ascii=False)}"


def check_growth(key, path, old):
    proof = json.loads(path.read_text("utf-8"))
    (before, before_root), (after, after_root) = key.checkpoint(old), key.checkpoint(proof["checkpoint"])
    check_consistency(before, before_root, after, after_root, _hashes(proof["consistency"]))
    return [], f"verified: the first {before} of the {after} entries are those of the old checkpoint"


def _hashes(texts):
    return [bytes.fromhex(text) for text in texts]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["register", "bundle", "consistency"])
    parser.add_argument("key")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--checkpoint", action="append", default=[], type=Path)
    given = parser.parse_args()
    if len(given.files) != {"bundle": 1, "consistency": 2}.get(given.what, len(given.files)):
        parser.error("bundle takes one file, consistency two")
    if given.what == "consistency" and given.checkpoint:
        parser.error("consistency takes no --checkpoint")
    # What comes from a camera may hold anything.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        key = Key(Path(given.key).read_text("utf-8") if Path(given.key).is_file() else given.key)
        notes = [path.read_text("utf-8") for path in given.checkpoint]
        if given.what == "register":
            problems, verified = check_register(key, given.files, notes)
        elif given.what == "bundle":
            problems, verified = check_bundle(key, given.files[0], notes)
        else:
            problems, verified = check_growth(key, given.files[0], given.files[1].read_text("utf-8"))
    except Wrong as problem:
        problems = [str(problem)]
    except UNREADABLE as error:
        print(f"not checked: {error!r}", file=sys.stderr)
        return 2
    print("\n".join([*problems, "NOT verified"]) if problems else verified)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
