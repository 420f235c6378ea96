"""The table of many tensors that take a step together: a record for each parameter, of 64-bit integers.

Behind the fields named here lie the addresses of the parameter, of its states in the rule's order, and of its gradient.
"""

# The number of elements.
SIZE = 0
# The types of parameter, states and gradient: digits, each the place of a type among those that the caller knows. -1
# where the kernel cannot take the step.
TYPES = 1
# Which of the prepared blocks it takes.
BLOCK = 2
# The address of the count of its steps, or 0; the bytes of that number; and the count as float64.
COUNTER = 3
COUNTER_BYTES = 4
COUNT = 5
ADDRESSES = 6

# A digit of ``TYPES``: more than there are types.
BASE = 8
