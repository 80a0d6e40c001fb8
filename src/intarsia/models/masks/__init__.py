"""Networks of queries: a set of masks, each with a class or with none."""
