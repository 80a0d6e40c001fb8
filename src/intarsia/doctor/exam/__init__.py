"""What is measured of one pair: values, colors, regions, fingerprints."""
