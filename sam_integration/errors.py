"""What this package raises on purpose.

SamError                  catch this to catch them all
├── CheckpointError       a file of weights that is missing, damaged, or another model's
└── PackageMissing        torch or sam2 is not installed
"""


class SamError(Exception):
    """The root of all errors of this package. ``str(error)`` is meant for the person."""


class CheckpointError(SamError):
    """A file of weights that is missing, damaged, or another model's. The message names the file."""


class PackageMissing(SamError):
    """torch or sam2 is not installed. The message holds the command that installs it."""
