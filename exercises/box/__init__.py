"""What runs beside a student's code: no reference, no expected value and no mark is known here.

The grader carries this folder, and nothing else of the course, into the process that runs a submission;
the self-check in the notebook uses the same functions. Standard library and NumPy only.
"""
