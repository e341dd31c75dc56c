"""The command line, `python -m analogist`: one file for each command."""
