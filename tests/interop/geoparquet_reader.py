"""What readers of STAC-GeoParquet see in a table of items. They run in an environment of their own (`requirements-geoparquet.txt`):
`python geoparquet_reader.py TABLE` writes one JSON document: for rustac and stac-geoparquet the items, for DuckDB rows of a query, for pyarrow the footer."""

import asyncio
import json
import sys

import duckdb
import pyarrow.parquet
import rustac
import shapely
import stac_geoparquet.arrow

path = sys.argv[1]


async def items_of_rustac():
    return (await rustac.read(path))["features"]


table = pyarrow.parquet.read_table(path)
footer = {key.decode(): json.loads(value) for key, value in pyarrow.parquet.read_metadata(path).metadata.items()
          if key in (b"geo", b"stac-geoparquet")}
query = duckdb.sql(f"""SELECT id, bbox.xmin, bbox.ymax, epoch_us(start_datetime), assets.reference_file.href, len(links), geometry
                       FROM read_parquet('{path}') ORDER BY id""").fetchall()
print(json.dumps({
    "rustac": asyncio.run(items_of_rustac()),
    "stac-geoparquet": list(stac_geoparquet.arrow.stac_table_to_items(table)),
    "duckdb": [[*row[:-1], shapely.from_wkb(bytes(row[-1])).wkt if isinstance(row[-1], (bytes, bytearray)) else str(row[-1])] for row in query],
    "types": {field.name: str(field.type) for field in table.schema},
    "groups": pyarrow.parquet.read_metadata(path).num_row_groups,
    "footer": footer,
}))
