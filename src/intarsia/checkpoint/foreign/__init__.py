"""Checkpoints of other libraries: what their tensors are called, and what they are called here.

tensors.py    a file -> {name: tensor}, nothing executed
<peer>.py     tensors -> which network it is, with which options; its names -> ours
variants/     networks of the catalogue as peers build them
load.py       the network with these weights, and a report of every tensor
"""

from .load import Foreign, Report, load_foreign
from .variants import NETWORKS, VARIANTS, Variant, build, output_of

__all__ = ["NETWORKS", "VARIANTS", "Foreign", "Report", "Variant", "build", "load_foreign", "output_of"]
