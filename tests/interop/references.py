"""Kerchunk references of one file against the facts that tests/oracles/h5_facts.py tells about it.

Nothing of altostac is used: what h5py and netCDF4 say of the file is brought into the words of Kerchunk (INTEROP.md) here, and
compared key by key; then every small variable is read through the references with numcodecs, and its bytes by their SHA-256.
"""

import base64
import hashlib
import json
import re
from collections import Counter
from math import prod
from urllib.parse import unquote, urlparse

import numcodecs
import numpy as np

HIDDEN = {"CLASS", "NAME", "DIMENSION_LIST", "DIMENSION_LABELS", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates",
          "_NCProperties", "_nc3_strict"}
NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"
FILTERS = {1: "zlib", 2: "shuffle", 3: "fletcher32", 32001: "blosc", 32015: "zstd"}
MOST_DECODED = 20_000  # chunks of a variable that are decoded one by one
LEFT_OUT = re.compile(r"^warning: (.+?) is left out: ", re.MULTILINE)


class Comparison:
    """What differs between the references of a file and its facts, and how much was compared."""

    def __init__(self, refs, facts, said):
        self.refs, self.facts, self.said = refs, facts, said
        self.netcdf = facts["netcdf"] or {"dimensions": {}, "variables": {}}
        self.left_out = set(LEFT_OUT.findall(said))
        self.differences, self.counts = [], Counter(variables=0, chunks=0, attributes=0, left_out=0)
        self.path = facts["path"]
        with open(self.path, "rb") as file:
            self.content = file.read()
        self._groups()
        self._variables()

    def differ(self, subject, what):
        self.differences.append(f"{subject}: {what}")

    def document(self, key):
        return json.loads(self.refs[key]) if key in self.refs else None

    # -- groups and attributes ----------------------------------------------------------------------------------------------

    def _groups(self):
        expected = {group.strip("/") for group in self.facts["groups"]}
        found = {key.removesuffix(".zgroup").strip("/") for key in self.refs if key.endswith(".zgroup")}
        found -= {path.strip("/") for path in self.facts.get("unreadable", ())}
        for group in expected ^ found:
            self.differ(f"/{group}", "group " + ("missing" if group in expected else "invented"))
        for group in expected & found:
            attributes = self.document(f"{group}/.zattrs".lstrip("/")) or {}
            self._attributes(f"/{group}", attributes, self.facts["groups"][f"/{group}"])
        for link in self.facts["outside"]:
            if link not in self.said:
                self.differ(link, "a link out of the file is left out in silence")

    def _attributes(self, subject, found, expected):
        expected = {name: value for name, value in expected.items() if name not in HIDDEN}
        for name, value in expected.items():
            if value["kind"] == "other":
                if name in found:
                    self.differ(subject, f"attribute {name} of a type that nobody reads: {found[name]!r}")
                elif f"{name}" not in self.said:
                    self.differ(subject, f"attribute {name} is left out in silence")
                else:
                    self.counts["left_out"] += 1
            elif name not in found:
                self.differ(subject, f"attribute {name} is missing")
            elif not same_attribute(found[name], value):
                self.differ(subject, f"attribute {name} is {str(found[name])[:80]!r}, expected {str(value)[:160]}")
            else:
                self.counts["attributes"] += 1
        for name in found.keys() - expected.keys():
            self.differ(subject, f"attribute {name} is invented")

    # -- variables ----------------------------------------------------------------------------------------------------------

    def _variables(self):
        found = {key.removesuffix("/.zarray") for key in self.refs if key.endswith("/.zarray")}
        chunks = {name: {} for name in found}
        for key, value in self.refs.items():
            name, _, last = key.rpartition("/")
            if not last.startswith(".z"):
                chunks.setdefault(name, {})[last] = value
        for name in chunks.keys() - found:
            self.differ(name, "chunks of no array")
        addresses = Counter(one["object"] for one in self.facts["variables"].values())
        # Where a scale has two names, netCDF-C takes the last, we the first; names that it makes up depend on what else it reads.
        aliases = any(count > 1 for count in addresses.values())
        readable = not self.facts["outside"] and all(
            one["dtype"] != "other" and 0 not in one["shape"] and one.get("layout") not in ("virtual", "external") for one in self.facts["variables"].values())
        for path, facts in self.facts["variables"].items():
            name = path.replace("_nc4_non_coord_", "").strip("/")
            title = facts["attributes"].get("NAME", {}).get("value", [""])
            if str(title[0]).startswith(NO_VARIABLE):
                continue
            if name not in found:
                self.counts["left_out"] += 1
                if name not in self.left_out:
                    self.differ(path, "left out in silence")
                continue
            found.discard(name)
            if facts["dtype"] == "other" or facts.get("layout") in ("virtual", "external"):
                self.differ(path, "written, though no array of Zarr says what it is")
                continue
            dimensions = self.netcdf["variables"].get("/" + name)
            if dimensions and (aliases or (not readable and "phony_dim" in str(dimensions))):
                dimensions = [None] * len(dimensions)
            before = len(self.differences)
            Variable(self, name, facts, chunks[name], dimensions).compare()
            self.counts["variables"] += len(self.differences) == before
        for name in found:
            if "/" + name not in self.facts.get("unreadable", ()):
                self.differ(name, "invented")


