"""Where and when the cells of source files are: read from the CF conventions (1.11, chapters 4, 5 and 7) by xarray, pyproj,
shapely and cftime, one file at a time. The judge of bbox, start and end; nothing of altostac is used here.

A box is right if it holds every centre, and reaches no further beyond the cells than one cell.
"""

import calendar as real_calendar
import datetime
from dataclasses import dataclass, field

import cftime
import numpy as np
import pyproj
import shapely
import xarray as xr

ROUNDING = 1e-3  # degrees: coordinates in 32 bits, and the six decimals of a bbox
NORTH = {"degrees_north", "degree_north", "degree_n", "degrees_n", "degreen", "degreesn"}
EAST = {"degrees_east", "degree_east", "degree_e", "degrees_e", "degreee", "degreese"}
LARGEST = 1e19  # beyond it stand fill values that no attribute names


@dataclass
class Place:
    """The centres of all cells in degrees, and the reach of each cell to both sides (its bounds, else half a step)."""

    latitudes: list = field(default_factory=list)  # arrays of (centre, below, above, cell)
    longitudes: list = field(default_factory=list)
    kinds: list = field(default_factory=list)  # what kind of grid each file has
    points: list = field(default_factory=list)  # (longitudes, latitudes) of cells that have both

    def __bool__(self):
        return all(sum(cells.shape[1] for cells in cells_of) for cells_of in (self.latitudes, self.longitudes))

    def differences(self, bbox):
        west, south, east, north = bbox
        return self._latitude_differences(south, north) + self._longitude_differences(west, east)

    def box(self):
        """The box of all cells, as this file has it: (west, south, east, north), and the cells at these edges."""
        centre, below, above, cell = np.concatenate(self.latitudes, axis=1)
        south, north = max(-90, np.min(centre - below)), min(90, np.max(centre + above))
        heights = cell[np.argmin(centre - below)], cell[np.argmax(centre + above)]
        gap, one, begins, ends = _widest_gap(*np.concatenate(self.longitudes, axis=1))
        if gap <= one * 1.01 + ROUNDING:
            return (-180.0, south, 180.0, north), (one, heights[0], one, heights[1])
        return (_turned(ends), south, _turned(begins), north), (one, heights[0], one, heights[1])

    def distance(self, bbox):
        """How far a bbox is from this one at its worst edge, in cells of that edge; cells of nothing count for a thousandth of a degree."""
        theirs, cells = self.box()
        off = [abs(a - b) for a, b in zip(bbox, theirs)]
        width = lambda box: (box[2] - box[0]) % 360 or 360 * (box[2] > box[0])
        for edge in (0, 2):
            off[edge] = abs(_turned(off[edge]))
            if 360 in (width(bbox), width(theirs)):
                off[edge] = abs(width(bbox) - width(theirs)) / 2
        return max(distance / max(cell, ROUNDING) for distance, cell in zip(off, cells))

    def footprint_differences(self, geometry):
        """What is wrong with a footprint: it is to be valid, to have about a hundred vertices, and to cover every centre."""
        shape, found = shapely.geometry.shape(geometry), []
        if not shape.is_valid:
            found.append(f"the footprint is not valid: {shapely.is_valid_reason(shape)}")
        if shapely.get_num_coordinates(shape) > 110:
            found.append(f"the footprint has {shapely.get_num_coordinates(shape)} vertices")
        near = shape.buffer(10 * ROUNDING if "Line" not in shape.geom_type else 0.5)
        for x, y in self.points:
            known = np.isfinite(x) & np.isfinite(y)
            x, y = _turned(x[known]), y[known]
            outside = ~(shapely.contains_xy(near, x, y) | shapely.contains_xy(near, x - 360, y) | shapely.contains_xy(near, x + 360, y))
            if np.any(outside):
                found.append(f"{np.count_nonzero(outside)} of {x.size} cells are outside of the footprint, one at {x[outside][0]}, {y[outside][0]}")
        return found

    def _latitude_differences(self, south, north):
        centre, below, above, cell = np.concatenate(self.latitudes, axis=1)
        low, high = max(-90, np.min(centre - below)), min(90, np.max(centre + above))
        at_low, at_high = cell[np.argmin(centre - below)], cell[np.argmax(centre + above)]
        found = []
        if np.min(centre) < south - ROUNDING or np.max(centre) > north + ROUNDING:
            found.append(f"rows are missing: latitudes {np.min(centre)} to {np.max(centre)} are not within {south} to {north}")
        for name, expected, value, one in (("south", low, south, at_low), ("north", high, north, at_high)):
            if abs(expected - value) > one + ROUNDING:
                found.append(f"{name} is {value}, expected {expected} within a cell of {one}")
        return found

    def _longitude_differences(self, west, east):
        centre, below, above, cell = np.concatenate(self.longitudes, axis=1)
        around = (west, east) == (-180, 180)
        width = 360 if around else (east - west) % 360
        position = (centre - west + ROUNDING) % 360  # eastwards from the western edge
        found = []
        if not around and np.any(position > width + 2 * ROUNDING):
            at = np.argmax(position)
            found.append(f"columns are missing: longitude {centre[at]} is not within {west} to {east}")
        gap, one, _, _ = _widest_gap(centre, below, above, cell)
        if around and gap > 2 * one + ROUNDING:
            found.append(f"the box is the whole circle, but {gap} degrees of it are empty (a cell has {one})")
        if not around and width > 360 - 0.85 * gap + 2 * one + ROUNDING:
            found.append(f"the box is {width} degrees wide, but {gap} degrees of the circle are empty (a cell has {one})")
        if not around and not found:
            for name, distance, reach in (("west", position, below), ("east", width - position, above)):
                nearest = np.argmin(distance)
                if distance[nearest] > reach[nearest] + cell[nearest] + 2 * ROUNDING:
                    found.append(f"{name} of {west} to {east} is {distance[nearest]} degrees from the nearest centre {centre[nearest]}")
        return found


