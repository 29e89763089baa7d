"""Makes coastline.bin of land-110m.json of the npm package world-atlas 2.0.2 (Natural Earth 1:110m, public domain).

python make_coastline.py land-110m.json coastline.bin

The file holds lines: a count (u16), then as many pairs of longitude and latitude (i16, in 1/180 degree); all little-endian.
"""
import json
import struct
import sys

topology = json.load(open(sys.argv[1]))
(sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
lines = []
for arc in topology["arcs"]:
    x = y = 0
    line = []
    for dx, dy in arc:
        x, y = x + dx, y + dy
        line.append((x * sx + tx, y * sy + ty))
    # Where polygons were cut there is no coast.
    piece = line[:1]
    for a, b in zip(line, line[1:]):
        cut = (abs(a[0]) > 179.9 and abs(b[0]) > 179.9) or (a[1] < -89.9 or b[1] < -89.9)
        if cut:
            lines.append(piece)
            piece = []
        piece.append(b)
    lines.append(piece)
with open(sys.argv[2], "wb") as out:
    for line in lines:
        points = []
        for x, y in line:
            point = (max(-32400, min(32400, round(x * 180))), max(-16200, min(16200, round(y * 180))))
            if not points or point != points[-1]:
                points.append(point)
        if len(points) > 1:
            out.write(struct.pack("<H", len(points)))
            for point in points:
                out.write(struct.pack("<hh", *point))
