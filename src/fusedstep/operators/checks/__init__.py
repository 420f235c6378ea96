"""The checks of a call, and their sentences. Every one comes before the first write.

``check_`` functions only check, ``parse_`` functions return a Python value, ``view_`` functions a view of memory.
"""