def _widest_gap(centre, below, above, cell):
    """The widest stretch of the circle without a cell, the size of the cells beside it, where it begins, where it ends."""
    start, reach = (centre - below) % 360, np.minimum(below + above, 360)
    order = np.argsort(start, kind="stable")
    start, end, cell = start[order], start[order] + reach[order], cell[order]
    # The first cells once more, a turn later; what reaches over 360 covers the beginning.
    covered = np.maximum.accumulate(np.concatenate([[np.max(end) - 360], end]))
    gaps = np.concatenate([start, [start[0] + 360]]) - covered
    at = int(np.argmax(gaps))
    ends = np.concatenate([start, [start[0] + 360]])[at]
    return float(gaps[at]), float(max(cell[at % len(cell)], cell[at - 1])), float(covered[at]), float(ends)


# -- places ---------------------------------------------------------------------------------------------------------------


def place(paths):
    """The cells of all files; empty if they have no latitude or no longitude."""
    found = Place()
    for path in paths:
        for group in _groups(path):
            with _open(path, group) as ds:
                _file_place(ds, found)
    return found


def _groups(path):
    import netCDF4

    def walk(group):
        yield group.path
        for inner in group.groups.values():
            yield from walk(inner)

    with netCDF4.Dataset(path) as nc:
        return list(walk(nc))


def _open(path, group="/"):
    return xr.open_dataset(path, engine="netcdf4", decode_cf=False, group=group)


def _file_place(ds, found):
    meshes = [v for v in ds.variables.values() if v.attrs.get("cf_role") == "mesh_topology"]
    if meshes:
        return [_mesh_place(ds, mesh, found) for mesh in meshes]
    latitudes = [ds[name] for name in ds.variables if _is(ds[name], "latitude", NORTH, ("lat", "latitude", "nav_lat"))]
    longitudes = [ds[name] for name in ds.variables if _is(ds[name], "longitude", EAST, ("lon", "longitude", "nav_lon"))]
    edges = {str(v.attrs[key]) for v in ds.variables.values() for key in ("bounds", "climatology") if key in v.attrs}
    latitudes = [v for v in latitudes if v.name not in edges]
    longitudes = [v for v in longitudes if v.name not in edges]
    # Of a dataset with coordinates that data refer to, others do not count.
    named = {name for v in ds.variables.values() for name in str(v.attrs.get("coordinates", "")).split()} | set(ds.dims)
    latitudes = [v for v in latitudes if v.name in named] or latitudes
    longitudes = [v for v in longitudes if v.name in named] or longitudes
    if any(np.all(np.isnan(_numbers(v))) for v in longitudes) and any("grid_mapping_name" in v.attrs for v in ds.variables.values()):
        longitudes = []  # never filled in
    if latitudes and longitudes:
        found.kinds.append(_kind(latitudes[0], longitudes[0]))
        for lat in latitudes:
            same = [lon for lon in longitudes if lon.dims == lat.dims]
            found.points += [(_numbers(same[0]).ravel(), _numbers(lat).ravel())] if same and lat.dims else []
        found.latitudes += [_cells(ds, v, longitudes, circular=False) for v in latitudes]
        found.longitudes += [_cells(ds, v, latitudes, circular=True) for v in longitudes]
    elif latitudes and not longitudes and _is_zonal(ds):
        found.kinds.append("zonal")
        found.latitudes += [_cells(ds, v, [], circular=False) for v in latitudes]
        found.longitudes.append(np.array([[0.0], [180.0], [180.0], [360.0]]))
    else:
        _projected_place(ds, found)


