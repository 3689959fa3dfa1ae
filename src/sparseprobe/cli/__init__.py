"""The command line: parse, call, show. Everything that it does can be done from Python."""

from sparseprobe.cli.app import main

__all__ = ["main"]
