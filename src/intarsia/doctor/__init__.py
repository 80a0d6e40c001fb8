"""The label doctor looks at data that nobody checked: what a folder is, what its masks mean, what is wrong, and the cure.

file --exam--> Exam --meaning--> what the values of a folder's masks mean
Exams --findings--> Finding --judge--> Audit        Exams, meaning --mend--> a clean copy
"""

from .audit import Audit, Finding, audit
from .describe import init

__all__ = ["Audit", "Finding", "audit", "init"]
