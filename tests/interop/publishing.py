"""A catalogue of many small items, and what an API holds of it."""

import shutil

import numpy as np
import requests
from netCDF4 import Dataset

from program import Project


def tiny_file(path):
    """A NetCDF-3 file with one step of a small map."""
    with Dataset(path, "w", format="NETCDF3_CLASSIC") as out:
        for name, values, units, standard_name in (
            ("time", [15.5], "days since 2020-01-01", "time"),
            ("lat", [-45.0, 45.0], "degrees_north", "latitude"),
            ("lon", [0.0, 120.0, 240.0], "degrees_east", "longitude"),
        ):
            out.createDimension(name, len(values))
            variable = out.createVariable(name, "f8", (name,))
            variable[:], variable.units, variable.standard_name = values, units, standard_name
        tas = out.createVariable("tas", "f4", ("time", "lat", "lon"))
        tas[:], tas.units, tas.standard_name = np.arange(6).reshape(1, 2, 3) + 280.0, "K", "air_temperature"


def many_items(folder, count, collection):
    """A project of so many items of one tiny file each, built."""
    archive = folder / "archive"
    archive.mkdir(parents=True)
    tiny_file(folder / "tiny.nc")
    for number in range(count):
        shutil.copyfile(folder / "tiny.nc", archive / f"model{number % 7}_r{number:05d}.nc")
    project = Project.of_recipe(folder / "project", {
        "collection": {"id": collection, "description": "Many small items."},
        "sources": [{"root": str(archive)}],
        "item": {"pattern": "{model}_{member}.nc", "id": "{{ model }}.{{ member }}"},
        "stac": {"thumbnail": False},
        "output": "published",
    })
    project.build()
    assert len(project.items) == count
    return project


def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def differences(project, api_url):
    """The items of the catalogue that the API does not hold as they stand, by GET of each; and how many items it lists."""
    collection, wrong = project.recipe["collection"]["id"], []
    with requests.Session() as session:
        for item_id, record in project.items.items():
            answer = session.get(f"{api_url}/collections/{collection}/items/{item_id}", timeout=30)
            found = answer.json() if answer.status_code == 200 else {}
            equal = all(without_nulls(found.get(key)) == without_nulls(record[key])
                        for key in ("type", "id", "collection", "geometry", "bbox", "properties", "stac_extensions"))
            sizes = lambda one: {key: asset.get("file:size") for key, asset in one.get("assets", {}).items()}
            if not equal or sizes(found) != sizes(record):
                wrong.append(item_id)
        listed, url = [], f"{api_url}/collections/{collection}/items?limit=500"
        while url:
            page = session.get(url, timeout=60).json()
            listed += [feature["id"] for feature in page["features"]]
            url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    return wrong, listed


def forget(project, api_url):
    """Takes the collection and its items out of the API."""
    requests.delete(f"{api_url}/collections/{project.recipe['collection']['id']}", timeout=60)
