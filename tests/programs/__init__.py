"""Programs that tests start in processes of their own: they choose settings of a process when they are imported."""
