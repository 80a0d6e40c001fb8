"""The label doctor's instruments: what is measured of a picture and its mask, what follows from many, and the cure.

file --stored--> raw values and their form --regions, likeness--> Exam --encoding--> meaning of a folder's masks
Exams --leaks, drawing--> findings        Exams, meaning --mend--> a clean copy
"""
