"""The exceptions of this package.

SamError                  catch this to catch them all
├── CheckpointError       a file of weights that is missing, damaged, or another model's
└── PackageMissing        torch or sam2 is not installed
"""


class SamError(Exception):
    """Base class of all errors of this package. ``str(error)`` is meant for the user."""


class CheckpointError(SamError):
    """A file of weights is missing, damaged, or belongs to another model. The message names the file."""


class PackageMissing(SamError):
    """torch or sam2 is not installed. The message holds the command that installs it."""
