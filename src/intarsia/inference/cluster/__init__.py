"""Very many pictures, answered by several processes or machines into one folder of masks and one table."""
