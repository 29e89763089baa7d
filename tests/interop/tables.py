"""Tables of outcomes that stand in snapshots/, and the rule by which they may change: no row gets worse.

A run may look at some rows alone: the others stay as they are, and nothing is asked of them.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

SNAPSHOTS = Path(__file__).parent / "snapshots"
BLESSING = os.environ.get("BLESS") == "1"


@dataclass(frozen=True)
class Table:
    """The first `keys` columns say which row it is. `worse` gets a row as it was (None: it is new) and as it is, each as a dictionary of texts,
    and tells in words how it got worse."""

    path: Path
    columns: tuple
    keys: int
    worse: Callable

    def parse(self):
        """The rows of the snapshot, by their keys."""
        lines = self.path.read_text().splitlines()[1:] if self.path.exists() else []
        return dict(map(self._row, (line.split("\t") for line in lines)))

    def _row(self, cells):
        cells = [" ".join(str(cell).split()) for cell in cells]
        assert len(cells) == len(self.columns), cells
        return tuple(cells[:self.keys]), dict(zip(self.columns, cells))

    def render(self, rows):
        lines = ["\t".join(rows[key].values()) for key in sorted(rows)]
        return "\n".join(["\t".join(self.columns), *lines, ""])

    def judge(self, rows, concerns=lambda key: True, blessing=BLESSING):
        """Compares rows with those of the snapshot that this run concerns, or writes them there if that is asked and none got worse.

        To take a worse row on purpose, edit the table by hand: that shows in the review.
        """
        new, all_before = dict(map(self._row, rows)), self.parse()
        before = {key: row for key, row in all_before.items() if concerns(key)}
        worse = [f"{', '.join(key)}: the row is gone" for key in before if key not in new]
        worse += [f"{', '.join(key)}: {said}" for key, row in new.items() for said in self.worse(before.get(key), row)]
        assert not worse, f"{len(worse)} rows of {self.path.name} got worse:\n" + "\n".join(worse)
        if blessing:
            self.path.write_text(self.render(all_before | new))
            return
        changed = [f"- {before.get(key)}\n+ {row}" for key, row in sorted(new.items()) if before.get(key) != row]
        assert not changed, f"{len(changed)} rows of {self.path.name} changed, none for the worse; BLESS=1 writes them:\n" + "\n".join(changed)


def number(text):
    """A cell as a number; none if it is none."""
    try:
        return float(text)
    except ValueError:
        return None


def grew(column, before, after, tolerance=0.0):
    """Tells if the number in a column grew, or came to be none."""
    old, new = number(before[column]), number(after[column])
    if old is not None and (new is None or new > old + tolerance):
        yield f"{column} {before[column]} → {after[column] or 'none'}"


def shrank(column, before, after):
    """Tells if the number in a column shrank."""
    if number(after[column]) < number(before[column]):
        yield f"{column} {before[column]} → {after[column]}"


def fell(ranks, before, after):
    """Tells if the outcome, whose first word has a rank, fell; or, of a new row, is the last of all."""
    rank = lambda row: ranks.index(row["outcome"].split(":")[0])
    if rank(after) > (rank(before) if before else len(ranks) - 2):
        yield f"{before['outcome'] if before else 'new'} → {after['outcome']}"
