"""What of a MindSpore program's optimizer part is served: programs are read, never run or imported."""