def _mesh_place(ds, mesh, found):
    """The faces of a mesh (UGRID 1.0), each with its nodes; one that goes around a pole holds it."""
    nodes = [ds[name] for name in mesh.attrs["node_coordinates"].split()]
    latitude, longitude = (next(_numbers(v) for v in nodes if v.attrs.get("standard_name") == name) for name in ("latitude", "longitude"))
    faces = ds[mesh.attrs["face_node_connectivity"]]
    corners = np.asarray(faces.values, "f8") - faces.attrs.get("start_index", 0)
    missing = np.isin(faces.values, [faces.attrs.get("_FillValue", -1)]) | ~np.isfinite(corners) | (corners < 0)
    corners = np.where(missing, corners[:, :1], corners).astype(int)
    y, x = latitude[corners], longitude[corners]
    around = np.abs(np.sum(_turned(np.diff(np.concatenate([x, x[:, :1]], axis=1), axis=1)), axis=1)) > 180
    pole = np.where(around, np.sign(y.mean(axis=1)) * 90, np.nan)
    south, north = np.fmin(y.min(axis=1), pole), np.fmax(y.max(axis=1), pole)
    turns = np.where(around[:, None], [[-180.0] + [180.0] * (x.shape[1] - 1)], _turned(x - x[:, :1]))
    middle = (south + north) / 2
    found.kinds.append("mesh")
    found.points.append((longitude, latitude))
    found.latitudes.append(np.array([middle, middle - south, north - middle, north - south]))
    found.longitudes.append(np.array([x[:, 0], -turns.min(axis=1), turns.max(axis=1), np.ptp(turns, axis=1)]))


def _kind(latitude, longitude):
    if latitude.dims != longitude.dims:
        return "regular"
    return ("scalar", "points or unstructured", "curvilinear")[min(latitude.ndim, 2)]


def _is_zonal(ds):
    """Whether the data are summed up over all longitudes (CF 7.3.4)."""
    data = [v for v in ds.variables.values() if "cell_methods" in v.attrs]
    return bool(data) and all("longitude:" in v.attrs["cell_methods"].split() for v in data)


def _is(variable, standard_name, units, names):
    if "standard_name" in variable.attrs:
        return variable.attrs["standard_name"] == standard_name
    own = str(variable.attrs.get("units", "")).strip().lower()
    return own in units or (variable.name.lower() in names and (own == "" or own.startswith("degree")) and variable.dtype.kind in "fiu")


def _numbers(variable):
    values = np.asarray(variable.values, "f8")
    if variable.dtype == np.float32:
        values = np.asarray([float(str(v)) for v in np.asarray(variable.values, "f4").ravel()]).reshape(values.shape) if values.size < 5000 else values
    for key in ("_FillValue", "missing_value"):
        if key in variable.attrs:
            values = np.where(np.isin(values, np.asarray(variable.attrs[key], "f8")), np.nan, values)
    values = np.where(np.abs(values) >= LARGEST, np.nan, values)
    values = values * float(variable.attrs.get("scale_factor", 1)) + float(variable.attrs.get("add_offset", 0))
    return np.degrees(values) if str(variable.attrs.get("units", "")).startswith("rad") else values


def _turned(degrees):
    return (degrees + 180) % 360 - 180


