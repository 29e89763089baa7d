"""The table of what became of every file of the corpus, and the rule by which it may change: no row gets worse.

| outcome | says |
| --- | --- |
| `equal` | every chunk, attribute, dimension and small value is as h5py and netCDF4 tell it |
| `part` | the same, but for what is left out and named on standard error: types without a word in Zarr, filters without a codec, … |
| `refused` | h5py (netCDF4 for NetCDF-3) reads the file, altostac says why it does not |
| `unread` | neither reads it |
| `unjudged` | altostac reads it, h5py does not |
| `other` | neither NetCDF nor HDF5, and told so |
| `differs` | wrong |
"""

import re
from collections import Counter
from dataclasses import astuple, dataclass, fields

RANKS = {"equal": 3, "part": 2, "refused": 1, "unread": 1, "unjudged": 1, "other": 1, "differs": 0}


@dataclass(frozen=True)
class Row:
    """One file. Counts are those of the comparison; `note`: why refused, what differs, or what was left out."""

    path: str
    kind: str
    outcome: str
    variables: int = 0
    chunks: int = 0
    attributes: int = 0
    left_out: int = 0
    limits: str = ""
    note: str = ""

    @classmethod
    def parse(cls, line):
        cells = line.split("\t")
        return cls(*cells[:3], *(int(cell or 0) for cell in cells[3:7]), *cells[7:])

    def __str__(self):
        cells = [cell or "" for cell in astuple(self)]
        return "\t".join(re.sub(r"[\t\n\r]", " ", str(cell)) for cell in cells)


def short(text, length=90):
    """A reason without what may differ between machines, and not longer than it must be."""
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= length else text[:length - 1] + "…"


def render(rows):
    """The table as it is kept: sorted by path, the counts in the last line."""
    rows = sorted(rows, key=lambda row: row.path)
    outcomes = Counter(row.outcome for row in rows)
    said = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in RANKS)
    counts = {name: sum(getattr(row, name) for row in rows) for name in ("variables", "chunks", "attributes", "left_out")}
    compared = ", ".join(f"{count} {name}" for name, count in counts.items())
    head = "\t".join(field.name for field in fields(Row))
    return "\n".join([head, *map(str, rows), f"# {len(rows)} files: {said}; {compared}", ""])


def parse(text):
    """The rows of a table, by path."""
    lines = [line for line in text.splitlines()[1:] if not line.startswith("# ")]
    return {row.path: row for row in map(Row.parse, lines)}


def worsened(old, new):
    """Every way in which new rows (by path) are worse than old ones, in words."""
    for path, before in old.items():
        after = new.get(path)
        if after is None:
            yield f"{path}: the row is gone, it was {before.outcome}"
        elif RANKS[after.outcome] < RANKS[before.outcome]:
            yield f"{path}: {before.outcome} → {after.outcome}: {after.note}"
        elif after.limits and not before.limits:
            yield f"{path}: {after.limits}"
        elif before.outcome in ("equal", "part"):
            for name in ("variables", "chunks", "attributes"):
                if getattr(after, name) < getattr(before, name):
                    yield f"{path}: {getattr(after, name)} {name} compared, before {getattr(before, name)}"
            if after.left_out > before.left_out:
                yield f"{path}: {after.left_out} objects left out, before {before.left_out}: {after.note}"
    for path, after in new.items():
        if path not in old and after.outcome == "differs":
            yield f"{path}: differs: {after.note}"


def judge(snapshot, rows, blessing):
    """Compares rows with the table in a file, or writes them there if that is asked and no row got worse.

    To take a worse row on purpose, edit the table by hand: that shows in the review.
    """
    old = parse(snapshot.read_text()) if snapshot.exists() else {}
    new = {row.path: row for row in rows}
    worse = list(worsened(old, new))
    assert not worse, f"{len(worse)} rows of {snapshot.name} got worse:\n" + "\n".join(worse)
    if blessing:
        snapshot.write_text(render(rows))
        return
    changed = [f"- {old.get(path)}\n+ {new.get(path)}" for path in sorted(new) if str(old.get(path)) != str(new.get(path))]
    assert not changed, f"{len(changed)} rows of {snapshot.name} changed, none for the worse; BLESS=1 writes them:\n" + "\n".join(changed)
