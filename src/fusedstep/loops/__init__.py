"""Loops: how memory is walked, and nothing of any rule."""