class Variable:
    """One array of the references."""

    def __init__(self, whole, name, facts, chunks, dimensions):
        self.whole, self.name, self.facts, self.chunks, self.dimensions = whole, name, facts, chunks, dimensions
        self.zarray = whole.document(f"{name}/.zarray")
        self.zattrs = whole.document(f"{name}/.zattrs") or {}
        self.dtype = np.dtype(facts["dtype"])
        self.filters = self.zarray["filters"] or []
        self.shape = self._expected_shape()
        self.grid = [-(-length // chunk) for length, chunk in zip(self.shape, self.zarray["chunks"])]

    def differ(self, what):
        self.whole.differ(self.name, what)

    def is_(self, what, found, expected):
        if found != expected:
            self.differ(f"{what} {str(found)[:200]}, expected {str(expected)[:200]}")
        return found == expected

    def _expected_shape(self):
        keys = self.whole.netcdf["variables"].get("/" + self.name)
        if keys is None:
            return self.facts["shape"]
        return [self.whole.netcdf["dimensions"][key][0] for key in keys]

    def compare(self):
        zarray = self.zarray
        self.is_("zarr_format", zarray["zarr_format"], 2)
        self.is_("order", zarray["order"], "C")
        self.is_("compressor", zarray["compressor"], None)
        self.is_("dtype", zarray["dtype"], self.facts["dtype"])
        if not self.is_("shape", zarray["shape"], self.shape):
            return
        self._described()
        placed = {key: value for key, value in self.chunks.items() if isinstance(value, list)}
        self._places(placed)
        if placed:
            self._codecs()
        self._missing()
        self._values()

    def _described(self):
        """Attributes, names of dimensions, and what `_FillValue` became."""
        attributes, found = dict(self.facts["attributes"]), dict(self.zattrs)
        names = found.pop("_ARRAY_DIMENSIONS", None)
        if self.dimensions is not None:
            expected = [key and key.rsplit("/", 1)[-1] for key in self.dimensions]
            if names is None or len(names) != len(expected) or any(e not in (None, n) for e, n in zip(expected, names)):
                self.differ(f"dimensions {names}, netCDF4's are {expected}")
        elif names is None or len(names) != len(self.shape):
            self.differ(f"dimensions {names} of an array of {len(self.shape)}")
        fill = attributes.get("_FillValue")
        expected = None
        if fill and self.dtype.kind in "iuf":
            own = self.dtype.newbyteorder("<").str
            if fill["kind"] == "number" and fill["dtype"] == own and len(fill["hex"]) == 2 * self.dtype.itemsize:
                expected = attributes.pop("_FillValue")
        elif fill:
            attributes.pop("_FillValue")
        value = self.zarray["fill_value"]
        if (value is None) != (expected is None) or (expected and not same_attribute(value, expected)):
            self.differ(f"fill_value {value}, expected {expected}")
        self.whole._attributes(self.name, found, attributes)

    # -- chunks -------------------------------------------------------------------------------------------------------------

    def _places(self, placed):
        """Every reference is where h5py says, and none is missing where h5py has a chunk."""
        expected, digests = self._expected_places()
        size = len(self.whole.content)
        for key, (url, offset, length) in placed.items():
            if unquote(urlparse(url).path) != self.whole.path or urlparse(url).scheme != "file":
                self.differ(f"chunk {key} is in {url}")
            if not 0 <= offset <= offset + length <= size:
                self.differ(f"chunk {key} ends at byte {offset + length} of {size}")
            if digests is not None:
                found = [hashlib.sha256(self.whole.content[offset:offset + length]).hexdigest(), 0]
                self.is_(f"stored bytes of chunk {key}", found, digests.get(key))
            elif expected is not None:
                self.is_(f"chunk {key}", [offset, length, 0], expected.get(key))
        present = expected if digests is None else digests
        for key in self.chunks.keys():
            at = [int(i) for i in key.split(".")] if self.grid else [0][:int(key != "0")]
            if len(at) != len(self.grid) or any(not 0 <= i < n for i, n in zip(at, self.grid)):
                self.differ(f"chunk {key} outside the grid {self.grid}")
        if present is not None and placed:
            for key in present.keys() - self.chunks.keys():
                self.differ(f"chunk {key} is missing, which is at {present[key]}")
        elif present:
            if not self.chunks:
                self.differ("no chunk at all")
        self.present = present
        self.whole.counts["chunks"] += len(self.chunks)

    def _expected_places(self):
        """Key → [offset, size, filter mask]; or, where HDF5 2.0 tells wrong places, key → [SHA-256, filter mask]."""
        facts = self.facts
        if "layout" not in facts:
            return None, None  # NetCDF-3: values are compared instead
        if facts["layout"] == "compact" or facts["dtype"] == "|O":
            return None, None
        if facts["layout"] == "contiguous":
            if facts["offset"] is None or 0 in facts["shape"]:
                return {}, None
            return {self._key([0] * len(self.shape)): [facts["offset"], prod(facts["shape"]) * self.dtype.itemsize, 0]}, None
        inside = lambda at: all(i < n for i, n in zip(at, self._stored_grid()))
        if "raw_chunks" in facts:
            return None, {self._key(at): [sha, mask] for at, sha, mask in facts["raw_chunks"] if inside(at)}
        rank = len(facts["shape"])
        expected = {}
        for chunk in facts["chunks"]:
            at = [i // n for i, n in zip(chunk[:rank], facts["chunk_shape"])]
            if inside(at):
                expected[self._key(at)] = chunk[rank:]
        return expected, None

    def _stored_grid(self):
        return [-(-length // chunk) for length, chunk in zip(self.facts["shape"], self.facts["chunk_shape"])]

    def _key(self, at):
        return ".".join(map(str, at)) or "0"

    def _codecs(self):
        if "layout" not in self.facts:
            self.is_("filters", self.filters, [])
            return
        chunks = self.facts["chunk_shape"] or [max(1, length) for length in self.facts["shape"]]
        self.is_("chunks", self.zarray["chunks"], chunks)
        numbers, parameters = self.facts["filters"], self.facts["parameters"]
        if not self.is_("filters", [one["id"] for one in self.filters], [FILTERS.get(number, number) for number in numbers]):
            return
        for one, number, values in zip(self.filters, numbers, parameters):
            if number == 2 and values:
                self.is_("element size", one["elementsize"], values[0])
            if number == 1 and values:
                self.is_("level", one["level"], values[0])

    def _missing(self):
        """Chunks that are left out must read as the fill of the file."""
        if len(self.chunks) == prod(self.grid) or self.facts.get("fill") == "unknown":
            return
        fill = self._fill()
        value = self.zarray["fill_value"]
        if value is None or np.array(number(value), self.dtype).tobytes() != fill:
            self.differ(f"{prod(self.grid) - len(self.chunks)} chunks left out, read as {value}, in the file as {fill!r}")

    def _fill(self):
        fill = self.facts.get("fill")
        return bytes.fromhex(fill) if fill and fill != "unknown" else bytes(self.dtype.itemsize)

    # -- values -------------------------------------------------------------------------------------------------------------

    def _values(self):
        told = self.facts.get("values")
        if told is None or told["shape"] != self.shape:
            self._inline_fill()
            if told is None and not self.facts.get("values_error") and self.facts.get("layout") == "compact":
                self.differ("values that nobody can judge")
            return
        if len(self.chunks) > MOST_DECODED:
            return
        try:
            raw = self._read()
        except Exception as error:
            self.differ(f"cannot be read: {type(error).__name__}: {error}")
            return
        if hashlib.sha256(raw).hexdigest() != told["sha256"]:
            self.differ("values that differ from h5py's")

    def _inline_fill(self):
        """Of variables too large to be read: inlined chunks must be all fill, or nobody judges them."""
        for key, value in self.chunks.items():
            if isinstance(value, list):
                continue
            if self.present is not None and key not in self.present:
                if self._decode(value).tobytes() != self._fill() * prod(self.zarray["chunks"]):
                    self.differ(f"chunk {key} was never written, and is not fill")
            elif self.facts.get("values_error") is None:
                self.differ(f"chunk {key} is inlined, and too large to be judged")

    def _read(self):
        if self.facts["dtype"] == "|O":
            texts = self._decode(self.chunks["0" if not self.shape else self._key([0] * len(self.shape))]).ravel() if prod(self.shape) else []
            return b"".join(text.encode() + b"\0" for text in texts)
        value = self.zarray["fill_value"]
        array = np.full(self.shape, 0 if value is None or self.dtype.kind == "S" else number(value), self.dtype)
        for key, value in self.chunks.items():
            chunk = self._decode(value)
            if not self.shape:
                array[()] = chunk.reshape(())
                continue
            start = [int(i) * n for i, n in zip(key.split("."), self.zarray["chunks"])]
            place = tuple(slice(at, at + n) for at, n in zip(start, self.zarray["chunks"]))
            inside = array[place]
            inside[...] = chunk.reshape(self.zarray["chunks"])[tuple(slice(0, n) for n in inside.shape)]
        return (array if self.dtype.kind == "S" else array.astype(self.dtype.newbyteorder("<"))).tobytes()

    def _decode(self, value):
        if isinstance(value, list):
            raw = self.whole.content[value[1]:value[1] + value[2]]
        else:
            raw = base64.b64decode(value.removeprefix("base64:"), validate=True)
        for one in reversed(self.filters):
            raw = numcodecs.get_codec(dict(one)).decode(raw)
        if self.facts["dtype"] == "|O":
            return np.asarray(raw, dtype=object)
        return np.frombuffer(raw, self.dtype)


def number(value):
    """A number of JSON as Kerchunk writes it: what is not finite is a text."""
    return float(value) if isinstance(value, str) else value


def same_attribute(found, expected):
    """Whether a value of JSON is the value that h5py tells."""
    if expected["kind"] == "text":
        return (found if isinstance(found, list) else [found]) == expected["value"]
    dtype = np.dtype(expected["dtype"])
    values = np.frombuffer(bytes.fromhex(expected["hex"]), dtype)
    found = [number(one) for one in (found if isinstance(found, list) else [found])]
    if len(found) != values.size or (dtype.kind in "iu" and not all(isinstance(one, int) for one in found)):
        return False
    found = np.array(found, dtype)
    return bool(np.all((found == values) | ((found != found) & (values != values))))