def _cells(ds, variable, others, circular):
    """(centre, reach below, reach above, cell size) of every cell."""
    centre = _numbers(variable)
    near = _turned if circular else (lambda value: value)
    alone = variable.ndim == 1 and any(variable.dims[0] in v.dims and v.name != variable.name for v in others)
    cell = np.zeros(centre.shape)
    if centre.ndim in (1, 2) and not alone:
        for axis in range(centre.ndim):
            step = np.abs(near(np.diff(centre, axis=axis)))
            if step.size:
                pad = lambda *width: [width if i == axis else (0, 0) for i in range(centre.ndim)]
                size = np.fmax(np.pad(step, pad(1, 0), mode="edge"), np.pad(step, pad(0, 1), mode="edge"))
                cell = np.fmax(cell, size)
    below = above = cell / 2
    bounds = ds.variables.get(str(variable.attrs.get("bounds", "")))
    if bounds is not None and bounds.shape[:-1] == centre.shape:
        edges = xr.DataArray(bounds, name="bounds")
        edges.attrs.setdefault("units", variable.attrs.get("units", ""))
        offset = near(_numbers(edges) - centre[..., None])
        if circular and bounds.shape[-1] == 2:
            whole = np.abs(np.diff(_numbers(edges), axis=-1)[..., 0]) >= 360 - ROUNDING
            offset[whole] = (-180, 180)
        lower, upper = -np.min(offset, axis=-1), np.max(offset, axis=-1)
        # Bounds that do not hold their coordinate are somebody else's.
        holds = (lower >= -ROUNDING) & (upper >= -ROUNDING)
        if np.count_nonzero(holds | np.isnan(centre)) >= 0.9 * centre.size:
            below, above = np.where(holds, lower, below), np.where(holds, upper, above)
            cell = np.fmax(cell, below + above)
    cells = np.array([part.ravel() for part in (centre, np.maximum(below, 0), np.maximum(above, 0), cell)])
    return cells[:, np.all(np.isfinite(cells), axis=0)]


def _projected_place(ds, found):
    """Horizontal coordinates of a grid mapping (CF 5.6), brought to the earth by pyproj."""
    for name, mapping in ds.variables.items():
        if "grid_mapping_name" not in mapping.attrs:
            continue
        axes = {}
        for variable in ds.variables.values():
            for axis, names in (("x", ("projection_x_coordinate", "grid_longitude")), ("y", ("projection_y_coordinate", "grid_latitude"))):
                if variable.attrs.get("standard_name") in names and variable.ndim == 1:
                    axes[axis] = variable
        if len(axes) < 2:
            continue
        attributes = {key: value for key, value in mapping.attrs.items()}
        source = pyproj.CRS.from_cf(attributes)
        units = {"km": 1000.0, "kilometre": 1000.0, "kilometer": 1000.0}
        values = [np.asarray(axes[axis].values, "f8") * units.get(axes[axis].attrs.get("units"), 1.0) for axis in "xy"]
        x, y = np.meshgrid(*values)
        to_earth = pyproj.Transformer.from_crs(source, source.source_crs, always_xy=True)
        longitude, latitude = to_earth.transform(x, y)
        grid = {"lat": (("y", "x"), latitude), "lon": (("y", "x"), longitude)}
        found.kinds.append(f"projected: {attributes['grid_mapping_name']}")
        found.points.append((longitude.ravel(), latitude.ravel()))
        earth = xr.Dataset({key: (dims, np.where(np.isfinite(v), v, np.nan)) for key, (dims, v) in grid.items()})
        found.latitudes.append(_cells(earth, earth["lat"], [], circular=False))
        found.longitudes.append(_cells(earth, earth["lon"], [], circular=True))
        return


# -- times ----------------------------------------------------------------------------------------------------------------


@dataclass
class Time:
    """The coordinates and the edges of their cells, as instants of the real calendar; `cell` is the longest of all."""

    instants: list = field(default_factory=list)
    edges: list = field(default_factory=list)
    cell: datetime.timedelta = datetime.timedelta(0)

    def __bool__(self):
        return bool(self.instants)

    def differences(self, start, end):
        found, second = [], datetime.timedelta(seconds=1)
        first, last = min(self.instants), max(self.instants)
        if first < start - second or last > end + second:
            found.append(f"steps are missing: {first} to {last} is not within {start} to {end}")
        # The last days of a month of 30 days, brought to the nearest real one, may move by two days.
        cell = self.cell + datetime.timedelta(seconds=1)
        for name, expected, value in (("start", min(self.instants + self.edges), start), ("end", max(self.instants + self.edges), end)):
            if abs(expected - value) > cell:
                found.append(f"{name} is {value}, expected {expected} within a cell of {self.cell}")
        return found


def time(paths):
    """The instants of all files; empty if none has a time coordinate."""
    found = Time()
    for path in paths:
        for group in _groups(path):
            with _open(path, group) as ds:
                _file_time(ds, found)
    return found


