"""Quick-looks: every kind of grid is drawn the right way round; Pillow opens what we wrote."""

import io
import json

import netCDF4
import numpy as np
import pytest
from PIL import Image

from program import Project

LONG = 36  # columns of a generated grid


def marked(lon, lat, at, width=8.0):
    """1 near a place, 0 elsewhere."""
    turn = (np.asarray(lon) - at[0] + 180) % 360 - 180
    return ((np.abs(turn) < width) & (np.abs(np.asarray(lat) - at[1]) < width)).astype("f4")


def time_axis(file):
    file.createDimension("time", None)
    time = file.createVariable("time", "f8", ("time",))
    time.setncatts({"units": "days since 2000-01-01", "standard_name": "time"})
    time[:] = [0.0, 1.0]


def axis(file, name, dimension, values, standard_name, units):
    variable = file.createVariable(name, "f8", dimension)
    variable.setncatts({"standard_name": standard_name, "units": units})
    variable[:] = values


def data(file, values, dimensions, dtype="f4", first=True, **more):
    """The variable: marked at its first step; at the second nothing is."""
    variable = file.createVariable("v", dtype, ("time", *dimensions) if first else dimensions, **more)
    variable.setncatts({"long_name": "A marker", "units": "K"})
    variable[:] = np.stack([values, 0 * values]) if first else values
    return variable


def regular(file, lon, lat, at):
    time_axis(file)
    file.createDimension("lat", len(lat))
    file.createDimension("lon", len(lon))
    axis(file, "lat", ("lat",), lat, "latitude", "degrees_north")
    axis(file, "lon", ("lon",), lon, "longitude", "degrees_east")
    data(file, marked(*np.meshgrid(lon, lat), at), ("lat", "lon"))


def turned(lon, lat, values, **more):
    """Longitude first, packed."""
    def make(file):
        time_axis(file)
        file.createDimension("lon", len(lon))
        file.createDimension("lat", len(lat))
        axis(file, "lat", ("lat",), lat, "latitude", "degrees_north")
        axis(file, "lon", ("lon",), lon, "longitude", "degrees_east")
        variable = file.createVariable("v", "i2", ("time", "lon", "lat"), fill_value=-99, **more)
        variable.setncatts({"units": "K", "scale_factor": 0.01, "add_offset": 5.0})
        variable[:] = np.stack([values.T, values.T])
    return make


def two_dimensional(lon, lat, at, width=3.0, **more):
    def make(file):
        time_axis(file)
        file.createDimension("y", lon.shape[0])
        file.createDimension("x", lon.shape[1])
        axis(file, "nav_lat", ("y", "x"), lat, "latitude", "degrees_north")
        axis(file, "nav_lon", ("y", "x"), lon, "longitude", "degrees_east")
        data(file, marked(lon, lat, at, width), ("y", "x"), **more).coordinates = "nav_lat nav_lon"
    return make


def projected(name, x, y, units, names, attributes, values):
    def make(file):
        time_axis(file)
        file.createDimension("y", len(y))
        file.createDimension("x", len(x))
        axis(file, "y", ("y",), y, names[1], units)
        axis(file, "x", ("x",), x, names[0], units)
        file.createVariable("crs", "i4", ()).setncatts({"grid_mapping_name": name, **attributes})
        data(file, values, ("y", "x"), zlib=True).grid_mapping = "crs"
    return make


def points(lon, lat, at, feature=None, dimension="cell"):
    def make(file):
        time_axis(file)
        file.createDimension(dimension, len(lon))
        axis(file, "lat", (dimension,), lat, "latitude", "degrees_north")
        axis(file, "lon", (dimension,), lon, "longitude", "degrees_east")
        data(file, marked(lon, lat, at, 9.0), (dimension,)).coordinates = "lat lon"
        if feature:
            file.featureType = feature
    return make


