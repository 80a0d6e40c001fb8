"""What can be wrong with a data set, a kind of finding a file."""
