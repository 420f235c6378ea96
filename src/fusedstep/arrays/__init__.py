"""The caller's arrays: views of their memory, which is never copied silently, and the libraries of devices."""
