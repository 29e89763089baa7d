"""Files of every kind of grid, with where their cells are by pyproj: the other half of test_places.py.

    python grid_kinds.py FOLDER    writes all of them, to look at them

Each kind says the centres of its cells on the earth, and their edges; nothing of altostac is used here.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pyproj

SPHERE = {"earth_radius": 6371229.0}
WGS84 = {"semi_major_axis": 6378137.0, "inverse_flattening": 298.257223563}
GRS80 = {"semi_major_axis": 6378137.0, "inverse_flattening": 298.257222101}


@dataclass
class Kind:
    """One file: how it is written, and the cells that it has."""

    name: str
    write: object
    longitude: np.ndarray = None  # centres, and edges where they are known; NaN off the earth
    latitude: np.ndarray = None
    poles: tuple = ()  # which of -90 and 90 lie within cells
    regular: bool = False  # whether proj:transform is expected
    shape: str = "Polygon"  # the kind of geometry
    error: tuple = ()  # words of the refusal
    tight: float = 1.6  # how many times the area of its cells a footprint may have
    wkt: bool = False
    most: float = 1.0  # how much of the globe a footprint may have


def time(nc):
    nc.createDimension("time", 1)
    variable = nc.createVariable("time", "f8", ("time",))
    variable.setncatts({"standard_name": "time", "units": "days since 2020-01-01", "axis": "T"})
    variable[:] = [0.0]


def data(nc, dimensions, **attributes):
    variable = nc.createVariable("t", "f4", ("time", *dimensions))
    variable.setncatts({"standard_name": "air_temperature", "units": "K"} | attributes)
    variable[:] = 280.0


# -- grids with a mapping and nothing else ---------------------------------------------------------------------------------


def steps(first, step, count):
    return first + step * np.arange(count)


def projected(name, mapping, x, y, units="m", scale=1.0, system=None, parameters=None, height=1.0, **keys):
    """A grid in a projection; `scale` brings x and y to metres, `height` angles to metres."""
    system = system or pyproj.CRS.from_cf(mapping)
    to_earth = pyproj.Transformer.from_crs(system, 4326 if system.to_epsg() else system.source_crs or system.geodetic_crs, always_xy=True)
    mids = lambda values: np.sort(np.concatenate([values, (values[1:] + values[:-1]) / 2, [1.5 * values[0] - values[1] / 2, 1.5 * values[-1] - values[-2] / 2]]))
    around = [to_earth.transform(*(axis * scale * height for axis in np.meshgrid(*places))) for places in ((x, y), (mids(x), mids(y)))]
    longitude, latitude = (np.where(np.isfinite(v), v, np.nan) for v in (np.concatenate([a[i].ravel() for a in around]) for i in (0, 1)))

    def write(nc):
        time(nc)
        rotated = "grid_north_pole_latitude" in (mapping or {})
        for axis, values in (("x", x), ("y", y)):
            nc.createDimension(axis, len(values))
            variable = nc.createVariable(axis, "f8", (axis,))
            standard = {"x": "grid_longitude", "y": "grid_latitude"} if rotated else {axis: f"projection_{axis}_coordinate"}
            if height != 1.0:
                standard = {axis: f"projection_{axis}_angular_coordinate"}
            variable.setncatts({"standard_name": standard[axis], "units": units, "axis": axis.upper()})
            variable[:] = values
        crs = nc.createVariable("crs", "i4", ())
        crs.setncatts(parameters or mapping)
        data(nc, ("y", "x"), grid_mapping="crs")

    return Kind(name, write, longitude, latitude, regular=True, wkt=True, **keys)


def geostationary(name, sweep, units, scale, x, y, **keys):
    mapping = {"grid_mapping_name": "geostationary", "perspective_point_height": 35785831.0, "longitude_of_projection_origin": -75.0,
               "sweep_angle_axis": sweep, "latitude_of_projection_origin": 0.0} | GRS80
    return projected(name, mapping, x, y, units, scale, height=35785831.0, **keys)


def mappings():
    ps = {"grid_mapping_name": "polar_stereographic", "straight_vertical_longitude_from_pole": -45.0, "latitude_of_projection_origin": 90.0,
          "standard_parallel": 70.0} | WGS84
    yield projected("polar-north", ps, steps(-3000e3, 125e3, 49), steps(3000e3, -125e3, 49), poles=(90,))
    yield projected("polar-south", ps | {"latitude_of_projection_origin": -90.0, "standard_parallel": -71.0}, steps(-3000, 125, 49),
                    steps(-3000, 125, 41), "km", 1000.0, poles=(-90,))
    yield projected("polar-beside", ps, steps(200e3, 25e3, 60), steps(-2500e3, 25e3, 60))
    yield projected("laea", {"grid_mapping_name": "lambert_azimuthal_equal_area", "latitude_of_projection_origin": 52.0,
                             "longitude_of_projection_origin": 10.0, "false_easting": 4321e3, "false_northing": 3210e3} | GRS80,
                    steps(2.6e6, 5e4, 80), steps(1.5e6, 5e4, 70))
    yield projected("laea-pole", {"grid_mapping_name": "lambert_azimuthal_equal_area", "latitude_of_projection_origin": 90.0,
                                  "longitude_of_projection_origin": 0.0} | WGS84, steps(-4e6, 2e5, 41), steps(-4e6, 2e5, 41), poles=(90,))
    yield projected("lambert", {"grid_mapping_name": "lambert_conformal_conic", "standard_parallel": [30.0, 60.0],
                                "latitude_of_projection_origin": 45.0, "longitude_of_central_meridian": 10.0} | SPHERE,
                    steps(-2e6, 5e4, 81), steps(-1.5e6, 5e4, 61))
    yield projected("lambert-date-line", {"grid_mapping_name": "lambert_conformal_conic", "standard_parallel": 55.0,
                                          "latitude_of_projection_origin": 55.0, "longitude_of_central_meridian": 178.0} | SPHERE,
                    steps(-1e6, 5e4, 41), steps(-1e6, 5e4, 41), shape="MultiPolygon")
    yield projected("cylindrical", {"grid_mapping_name": "lambert_cylindrical_equal_area", "standard_parallel": 30.0,
                                    "longitude_of_central_meridian": 0.0} | SPHERE, steps(-8e6, 2e5, 60), steps(-5e6, 2e5, 50))
    yield projected("mercator", {"grid_mapping_name": "mercator", "standard_parallel": 20.0, "longitude_of_projection_origin": 150.0} | SPHERE,
                    steps(-2e6, 1e5, 80), steps(-3e6, 1e5, 60), shape="MultiPolygon")
    yield projected("transverse", {"grid_mapping_name": "transverse_mercator", "latitude_of_projection_origin": 0.0, "longitude_of_central_meridian": 15.0,
                                   "false_easting": 5e5, "false_northing": 0.0, "scale_factor_at_central_meridian": 0.9996} | WGS84,
                    steps(2e5, 1e4, 60), steps(5.2e6, 1e4, 80))
    yield projected("oblique", {"grid_mapping_name": "oblique_mercator", "latitude_of_projection_origin": 45.0, "longitude_of_projection_origin": -86.0,
                                "azimuth_of_central_line": 37.0, "scale_factor_at_projection_origin": 0.9996, "false_easting": 2.5e6,
                                "false_northing": -4.7e6} | GRS80, steps(2.3e6, 1e4, 60), steps(-5e5 + 3e5, 1e4, 50))
    yield projected("albers", {"grid_mapping_name": "albers_conical_equal_area", "standard_parallel": [29.5, 45.5],
                               "latitude_of_projection_origin": 23.0, "longitude_of_central_meridian": -96.0} | GRS80,
                    steps(-2.3e6, 5e4, 92), steps(3e5, 5e4, 58))
    yield projected("equidistant", {"grid_mapping_name": "azimuthal_equidistant", "latitude_of_projection_origin": 40.0,
                                    "longitude_of_projection_origin": 100.0} | WGS84, steps(-3e6, 1e5, 61), steps(-2e6, 1e5, 41))
    yield projected("orthographic", {"grid_mapping_name": "orthographic", "latitude_of_projection_origin": 20.0,
                                     "longitude_of_projection_origin": 30.0} | SPHERE, steps(-3e6, 1e5, 61), steps(-3e6, 1e5, 61))
    yield projected("stereographic", {"grid_mapping_name": "stereographic", "latitude_of_projection_origin": 56.0, "longitude_of_projection_origin": -35.0,
                                      "scale_factor_at_projection_origin": 1.0} | SPHERE, steps(-2e6, 1e5, 41), steps(-1.5e6, 1e5, 31))
    yield projected("sinusoidal", {"grid_mapping_name": "sinusoidal", "longitude_of_projection_origin": 0.0, "earth_radius": 6371007.181},
                    steps(-1.1e6, 2e4, 60), steps(4e6, 2e4, 60))
    yield projected("perspective", {"grid_mapping_name": "vertical_perspective", "latitude_of_projection_origin": 10.0, "longitude_of_projection_origin": 20.0,
                                    "perspective_point_height": 2e6} | SPHERE, steps(-1.5e6, 5e4, 61), steps(-1.5e6, 5e4, 61))
    yield geostationary("disc", "x", "rad", 1.0, steps(-0.1520, 0.00056, 543), steps(0.1520, -0.00056, 543), tight=2.0)
    yield geostationary("disc-degrees", "y", "degrees", np.pi / 180, steps(-8.7, 0.1, 175), steps(8.7, -0.1, 175), tight=2.0)
    yield geostationary("disc-part", "x", "microradian", 1e-6, steps(-60000.0, 560.0, 120), steps(110000.0, -560.0, 90))
    rotated = {"grid_mapping_name": "rotated_latitude_longitude", "grid_north_pole_latitude": 39.25, "grid_north_pole_longitude": -162.0} | SPHERE
    yield projected("rotated", rotated, steps(-28.0, 0.44, 106), steps(-23.0, 0.44, 103), "degrees")
    yield projected("rotated-arctic", rotated | {"grid_north_pole_latitude": 6.0, "grid_north_pole_longitude": 0.0}, steps(-22.0, 0.44, 100),
                    steps(-22.0, 0.44, 100), "degrees", poles=(90,))
    for code, version in ((3413, "WKT2_2019"), (32633, "WKT1_GDAL"), (3035, "WKT2_2015"), (5070, "WKT1_GDAL"), (3031, "WKT1_GDAL"), (6933, "WKT2_2019")):
        system = pyproj.CRS.from_epsg(code)
        at = {3413: (4e5, -2e6), 32633: (3e5, 5e6), 3035: (3e6, 2e6), 5070: (-1e6, 1e6), 3031: (1e6, 1e6), 6933: (1e6, 2e6)}[code]
        key = "spatial_ref" if version == "WKT1_GDAL" else "crs_wkt"
        yield projected(f"wkt-{code}", {}, steps(at[0], 1e4, 50), steps(at[1] + 4e5, -1e4, 40), system=system, parameters={key: system.to_wkt(version)})
    for code in (3035, 27700, 2154):
        system = pyproj.CRS.from_epsg(code)
        at = {3035: (3e6, 2e6), 27700: (2e5, 2e5), 2154: (4e5, 6.3e6)}[code]
        yield projected(f"epsg-{code}", {}, steps(at[0], 1e4, 30), steps(at[1], 1e4, 30), system=system, parameters={"epsg_code": f"EPSG:{code}"})


# -- latitudes and longitudes for each cell --------------------------------------------------------------------------------


def pair(name, longitude, latitude, dimensions, kind="f8", mapping=None, attributes=None, bounds=None, units=("degrees_east", "degrees_north"), **keys):
    """A file whose cells each have a longitude and a latitude of these dimensions."""

    def write(nc):
        nc.setncatts(attributes or {})
        time(nc)
        for dimension, length in zip(dimensions, np.shape(longitude)):
            nc.createDimension(dimension, length)
        for axis, values, unit in (("lon", longitude, units[0]), ("lat", latitude, units[1])):
            variable = nc.createVariable(axis, kind, dimensions, fill_value=9.96921e36)
            variable.setncatts({"standard_name": {"lon": "longitude", "lat": "latitude"}[axis], "units": unit})
            if bounds is not None:
                variable.bounds = f"{axis}_bnds"
                if "vertices" not in nc.dimensions:
                    nc.createDimension("vertices", bounds[axis].shape[-1])
                nc.createVariable(f"{axis}_bnds", kind, (*dimensions, "vertices"))[:] = bounds[axis]
            variable[:] = values
        if mapping:
            mapping(nc, dimensions)
        data(nc, dimensions, coordinates="lon lat", **({"grid_mapping": "crs"} if mapping else {}))

    known = keys.pop("known", (longitude, latitude))
    return Kind(name, write, *(np.asarray(v, "f8").ravel() for v in known), **keys)


def swath(longitude, latitude, heading, rows, columns, length=20.0, width=20.0):
    """Places along and across the track of a satellite, in degrees of arc from its middle."""
    along, across = np.meshgrid(np.linspace(-length / 2, length / 2, rows), np.linspace(-width / 2, width / 2, columns), indexing="ij")
    geod = pyproj.Geod(a=6371229.0, b=6371229.0)
    azimuth = heading + np.degrees(np.arctan2(across, along))
    distance = np.radians(np.hypot(along, across)) * 6371229.0
    x, y, _ = geod.fwd(np.full(along.shape, longitude), np.full(along.shape, latitude), azimuth, distance)
    return x, y


def orbit(node, rows, columns, turns, inclination=98.0, width=24.0):
    """Places across the track of a satellite around the globe; the earth does not turn below it."""
    along, across = np.meshgrid(np.linspace(0, turns * 2 * np.pi, rows), np.radians(np.linspace(-width / 2, width / 2, columns)), indexing="ij")
    i = np.radians(inclination)
    track = np.stack([np.cos(along), np.sin(along) * np.cos(i), np.sin(along) * np.sin(i)])
    normal = np.array([0.0, -np.sin(i), np.cos(i)])[:, None, None]
    x, y, z = track * np.cos(across) + normal * np.sin(across)
    return np.mod(np.degrees(np.arctan2(y, x)) + node + 180, 360) - 180, np.degrees(np.arcsin(np.clip(z, -1, 1)))


def curvilinear():
    yield pair("swath", *swath(20.0, 40.0, 348.0, 60, 50), ("y", "x"))
    yield pair("swath-date-line", *swath(179.0, -30.0, 12.0, 60, 50), ("y", "x"), shape="MultiPolygon")
    yield pair("swath-pole", *swath(30.0, 87.0, 70.0, 80, 81), ("y", "x"), poles=(90,))
    yield pair("swath-single", *swath(-60.0, 10.0, 348.0, 60, 50), ("y", "x"), kind="f4")
    yield pair("swath-large", *swath(-100.0, 30.0, 348.0, 700, 400), ("y", "x"))
    yield pair("swath-large-pole", *swath(-100.0, -86.0, 348.0, 700, 400), ("y", "x"), poles=(-90,))
    yield pair("orbit", *orbit(160.0, 397, 25, 0.95), ("y", "x"), poles=(-90, 90), most=0.5)
    yield pair("half-orbit", *orbit(20.0, 300, 25, 0.4), ("y", "x"), poles=(90,), most=0.3)
    x, y = swath(0.0, 40.0, 348.0, 60, 50)
    holes = np.where(np.hypot(*np.meshgrid(np.arange(50) - 25, np.arange(60) - 30)) < 10, np.nan, x)
    yield pair("swath-nan", holes, np.where(np.isnan(holes), np.nan, y), ("y", "x"))
    yield pair("swath-nan-edges", np.where(np.arange(50) < 5, np.nan, x), np.where(np.arange(50) < 5, np.nan, y), ("y", "x"))
    wild = y.copy()
    wild[3, 4] = 1e36
    yield pair("latitude-1e36", x, wild, ("y", "x"), known=(np.where(wild > 100, np.nan, x), np.where(wild > 100, np.nan, y)))
    yield pair("all-fill", np.full((5, 5), 9.96921e36), np.full((5, 5), 9.96921e36), ("y", "x"), error=("lat", "missing"))
    yield pair("swapped", y, x + 150, ("y", "x"), error=("latitudes from -90 to 90",))
    yield pair("one-cell", np.array([[12.0]]), np.array([[50.0]]), ("y", "x"), shape="Point")
    wide, high = np.meshgrid(np.arange(0.5, 360, 2.0), np.arange(-89.0, 90, 2.0))
    yield pair("global", wide, high, ("y", "x"))
    wide, high = np.meshgrid(np.arange(10.5, 40, 1.0), np.arange(50.5, 20, -1.0))
    yield pair("box-in-two", wide, high, ("y", "x"))
    # An arctic grid whose pole is between four cells.
    px, py = np.meshgrid(steps(-2.9e6, 2e5, 30), steps(-2.9e6, 2e5, 30))
    to_earth = pyproj.Transformer.from_crs(pyproj.CRS.from_epsg(3413), 4326, always_xy=True)
    yield pair("arctic", *to_earth.transform(px, py), ("y", "x"), poles=(90,))

    def mercator(nc, dimensions):
        crs = nc.createVariable("crs", "i4", ())
        crs.setncatts({"grid_mapping_name": "lambert_conformal_conic", "standard_parallel": 45.0, "latitude_of_projection_origin": 45.0,
                       "longitude_of_central_meridian": 10.0} | SPHERE)
        for axis, values in (("x", steps(-5e5, 2.5e4, 40)), ("y", steps(-5e5, 2.5e4, 40))):
            variable = nc.createVariable(axis, "f8", (axis,))
            variable.setncatts({"standard_name": f"projection_{axis}_coordinate", "units": "m"})
            variable[:] = values

    lambert = pyproj.CRS.from_cf({"grid_mapping_name": "lambert_conformal_conic", "standard_parallel": 45.0, "latitude_of_projection_origin": 45.0,
                                  "longitude_of_central_meridian": 10.0} | SPHERE)
    x, y = pyproj.Transformer.from_crs(lambert, lambert.source_crs or lambert.geodetic_crs, always_xy=True).transform(*np.meshgrid(steps(-5e5, 2.5e4, 40), steps(-5e5, 2.5e4, 40)))
    yield pair("both", x, y, ("y", "x"), mapping=mercator, regular=True, wkt=True)
    yield pair("both-off", x + 2.0, y, ("y", "x"), mapping=mercator, error=("lat", "lon", "crs", "km"))


def points():
    rng = np.random.default_rng(7)
    x, y = rng.uniform(-10, 30, 40), rng.uniform(35, 60, 40)
    yield pair("stations", x, y, ("station",), attributes={"featureType": "timeSeries"}, shape="MultiPoint")
    x, y = rng.uniform(-10, 30, 400), rng.uniform(35, 60, 400)
    yield pair("many-points", x, y, ("obs",), attributes={"featureType": "point"}, tight=4.0)
    yield pair("one-profile", np.full(20, 12.5), np.full(20, -33.0), ("z",), attributes={"featureType": "profile"}, shape="Point")
    way = np.linspace(0, 1, 500)
    x = (160 + 40 * way + 180) % 360 - 180
    yield pair("ship", x, 10 + 20 * np.sin(way * 6), ("obs",), attributes={"featureType": "trajectory"}, shape="MultiLineString")
    yield pair("buoys", np.stack([10 + 5 * way, 30 - 3 * way]), np.stack([5 * way, 1 + 3 * way]), ("trajectory", "obs"),
               attributes={"featureType": "trajectory"}, shape="MultiLineString")
    # Cells of an icosahedral grid, in radians with the corners of each triangle.
    columns, rows = np.meshgrid(np.arange(-20, 20, 2.0), np.arange(30, 50, 2.0))
    x, y = columns.ravel(), rows.ravel()
    corners = {"lon": np.radians(np.stack([x - 1, x + 1, x], -1)), "lat": np.radians(np.stack([y - 1, y - 1, y + 1], -1))}
    edges = (np.concatenate([x, np.degrees(corners["lon"]).ravel()]), np.concatenate([y, np.degrees(corners["lat"]).ravel()]))
    yield pair("icosahedral", np.radians(x), np.radians(y), ("cell",), units=("radian", "radian"), bounds=corners, known=edges)


def mesh(name, longitude, latitude, faces, start=0, **keys):
    def write(nc):
        nc.Conventions = "CF-1.11 UGRID-1.0"
        time(nc)
        nc.createDimension("node", len(longitude))
        nc.createDimension("face", len(faces))
        nc.createDimension("corner", faces.shape[1])
        topology = nc.createVariable("mesh", "i4", ())
        topology.setncatts({"cf_role": "mesh_topology", "topology_dimension": 2, "node_coordinates": "node_x node_y", "face_node_connectivity": "nodes"})
        for axis, values, name, unit in (("node_x", longitude, "longitude", "degrees_east"), ("node_y", latitude, "latitude", "degrees_north")):
            variable = nc.createVariable(axis, "f8", ("node",))
            variable.setncatts({"standard_name": name, "units": unit})
            variable[:] = values
        variable = nc.createVariable("nodes", "i4", ("face", "corner"), fill_value=-999)
        variable.setncatts({"cf_role": "face_node_connectivity", "start_index": np.int32(start)})
        variable[:] = np.where(faces < 0, -999, faces + start)
        data(nc, ("face",), mesh="mesh", location="face")

    return Kind(name, write, np.asarray(longitude), np.asarray(latitude), **keys)


def meshes():
    columns, rows = 12, 8
    x, y = np.meshgrid(np.arange(columns) * 2.0, np.arange(rows) * 2.0)
    x = x + y  # leaning
    node = lambda row, column: row * columns + column
    faces = np.array([[node(r, c), node(r, c + 1), node(r + 1, c + 1), node(r + 1, c) if (r + c) % 2 else -1] for r in range(rows - 1) for c in range(columns - 1)])
    yield mesh("mesh", x.ravel(), y.ravel(), faces, start=1)
    # A cap: triangles around a ring, and one face over the pole.
    ring = np.arange(0, 360, 30.0)
    x, y = np.concatenate([ring, ring]), np.concatenate([np.full(12, 70.0), np.full(12, 80.0)])
    around = [[i, (i + 1) % 12, 12 + (i + 1) % 12, 12 + i] + [-1] * 8 for i in range(12)]
    yield mesh("mesh-pole", x, y, np.array(around + [list(range(12, 24))]), poles=(90,))


def regular():
    def box(name, longitude, latitude, bounds=None, attributes=None, **keys):
        def write(nc):
            time(nc)
            for axis, values, unit in (("lon", longitude, "degrees_east"), ("lat", latitude, "degrees_north")):
                nc.createDimension(axis, len(values))
                variable = nc.createVariable(axis, "f8", (axis,))
                variable.setncatts({"standard_name": {"lon": "longitude", "lat": "latitude"}[axis], "units": unit})
                variable[:] = values
            data(nc, ("lat", "lon"))

        half = lambda values: np.sort(np.concatenate([values, values[:-1] + np.diff(values) / 2, [1.5 * values[0] - values[1] / 2, 1.5 * values[-1] - values[-2] / 2]]))
        x, y = np.meshgrid(half(longitude), np.clip(half(latitude), -90, 90))
        return Kind(name, write, x.ravel(), y.ravel(), regular=True, **keys)

    yield box("box", steps(5.0, 0.5, 40), steps(60.0, -0.5, 30))
    yield box("box-date-line", steps(170.0, 1.0, 21), steps(-10.0, 1.0, 21), shape="MultiPolygon")
    yield box("box-global", steps(0.0, 2.5, 144), steps(-88.75, 2.5, 72))

    def stated(nc):
        nc.setncatts({"geospatial_lat_min": 10.0, "geospatial_lat_max": 20.0, "geospatial_lon_min": 170.0, "geospatial_lon_max": -170.0})
        time(nc)
        nc.createDimension("n", 3)
        data(nc, ("n",))

    x, y = np.meshgrid([170.0, 175.0, 180.0, -175.0, -170.0], [10.0, 12.0, 14.0, 16.0, 18.0, 20.0])
    yield Kind("stated", stated, x.ravel(), y.ravel(), shape="MultiPolygon")


def kinds():
    return [*mappings(), *curvilinear(), *points(), *meshes(), *regular()]


def make(folder):
    """Writes all files into a folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for kind in kinds():
        with netCDF4.Dataset(Path(folder) / f"{kind.name}.nc", "w") as nc:
            kind.write(nc)


if __name__ == "__main__":
    make(sys.argv[1])
