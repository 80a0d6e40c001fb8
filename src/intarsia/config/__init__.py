"""Recipes: YAML in, frozen objects out, and every mistake named by its place and the nearest key.

A recipe is complete: no inheritance, no interpolation, no environment. Where it chooses something by name (a model, a
data set, a loss, an optimizer, a schedule), the constructor of that thing is the schema: its keyword arguments are the
keys, their defaults are the defaults. The catalogues of what can be chosen are handed in, not imported.

    file or dict  --read-->  tree  --override "train.steps=100"-->  tree  --parse-->  Recipe
"""

from .answers import Predict
from .explain import explain
from .frozen import Choice
from .parse import override, parse, predict_settings, read, signature
from .pictures import Data
from .schema import GIVEN, PLACES, Catalogue, Recipe

__all__ = [
    "GIVEN",
    "PLACES",
    "Catalogue",
    "Choice",
    "Data",
    "Predict",
    "Recipe",
    "explain",
    "override",
    "parse",
    "predict_settings",
    "read",
    "signature",
]
