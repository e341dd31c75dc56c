"""Reading, naming and writing files; for every room."""
