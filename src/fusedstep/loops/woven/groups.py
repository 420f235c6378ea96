"""Which row of ``groups`` holds what: as ``loops/cpu/grouping.py`` says, whose arrays lie one behind the other."""

FIRSTS = 1
SLOTS = 3
ORDER = 4
