"""The label doctor looks at data that nobody checked: what a folder is, what its masks mean, what is wrong, and the cure.

file --exam--> Exam --meaning--> what the values of a folder's masks mean
Exams --findings--> Finding --judge--> Audit        source --visit--> Diagnosis --mend--> a clean copy
"""

from .audit import Audit, Finding, audit
from .describe import describe
from .described import Described
from .diagnosis import Diagnosis
from .finding import KINDS
from .mend import mend
from .visit import visit

__all__ = ["KINDS", "Audit", "Described", "Diagnosis", "Finding", "audit", "describe", "mend", "visit"]
