"""What a series of source files holds, read by netCDF4-python one file at a time: the judge of every product.

Nothing of altostac is used here. Files are ordered by their first instant, times are decoded by cftime in the file's own
units, and values are joined along one dimension by numpy.
"""

from dataclasses import dataclass
from pathlib import Path

import cftime
import netCDF4
import numpy as np
import xarray as xr


def microseconds(dates):
    """Dates of any calendar as exact integers: microseconds since 1850-01-01 of the same calendar."""
    dates = np.asarray(dates)
    if dates.dtype.kind == "M":
        return ((dates - np.datetime64("1850-01-01", "us")).astype("m8[ns]").astype("i8") + 500) // 1000
    flat = [date - cftime.datetime(1850, 1, 1, calendar=date.calendar) for date in dates.ravel()]
    return np.array([(d.days * 86_400 + d.seconds) * 1_000_000 + d.microseconds for d in flat], "i8").reshape(dates.shape)


@dataclass
class Column:
    """One variable of a series: as stored, and (times aside) as netCDF4 decodes it."""

    dimensions: tuple
    raw: np.ndarray
    decoded: np.ndarray
    attributes: dict  # those that are equal in all files
    time: tuple | None  # (units, calendar) of a variable that holds time; units None if they differ between files

    @property
    def is_time(self):
        return self.time is not None

    @property
    def calendar(self):
        return self.time and self.time[1]


