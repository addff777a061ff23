"""Everything this package raises on purpose.

    VasToolError                     catch this to catch them all
    ├── InputError                   what was given cannot be used
    │   ├── VideoError               a video or a folder of images that does not become a clip
    │   ├── FormatError              a file of another tool (COCO, PNG masks, ...) that cannot be read or written
    │   └── PromptError              a click, box, stroke or mask that does not fit the clip
    │       └── NothingToDo          what was asked for is done already
    ├── ProjectError                 a project folder that cannot be opened or written
    │   ├── ProjectDamaged           project.json does not read; it is left as it is
    │   └── ProjectBusy              another process has it open
    ├── EngineError                  an engine that is unknown, absent, or failed
    └── Cancelled                    the person asked to stop; what was finished is kept

Every message names the thing, says what is wrong with it, and what to do next.
"""


class VasToolError(Exception):
    """The root of all errors of this package. ``str(error)`` is meant for the person."""


class InputError(VasToolError):
    """What was given cannot be used."""


class VideoError(InputError):
    """A video or a folder of images that does not become a clip."""


class FormatError(InputError):
    """A file in another tool's format that cannot be read or written."""


class PromptError(InputError):
    """A click, box, stroke or mask that does not fit the clip."""


class NothingToDo(PromptError):
    """What was asked for is done already: no fault of anybody's."""


class ProjectError(VasToolError):
    """A project folder that cannot be opened or written."""


class ProjectDamaged(ProjectError):
    """``project.json`` does not read. The file is left untouched."""


class ProjectBusy(ProjectError):
    """Another process has the project open; nothing is written."""


class EngineError(VasToolError):
    """An engine that is unknown, absent, or failed."""


class Cancelled(VasToolError):
    """The person asked to stop. What was finished before is kept."""
