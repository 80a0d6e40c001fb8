"""Scores of predictions that lie in files, whoever wrote them."""
