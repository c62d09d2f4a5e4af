"""Installs Headgate in a virtual environment. The Makefile runs it with the user's Python, so it imports the standard library only."""
