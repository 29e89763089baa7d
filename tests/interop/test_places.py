"""A file of each kind of grid: its Item's box, footprint and projection fields against pyproj and shapely."""

import json

import numpy as np
import pyproj
import pytest
import shapely

import grid_kinds
from program import Project

KINDS = {kind.name: kind for kind in grid_kinds.kinds()}
ROUNDING = 2e-4


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """(what the build said, the records) of a file of each kind."""
    folder = tmp_path_factory.mktemp("places")
    grid_kinds.make(folder / "archive")
    project = Project.of_recipe(folder, {
        "collection": {"id": "places", "title": "places", "description": "For tests.", "license": "other"},
        "sources": [{"root": "archive", "include": ["*.nc"]}],
        "item": {"pattern": "{stem}.nc", "id": "{{ stem }}"}, "products": ["kerchunk"], "output": "published"})
    return project.build(status=1), project.items


def around(kind):
    """(the widest gap of longitude without a place, where it begins, where it ends)."""
    x = np.sort(np.unique(np.mod(kind.longitude[np.isfinite(kind.longitude)], 360)))
    gaps = np.diff(np.concatenate([x, [x[0] + 360]]))
    at = int(np.argmax(gaps))
    return gaps[at], x[at], (x[at] + gaps[at]) % 360


def cell(kind):
    """How far a place is from the next one, in degrees of latitude and of longitude at the rim of the box: no cell is larger."""
    known = np.isfinite(kind.longitude) & np.isfinite(kind.latitude)
    y = np.sort(kind.latitude[known])
    return max(2.5, 6 * (y[-1] - y[0]) / max(1, np.sqrt(known.sum())))


@pytest.mark.parametrize("name", KINDS)
def test_the_box_and_the_footprint_are_where_the_cells_are(places, name):
    kind, (said, records) = KINDS[name], places
    if kind.error:
        assert said[name]["status"] == "failed", said[name]
        assert all(word in said[name]["error"]["message"] for word in kind.error), said[name]["error"]
        return
    assert said[name]["status"] == "added", said[name]
    item = records[name]
    west, south, east, north = item["bbox"]
    known = np.isfinite(kind.longitude) & np.isfinite(kind.latitude)
    x, y = np.mod(kind.longitude[known] + 180, 360) - 180, kind.latitude[known]
    # Every centre and edge is within the box, and the box ends at most a cell further.
    one = cell(kind)
    assert south - ROUNDING <= y.min() and y.max() <= north + ROUNDING, (item["bbox"], y.min(), y.max())
    assert south >= (-90 if -90 in kind.poles else y.min() - one) and north <= (90 if 90 in kind.poles else y.max() + one), (item["bbox"], y.min(), y.max())
    for pole in kind.poles:
        assert pole in (south, north) and (west, east) == (-180, 180), item["bbox"]
    gap, ends, begins = around(kind)
    width = (east - west) % 360 or (360 if east > west else 0)
    eastwards = np.mod(x - west + ROUNDING, 360)
    assert width == 360 or np.all(eastwards <= width + 2 * ROUNDING), (item["bbox"], x[np.argmax(eastwards)])
    lon_cell = one / max(0.05, np.cos(np.radians(min(87, np.abs(y).max()))))
    assert width <= 360 - gap + 2 * lon_cell or width == 360 and kind.poles, (item["bbox"], gap, ends, begins)
    # The footprint is valid, small, in the box, and covers all places.
    geometry = shapely.geometry.shape(item["geometry"])
    assert geometry.is_valid, shapely.is_valid_reason(geometry)
    assert geometry.geom_type in (kind.shape, {"Polygon": "Polygon", "MultiPolygon": "MultiPolygon"}.get(kind.shape, kind.shape)), geometry.geom_type
    assert shapely.get_num_coordinates(geometry) <= 106, shapely.get_num_coordinates(geometry)
    line = kind.shape.endswith("LineString")
    near = geometry.buffer(0.2 if line else 1e-3)
    inside = shapely.contains_xy(near, x, y) | shapely.contains_xy(near, x - 360, y) | shapely.contains_xy(near, x + 360, y)
    assert inside.all(), (name, x[~inside][:5], y[~inside][:5], geometry.wkt[:400])
    low, bottom, high, top = geometry.bounds
    assert bottom >= south - 1e-6 and top <= north + 1e-6 and (west > east or (low >= west - 1e-6 and high <= east + 1e-6))
    for pole in kind.poles:
        assert shapely.contains_xy(near, 10.0, pole - 1e-4 * pole / 90), "the pole is outside"
    if geometry.geom_type.endswith("Polygon"):
        assert area(geometry) <= kind.most * 1.001 * 360 * 360 / np.pi
        assert area(geometry) <= kind.tight * covered(x, y, one) * 1.05, (area(geometry), covered(x, y, one))