def _file_time(ds, found):
    referenced = {name for v in ds.variables.values() for name in str(v.attrs.get("coordinates", "")).split()}
    for name, variable in ds.variables.items():
        units = str(variable.attrs.get("units", ""))
        is_time = variable.attrs.get("standard_name") == "time" or variable.attrs.get("axis") == "T" or variable.dims == (name,)
        if " since " not in units or not is_time or not (variable.dims == (name,) or name in referenced or variable.ndim == 0):
            continue
        calendar = str(variable.attrs.get("calendar", "standard")).lower()
        try:
            dates = _dates(variable, units, calendar)
        except ValueError:
            continue
        found.instants += [_real(date) for date in dates]
        steps = [b - a for a, b in zip(dates, dates[1:])]
        found.cell = max([found.cell, *map(abs, steps)])
        bounds = ds.variables.get(str(variable.attrs.get("bounds", variable.attrs.get("climatology", ""))))
        if bounds is not None and bounds.shape == (*variable.shape, 2):
            edges = _dates(bounds, str(bounds.attrs.get("units", units)), str(bounds.attrs.get("calendar", calendar)))
            pairs = list(zip(edges[::2], edges[1::2]))
            found.cell = max([found.cell, *(abs(b - a) for a, b in pairs)])
            if len(pairs) == len(dates) and all(low <= date <= high for date, (low, high) in zip(dates, pairs)):
                found.edges += [_real(edge) for edge in edges]


def _dates(variable, units, calendar):
    values = np.asarray(variable.values).ravel()
    missing = [variable.attrs[key] for key in ("_FillValue", "missing_value") if key in variable.attrs]
    values = values[~np.isin(values, np.asarray(missing, values.dtype))] if missing else values
    values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return list(np.atleast_1d(cftime.num2date(values, units, calendar)))


def _real(date):
    """The nearest instant that the real calendar has: the same date, or the last of its month."""
    if date.calendar in ("julian", "standard", "gregorian") and (date.year, date.month, date.day) < (1582, 10, 15) or date.calendar == "julian":
        date = date.change_calendar("proleptic_gregorian")
    day = min(date.day, real_calendar.monthrange(date.year, date.month)[1])
    return datetime.datetime(date.year, date.month, day, date.hour, date.minute, date.second, date.microsecond)


def parsed(text):
    """An RFC 3339 instant of a record."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(datetime.timezone.utc).replace(tzinfo=None)


@dataclass
class Figures:
    """What stands in the table of the archive: a dataset's kind of grid, both boxes and how far apart they are; the same of its times."""

    kind: str
    bbox: str
    theirs: str
    cells: str
    time: str
    time_theirs: str
    time_cells: str


def figures(paths, item):
    """An Item beside what the files say, for people to look at."""
    properties = item["properties"]
    start = parsed(properties.get("start_datetime") or properties["datetime"])
    end = parsed(properties.get("end_datetime") or properties["datetime"])
    where, when = place(paths), time(paths)
    show = lambda box: ", ".join(f"{edge:.4g}" for edge in box)
    dates = lambda a, b: f"{a:%Y-%m-%d %H:%M} to {b:%Y-%m-%d %H:%M}"
    result = Figures("none", show(item["bbox"]), "the files say none", "", dates(start, end), "the files say none", "")
    if where:
        result.kind, result.theirs, result.cells = where.kinds[0], show(where.box()[0]), f"{where.distance(item['bbox']):.2f}"
    if when:
        first, last = min(when.instants + when.edges), max(when.instants + when.edges)
        off = max(abs(first - start), abs(last - end))
        result.time_theirs = dates(first, last)
        result.time_cells = f"{off / when.cell:.2f}" if when.cell else "0.00" if off < datetime.timedelta(seconds=1) else str(off)
    return result


def differences(paths, item, stand_in=None):
    """What differs between where and when files are and an Item's bbox and times.

    `stand_in` is (geometry given, times given): what the recipe says of items without place or time.
    """
    found, properties = [], item["properties"]
    start = parsed(properties.get("start_datetime") or properties["datetime"])
    end = parsed(properties.get("end_datetime") or properties["datetime"])
    where, when = place(paths), time(paths)
    if where:
        found += [f"bbox: {text}" for text in where.differences(item["bbox"])]
        found += [f"geometry: {text}" for text in where.footprint_differences(item["geometry"])]
    elif not (stand_in and stand_in[0]):
        found.append(f"bbox: {item['bbox']}, but the files say no place")
    if when:
        found += [f"time: {text}" for text in when.differences(start, end)]
    elif not (stand_in and stand_in[1]):
        found.append(f"time: {start} to {end}, but the files say no time")
    return found
