"""The exceptions of this package.

    VasToolError                     catch this to catch them all
    ├── InputError                   what was given cannot be used
    │   ├── VideoError               a video or a folder of images that cannot become a clip
    │   ├── FormatError              a file of another tool (COCO, PNG masks, ...) that cannot be read or written
    │   └── PromptError              a click, box, stroke or mask that does not fit the clip
    │       └── NothingToDo          the request is done already
    ├── ProjectError                 a project folder that cannot be opened or written
    │   ├── ProjectDamaged           project.json is unreadable; it is not changed
    │   └── ProjectBusy              another process has it open
    ├── EngineError                  an engine that is unknown, absent, or failed
    └── Cancelled                    the user asked to stop; finished results are kept

Every message names the file or value, says what is wrong with it, and what to do next.
"""


class VasToolError(Exception):
    """Base class of all errors of this package. ``str(error)`` is meant for the user."""


class InputError(VasToolError):
    """The input cannot be used."""


class VideoError(InputError):
    """A video or a folder of images cannot become a clip."""


class FormatError(InputError):
    """A file in another tool's format cannot be read or written."""


class PromptError(InputError):
    """A click, box, stroke or mask does not fit the clip."""


class NothingToDo(PromptError):
    """The request is done already. This is no fault."""


class ProjectError(VasToolError):
    """A project folder cannot be opened or written."""


class ProjectDamaged(ProjectError):
    """``project.json`` is unreadable. The file is not changed."""


class ProjectBusy(ProjectError):
    """Another process has the project open. Nothing is written."""


class EngineError(VasToolError):
    """An engine is unknown, absent, or failed."""


class Cancelled(VasToolError):
    """The user asked to stop. Finished results are kept."""
