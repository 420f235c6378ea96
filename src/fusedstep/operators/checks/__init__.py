"""The checks of a call and their messages. All run before the first write.

``check_`` functions only check, ``parse_`` functions return a Python value, and ``view_`` functions a view of memory.
"""