def trajectory(file):
    file.createDimension("time", 200)
    lon, lat = np.linspace(150, 215, 200), np.linspace(-20, 20, 200)
    axis(file, "time", ("time",), np.arange(200.0), "time", "hours since 2000-01-01")
    axis(file, "lat", ("time",), lat, "latitude", "degrees_north")
    axis(file, "lon", ("time",), (lon + 180) % 360 - 180, "longitude", "degrees_east")
    data(file, marked(lon, lat, (210, 17)), ("time",), first=False).coordinates = "lat lon"
    file.featureType = "trajectory"


def station(file):
    time_axis(file)
    axis(file, "lat", (), 51.0, "latitude", "degrees_north")
    axis(file, "lon", (), -1.0, "longitude", "degrees_east")
    data(file, np.array(3.0), ()).coordinates = "lat lon"


LON, LAT = np.arange(5.0, 360, 10), np.arange(-85.0, 90, 10)
AT = (-105.0, 45.0)
y, x = np.mgrid[0:60, 0:40]
SWATH = (150 + x * 1.0 + y * 0.4, -20 + y * 0.6 - x * 0.1)  # over the antimeridian, drifting
EDGE = np.linspace(-3e6, 3e6, 60)
ROTATED = np.linspace(-20, 20, 41)
FIBONACCI = np.arange(4000)
CELLS = ((FIBONACCI * 137.50776) % 360, np.degrees(np.arcsin(1 - FIBONACCI / 1999.5)))
NORTH_EAST = np.zeros((60, 60), "f4")
NORTH_EAST[42:50, 42:50] = 1
UP_RIGHT = np.zeros((41, 41), "f4")
UP_RIGHT[29:34, 29:34] = 1

WORLD = {
    "east": lambda file: regular(file, LON, LAT, AT),
    "west": lambda file: regular(file, LON - 180, LAT[::-1], AT),
    "turned": turned(LON, LAT, marked(*np.meshgrid(LON, LAT), AT)),
    "mesh": points(*CELLS, AT),
}
REGIONS = {
    "swath": two_dimensional(*SWATH, (205.0, 8.0), zlib=True, chunksizes=(1, 16, 16), fletcher32=True),
    "rotated": projected("rotated_latitude_longitude", ROTATED, ROTATED, "degrees", ("grid_longitude", "grid_latitude"),
                         {"grid_north_pole_latitude": 39.25, "grid_north_pole_longitude": -162.0}, UP_RIGHT),
    "laea": projected("lambert_azimuthal_equal_area", EDGE[::-1] / 4, EDGE / 4, "m", ("projection_x_coordinate", "projection_y_coordinate"),
                      {"latitude_of_projection_origin": 52.0, "longitude_of_projection_origin": 10.0}, NORTH_EAST[:, ::-1]),
    "stations": points(np.linspace(-10, 30, 9), np.linspace(40, 60, 9), (30, 60), "timeSeries", "station"),
    "trajectory": trajectory,
}
POLE = {
    "polar": projected("polar_stereographic", EDGE, EDGE, "m", ("projection_x_coordinate", "projection_y_coordinate"),
                       {"latitude_of_projection_origin": 90.0, "straight_vertical_longitude_from_pole": 0.0, "standard_parallel": 70.0}, NORTH_EAST),
}
OTHER = {"station": station}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quicklook")
    (folder / "archive").mkdir()
    for name, make in (WORLD | REGIONS | POLE | OTHER).items():
        with netCDF4.Dataset(folder / "archive" / f"{name}.nc", "w", format="NETCDF3_CLASSIC" if name == "turned" else "NETCDF4") as file:
            file.Conventions = "CF-1.11"
            make(file)
    project = Project.of_recipe(folder, {
        "collection": {"id": "c", "description": "Quick-looks"}, "sources": [{"root": "archive"}],
        "item": {"pattern": "{name}.nc", "id": "{{ name }}"}, "output": "published", "products": "auto",
    })
    project.build()
    return project


