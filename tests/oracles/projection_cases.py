"""Print what pyproj makes of grid mappings of CF appendix F, as the unit tests of src/describe/projection.rs read it.

    python tests/oracles/projection_cases.py > tests/data/projection_cases.json

Needs pyproj. Each case: {"mapping": attributes, "point": [x, y], "place": [longitude, latitude]}; x and y of a rotated grid in
degrees, of a geostationary one in radians, else in metres; both sides on the mapping's own figure of the earth.
"""

import json
import math

import pyproj

SPHERE = {"earth_radius": 6371229.0}
GRS80 = {"semi_major_axis": 6378137.0, "inverse_flattening": 298.257222101}
CASES = [
    ("rotated_latitude_longitude", dict(grid_north_pole_latitude=37.5, grid_north_pole_longitude=177.5), SPHERE,
     [(-20.13, 12.25), (0.0, 0.0), (179.0, -60.0)]),
    ("rotated_latitude_longitude", dict(grid_north_pole_latitude=39.25, grid_north_pole_longitude=-162.0, north_pole_grid_longitude=15.0), SPHERE,
     [(30.5, -21.0)]),
    ("rotated_latitude_longitude", dict(grid_north_pole_latitude=-35.0, grid_north_pole_longitude=50.0), SPHERE, [(170.5, -71.0)]),
    ("albers_conical_equal_area", dict(standard_parallel=[29.5, 45.5], latitude_of_projection_origin=23.0, longitude_of_central_meridian=-96.0),
     GRS80, [(500000.0, 1.2e6)]),
    ("azimuthal_equidistant", dict(latitude_of_projection_origin=40.0, longitude_of_projection_origin=100.0), GRS80, [(-2.0e6, 1.5e6)]),
    ("azimuthal_equidistant", dict(latitude_of_projection_origin=-90.0, longitude_of_projection_origin=20.0), SPHERE, [(-2.0e6, 1.5e6)]),
    ("oblique_mercator", dict(latitude_of_projection_origin=45.3, longitude_of_projection_origin=-86.0, azimuth_of_central_line=37.0,
                              scale_factor_at_projection_origin=0.9996, false_easting=2.5e6, false_northing=-4.7e6), GRS80, [(2.6e6, -3.0e5)]),
    ("vertical_perspective", dict(latitude_of_projection_origin=10.0, longitude_of_projection_origin=20.0, perspective_point_height=2e6), SPHERE,
     [(-1.2e6, 9.0e5)]),
    ("geostationary", dict(perspective_point_height=35785831.0, longitude_of_projection_origin=9.5, sweep_angle_axis="y"), GRS80, [(0.05, -0.09)]),
    ("geostationary", dict(perspective_point_height=35786023.0, longitude_of_projection_origin=-75.0, sweep_angle_axis="x"), GRS80, [(0.05, 0.09)]),
    ("lambert_azimuthal_equal_area", dict(latitude_of_projection_origin=52.0, longitude_of_projection_origin=10.0, false_easting=4321000.0,
                                          false_northing=3210000.0), GRS80, [(2.5e6, 5.0e6)]),
    ("lambert_conformal_conic", dict(standard_parallel=[30.0, 60.0], latitude_of_projection_origin=45.0, longitude_of_central_meridian=10.0),
     SPHERE, [(-1.5e6, 2.0e6)]),
    ("lambert_conformal_conic", dict(standard_parallel=63.0, latitude_of_projection_origin=63.0, longitude_of_central_meridian=15.0), SPHERE,
     [(-1.1e6, -9.0e5)]),
    ("lambert_cylindrical_equal_area", dict(standard_parallel=30.0, longitude_of_central_meridian=0.0), SPHERE, [(1.0e7, 4.0e6)]),
    ("mercator", dict(standard_parallel=22.5, longitude_of_projection_origin=120.0), SPHERE, [(4.0e6, -3.0e6)]),
    ("mercator", dict(scale_factor_at_projection_origin=0.9, longitude_of_projection_origin=-80.0), GRS80, [(4.0e6, 3.0e6)]),
    ("orthographic", dict(latitude_of_projection_origin=40.0, longitude_of_projection_origin=10.0), SPHERE, [(2.0e6, 1.0e6)]),
    ("polar_stereographic", dict(straight_vertical_longitude_from_pole=-45.0, latitude_of_projection_origin=90.0, standard_parallel=70.0), GRS80,
     [(-1.0e6, -2.0e6), (1.0e6, 2.0e6)]),
    ("polar_stereographic", dict(straight_vertical_longitude_from_pole=0.0, latitude_of_projection_origin=-90.0, standard_parallel=-71.0), GRS80,
     [(1.0e6, -2.0e6)]),
    ("polar_stereographic", dict(straight_vertical_longitude_from_pole=20.0, latitude_of_projection_origin=90.0,
                                 scale_factor_at_projection_origin=0.97), SPHERE, [(1.0e6, 3.0e6)]),
    ("sinusoidal", dict(longitude_of_projection_origin=10.0), SPHERE, [(2.0e6, 5.0e6)]),
    ("stereographic", dict(latitude_of_projection_origin=56.0, longitude_of_projection_origin=-35.0, scale_factor_at_projection_origin=1.0),
     SPHERE, [(2.0e6, 1.0e6)]),
    ("transverse_mercator", dict(latitude_of_projection_origin=49.0, longitude_of_central_meridian=-2.0, false_easting=400000.0,
                                 false_northing=-100000.0, scale_factor_at_central_meridian=0.9996012717),
     {"semi_major_axis": 6377563.396, "semi_minor_axis": 6356256.909}, [(651409.9, 313177.3)]),
]


def places():
    for name, parameters, figure, points in CASES:
        mapping = {"grid_mapping_name": name} | parameters | figure
        system = pyproj.CRS.from_cf(mapping)
        to_earth = pyproj.Transformer.from_crs(system, system.source_crs, always_xy=True)  # a rotated system is its own geodetic_crs
        height = parameters.get("perspective_point_height", 1.0) if name == "geostationary" else 1.0
        for x, y in points:
            place = to_earth.transform(x * height, y * height)
            assert all(map(math.isfinite, place)), (name, x, y)
            yield {"mapping": mapping, "point": [x, y], "place": [round(value, 9) for value in place]}


print("[\n" + ",\n".join(json.dumps(case) for case in places()) + "\n]")
