"""The command line: it parses, calls and shows. Everything that it does can be done from Python."""

from sparseprobe.cli.app import main

__all__ = ["main"]
