"""Videos in and out: a file or a folder of images -> a clip at 8 FPS by time stamp; frames -> a video file.

import_frames    a video or a folder of images -> numbered frames on disk + where each comes from
ListedImages     some images of a folder, chosen beforehand, to be made into a clip
FolderClip       those frames as a Clip, read when asked for
write_video      frames -> .mp4 or .gif
"""

from vas_tool.video.clip import FolderClip as FolderClip
from vas_tool.video.images import ListedImages as ListedImages
from vas_tool.video.importing import import_frames as import_frames
from vas_tool.video.source import ImportedClip as ImportedClip
from vas_tool.video.source import SourceInfo as SourceInfo
from vas_tool.video.writing import write_video as write_video

__all__ = ["FolderClip", "ImportedClip", "ListedImages", "SourceInfo", "import_frames", "write_video"]
