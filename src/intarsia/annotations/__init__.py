"""What annotation tools export: read into one form, drawn as labels, and written again.

    export --read--> Project: pictures, regions in drawing order --draw--> class numbers, instance numbers
                        `--write--> another tool's format

One tool, one file: `read(root) -> Project` and, where the tool can import, `write(project, out)`. `catalogue.py` is the
table. `regions.py` knows polygons, holes, bitmaps and run lengths; no tool's file computes with pixels by itself.
"""