def area(geometry):
    """As a share of the globe, in equal-area coordinates."""
    return shapely.transform(shapely.segmentize(geometry, 1.0), lambda p: np.stack([p[:, 0], np.degrees(np.sin(np.radians(p[:, 1])))], -1)).area


def covered(x, y, one):
    """The area of the convex hull on the earth around the middle of the places, a cell wider."""
    vectors = np.stack([np.cos(np.radians(y)) * np.cos(np.radians(x)), np.cos(np.radians(y)) * np.sin(np.radians(x)), np.sin(np.radians(y))])
    middle = vectors.mean(axis=1)
    if np.linalg.norm(middle) < 0.2:
        return 360 * 2 * 180 / np.pi
    lon, lat = np.degrees(np.arctan2(middle[1], middle[0])), np.degrees(np.arcsin(middle[2] / np.linalg.norm(middle)))
    system = pyproj.CRS.from_proj4(f"+proj=laea +lat_0={lat} +lon_0={lon} +R=6371229 +units=m")
    flat = pyproj.Transformer.from_crs(system.geodetic_crs, system, always_xy=True)
    hull = shapely.convex_hull(shapely.multipoints(np.stack(flat.transform(x, y), -1))).buffer(one / 4 * 111e3)
    return hull.area / (6371229.0 ** 2) * (180 / np.pi) ** 2


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.regular and not kind.error])
def test_the_projection_fields_lead_back_to_the_cells(places, name):
    kind, properties = KINDS[name], places[1][name]["properties"]
    assert any("projection/v2.0.0" in url for url in places[1][name]["stac_extensions"])
    system = pyproj.CRS.from_user_input(properties.get("proj:wkt2") or properties["proj:code"])
    if properties.get("proj:wkt2") and properties.get("proj:code"):
        assert pyproj.CRS.from_user_input(properties["proj:code"]).to_epsg() is not None
    rows, columns = properties["proj:shape"]
    a, _, c, _, e, f = properties["proj:transform"]
    x, y = np.meshgrid(c + a * (np.arange(columns) + 0.5), f + e * (np.arange(rows) + 0.5))
    if system.is_derived or system.is_projected:
        longitude, latitude = pyproj.Transformer.from_crs(system, 4326 if system.to_epsg() else system.source_crs or system.geodetic_crs, always_xy=True).transform(x, y)
    else:
        longitude, latitude = x, y
    longitude, latitude = longitude.ravel(), latitude.ravel()
    known = np.isfinite(longitude) & np.isfinite(latitude)
    expected_x, expected_y = kind.longitude[: known.size][known], kind.latitude[: known.size][known]
    if not name.startswith("box"):
        off = np.abs((longitude[known] - expected_x + 180) % 360 - 180) * np.cos(np.radians(expected_y))
        assert np.nanmax(off) < 1e-4 and np.nanmax(np.abs(latitude[known] - expected_y)) < 1e-4, (name, np.nanmax(off))
