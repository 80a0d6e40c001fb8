"""Data sets, one file each; `catalogue.py` lists them."""
