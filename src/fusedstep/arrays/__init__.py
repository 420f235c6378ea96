"""Whose memory it is: the caller's arrays, borrowed as checked NumPy views and never copied silently."""
