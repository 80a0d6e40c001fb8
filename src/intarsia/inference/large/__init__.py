"""Pictures that do not fit into memory: read region by region, predicted tile row by tile row, written as they come.

    source (TIFF, slide, Zarr, folder of tiles) - rows of pixels - windows - finished tile rows - store - files

What has been finished lies in the store, so that a killed process goes on at the next tile row.
"""