class Series:
    """The variables of a list of files joined along `join` (by default the unlimited dimension)."""

    def __init__(self, paths, join=None):
        files = [self._read(Path(path)) for path in paths]
        self.join = join or self._join_dimension(files)
        along = lambda file: file["variables"][self.join].raw.ravel()[:1].tolist() if self.join in file["variables"] else []
        files.sort(key=lambda file: file["order"] or along(file), reverse=any(self._falls(file) for file in files))
        self.paths = [file["path"] for file in files]
        names = {name for file in files for name in file["variables"]}
        self.variables = {name: self._column([file["variables"][name] for file in files]) for name in names}
        self.attributes = _common([file["attributes"] for file in files])
        self.calendar = next((c.calendar for c in self.variables.values() if c.is_time), None)

    def _read(self, path):
        with netCDF4.Dataset(path) as nc:
            units = _time_units(nc)
            variables, attributes = {}, {key: nc.getncattr(key) for key in nc.ncattrs()}
            for name, variable in nc.variables.items():
                variable.set_auto_maskandscale(False)
                raw, own = np.asarray(variable[...]), units.get(name)
                own_attributes = {key: variable.getncattr(key) for key in variable.ncattrs()}
                decoded = np.asarray(cftime.num2date(raw, *own)) if own else masked(raw, own_attributes)
                variables[name] = Column(variable.dimensions, raw, decoded, own_attributes, own)
            time = next((n for n in units if variables[n].dimensions == (n,)), next(iter(units), None))
            first = microseconds(variables[time].decoded).ravel()[:1].tolist() if time else []
            unlimited = [name for name, dimension in nc.dimensions.items() if dimension.isunlimited()]
        return {"path": path, "variables": variables, "attributes": attributes, "order": first, "unlimited": unlimited,
                "time": variables[time].dimensions[0] if time and variables[time].dimensions else None}

    def _falls(self, file):
        own = file["variables"].get(self.join)
        return own is not None and own.raw.size > 1 and own.raw.ravel()[0] > own.raw.ravel()[-1]

    @staticmethod
    def _join_dimension(files):
        def differs(name):
            columns = [file["variables"].get(name) for file in files]
            return columns[0].dimensions == (name,) and not all(c and np.array_equal(c.raw, columns[0].raw) for c in columns)

        differing = [name for name in files[0]["variables"] if differs(name)] if len(files) > 1 else []
        return files[0]["time"] or (files[0]["unlimited"] or differing or [None])[0]

    def _column(self, columns):
        first = columns[0]
        if self.join not in first.dimensions:
            return Column(first.dimensions, first.raw, first.decoded, _common([c.attributes for c in columns]), first.time)
        axis = first.dimensions.index(self.join)
        alike = all(c.time == first.time and c.raw.dtype == first.raw.dtype for c in columns)
        time = first.time and (first.time[0] if alike else None, first.time[1])
        together = lambda arrays: np.concatenate(arrays, axis=axis)
        return Column(first.dimensions, together([c.raw for c in columns]), together([c.decoded for c in columns]),
                      _common([c.attributes for c in columns]), time)

    # -- judging ------------------------------------------------------------------------------------------------------

    def differences(self, opened):
        """What differs between these sources and a product: `opened(**options)` gives it as an xarray dataset.

        Compared are the stored values and dtypes (nothing decoded), then the values, instants and dtypes that a user sees,
        and every attribute that all files agree on.
        """
        with opened(decode_cf=False) as ds:
            found = self._names(ds) + _attribute_differences("global", self.attributes, ds.attrs)
            for name, column in self.variables.items():
                if name in ds.variables:
                    found += self._stored(name, column, ds[name]) + self._kept(name, column, ds[name])
        with opened(decode_timedelta=False) as ds:
            found += self.seen_differences(ds)
        return found

    def seen_differences(self, ds):
        """What differs in a dataset opened with everything decoded, as DataPoint and most users do."""
        return [difference for name, column in self.variables.items() if name in ds.variables
                for difference in (self._instants if column.is_time else self._seen)(name, column, ds[name])]

    def _names(self, ds):
        ours, theirs = set(self.variables), set(ds.variables)
        return [f"{name}: missing" for name in sorted(ours - theirs)] + [f"{name}: invented" for name in sorted(theirs - ours)]

    def _stored(self, name, column, array):
        raw = column.raw
        if column.is_time and column.time[0] is None:
            return []  # only instants can be compared
        found = self._shape(name, column, array)
        if not found and raw.dtype == object and array.dtype.kind == "S":
            # netCDF4 shows texts of a fixed length as those of any.
            return self._equal(name, "text", np.vectorize(str.encode, otypes="O")(raw), array.values.astype(object))
        if not found and array.dtype != raw.dtype:
            found.append(f"{name}: stored dtype {array.dtype}, in the sources {raw.dtype}")
        return found or self._equal(name, "stored value", raw, array.values)

    def _seen(self, name, column, array):
        if " since " in str(column.attributes.get("units", "")):
            return []  # a time that cftime cannot read: only the stored values can be compared
        if column.raw.dtype == "S1" and column.raw.ndim and array.dims != column.dimensions:
            # Readers join the characters of the last dimension, if nothing but characters has it.
            text = netCDF4.chartostring(column.raw, encoding="none")
            return self._equal(name, "text", text, np.asarray(array.values, dtype=text.dtype).reshape(text.shape))
        found = self._shape(name, column, array)
        if found or "scale_factor" in column.attributes or "add_offset" in column.attributes:
            return found  # packed data: readers choose among floats, and the stored values have been compared
        expected = column.decoded
        if expected.dtype.kind in "fiu" and array.dtype != expected.dtype:
            return [f"{name}: dtype {array.dtype}, expected {expected.dtype}"]
        return self._equal(name, "value", expected, array.values) if expected.dtype.kind in "fiu" else []

    def _instants(self, name, column, array):
        found = self._shape(name, column, array)
        return found or self._equal(name, "instant (microseconds since 1850)", microseconds(column.decoded),
                                    microseconds(array.values)) or self._calendar(name, column, array)

    def _calendar(self, name, column, array):
        found = array.encoding.get("calendar", array.attrs.get("calendar"))
        same = {"gregorian": "standard", "365_day": "noleap", "366_day": "all_leap"}
        if found is None or same.get(found, found) == same.get(column.calendar, column.calendar):
            return []
        return [f"{name}: calendar {found}, expected {column.calendar}"]

    def _shape(self, name, column, array):
        same = len(array.dims) == len(column.dimensions) and all(map(self._is_one, array.dims, column.dimensions))
        if same and array.shape == column.raw.shape:
            return []
        return [f"{name}: {dict(zip(array.dims, array.shape))}, expected {dict(zip(column.dimensions, column.raw.shape))}"]

    def _is_one(self, name, other):
        """Whether two names are those of one dimension: where links give a coordinate a second name, either is right."""
        one, two = self.variables.get(name), self.variables.get(other)
        return name == other or bool(one and two and one.raw.dtype == two.raw.dtype and np.array_equal(one.raw, two.raw)
                                     and one.raw.size > 1 and one.dimensions == two.dimensions)

    @staticmethod
    def _equal(name, what, expected, found):
        # A value is compared by its bits, NaN by being one.
        same = (expected == found) | ((expected != expected) & (found != found))
        if np.all(same):
            return []
        place = tuple(int(i) for i in np.argwhere(~np.atleast_1d(same))[0])
        return [f"{name}: {np.size(same) - np.count_nonzero(same)} of {np.size(same)}: {what} at {place} is "
                f"{np.atleast_1d(found)[place]!r}, expected {np.atleast_1d(expected)[place]!r}"]

    @staticmethod
    def _kept(name, column, array):
        attributes = column.attributes
        if column.is_time and column.time[0] is None:  # written anew, in units of the product's own
            attributes = {key: value for key, value in attributes.items() if key != "units"}
        return _attribute_differences(name, attributes, array.attrs)