def opened(project, item):
    """The picture as red, green and blue, checked against what its asset says."""
    asset = project.items[item]["assets"]["thumbnail"]
    assert asset["roles"] == ["thumbnail"] and asset["type"] == "image/png" and asset["title"]
    path = (project.collection_folder / "items" / asset["href"]).resolve()
    content = path.read_bytes()
    assert len(content) == asset["file:size"] <= 100_000
    Image.open(io.BytesIO(content)).verify()
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG" and image.width == 600
        return np.asarray(image.convert("RGB")).astype(int)


def alike(picture, colour):
    return np.abs(picture - np.array(colour)).max(axis=2) <= 8


def blobs(picture):
    """Where the colours of the least and of the greatest number are, the legend left out."""
    upper = picture[35:-85]
    low, high = (np.argwhere(alike(upper, colour)) for colour in ((70, 1, 85), (251, 230, 34)))
    assert len(high) > 4, "there is no marker"
    return low, high


@pytest.mark.parametrize("item", WORLD)
def test_the_marker_is_where_it_is_on_the_earth(project, item):
    _, high = blobs(opened(project, item))
    # The map: 508 pixels for 360 degrees; below a title and a line for the time.
    row, column = high.mean(axis=0) + [35 - 42, -56]
    assert abs(column / 508 * 360 - 180 - AT[0]) < 3 and abs(90 - row / 254 * 180 - AT[1]) < 3, (row, column)


@pytest.mark.parametrize("item", REGIONS)
def test_north_is_up_and_east_is_right(project, item):
    low, high = blobs(opened(project, item))
    assert high[:, 1].mean() > low[:, 1].mean() and high[:, 0].mean() < low[:, 0].mean()


def test_seen_from_above_the_pole(project):
    """0 degrees is below the pole, 90 degrees east to the right: what is at greater x is there, and y points up."""
    low, high = blobs(opened(project, "polar"))
    assert high[:, 1].mean() > low[:, 1].mean() and high[:, 0].mean() < low[:, 0].mean()


def test_a_single_station_is_a_series(project):
    picture = opened(project, "station")
    assert alike(picture, (33, 102, 172)).sum() > 100


def test_the_recipe_chooses(project, tmp_path):
    copy = Project.of_recipe(tmp_path, project.recipe | {"sources": [{"root": str(project.folder / "archive"), "include": ["east.nc", "west.nc"]}]})
    first = copy.build()
    before = opened(copy, "east")
    assert {item["status"] for item in copy.build().values()} == {"unchanged"}

    copy.edit(stac={"thumbnail": {"step": 1}})
    assert {item["status"] for item in copy.build().values()} == {"changed"}
    assert not np.array_equal(before, opened(copy, "east")), "the second step has no marker"
    assert copy.build()["east"]["revision"] > first["east"]["revision"]

    copy.edit(stac={"thumbnail": {"variable": "no_such"}})
    copy.build()
    assert "thumbnail" not in copy.items["east"]["assets"]
    report = json.loads((copy.collection_folder / "items" / copy.items["east"]["assets"]["report"]["href"]).read_text())
    assert any("there is no variable no_such" in note["message"] for note in report["notes"])

    copy.edit(stac={"thumbnail": False})
    copy.build()
    assert "thumbnail" not in copy.items["east"]["assets"] and not list(copy.folder.glob(f"published/c/products/*/r4/*.png"))


def test_the_same_input_gives_the_same_bytes(project, tmp_path):
    copy = Project.of_recipe(tmp_path, project.recipe | {"sources": [{"root": str(project.folder / "archive"), "include": ["swath.nc"]}]})
    copy.build()
    of = lambda one: next((one.collection_folder / "products/swath").glob("r*/thumbnail.png")).read_bytes()
    assert of(copy) == of(project)


def test_a_wrong_option_is_named(tmp_path, project):
    copy = Project.of_recipe(tmp_path, project.recipe | {"stac": {"thumbnail": {"width": 5000}}})
    answer = copy.run("build").expect(2)
    assert "stac.thumbnail" in answer.stderr