def kerchunk(path):
    """A Kerchunk file as `Series.differences` opens it."""
    # The engine passes only these on; given to open_dataset itself, `decode_cf` is dropped without a word.
    # Without chunks there is no dask, which takes longer than all else.
    return lambda **options: xr.open_dataset(str(path), engine="kerchunk", open_dataset_options={"chunks": None} | options)


def masked(raw, attributes):
    """Values as xarray shows them: missing ones NaN, integers that can be missing as floats."""
    missing = [attributes[key] for key in ("_FillValue", "missing_value") if key in attributes]
    if raw.dtype.kind in "iu":
        missing = [value for value in missing if np.all(np.asarray(value) == np.asarray(value))]  # no integer is NaN
    if raw.dtype.kind not in "fiu" or not missing:
        return raw.astype(raw.dtype.newbyteorder("=")) if raw.dtype.kind in "fiu" else raw
    kind = raw.dtype.newbyteorder("=") if raw.dtype.kind == "f" else np.dtype("f4" if raw.dtype.itemsize < 4 else "f8")
    return np.where(np.isin(raw, np.asarray(missing, dtype=raw.dtype)), kind.type(np.nan), raw.astype(kind))


def _time_units(nc):
    """(units, calendar) of every variable that holds time: those with `since` units, and their bounds."""
    found = {}
    for name, variable in nc.variables.items():
        units = getattr(variable, "units", None)
        if isinstance(units, str) and " since " in units and variable.dtype != str:
            own = (units, getattr(variable, "calendar", "standard"))
            try:
                cftime.num2date(0, *own)
            except ValueError:
                continue
            found.setdefault(name, own)
            bounds = nc.variables.get(getattr(variable, "bounds", None))
            if bounds is not None:
                # CF: bounds without units or calendar have those of their coordinate.
                found[bounds.name] = (getattr(bounds, "units", own[0]), getattr(bounds, "calendar", own[1]))
    return found


def _attribute_differences(name, expected, found):
    return [f"{name}: attribute {key} is {found.get(key, 'missing')!r}, expected {value!r}"
            for key, value in expected.items() if not _same(found.get(key), value)]


def _same(found, expected):
    if found is None:
        return False
    expected = np.asarray(expected)
    try:
        # JSON knows one kind of number: 1e20 as the nearest float32 is what it says as that type.
        found = np.asarray(found).astype(expected.dtype) if expected.dtype.kind in "fiu" else np.asarray(found)
    except (TypeError, ValueError):
        return False
    if found.size != expected.size:
        return False
    found, expected = found.ravel(), expected.ravel()
    return bool(np.all((found == expected) | ((found != found) & (expected != expected))))


def _common(many):
    return {key: value for key, value in many[0].items() if all(key in one and _same(one[key], value) for one in many)}
