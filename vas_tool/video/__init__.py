"""Reads a video or a folder of images into a clip at 8 FPS by time stamp, and writes frames into a video file.

import_frames    stores a video or a folder of images as numbered frames, and records the source of each
ListedImages     a list of images of a folder for a clip
FolderClip       the stored frames as a Clip, read when they are needed
write_video      writes frames as .mp4 or .gif
"""

from vas_tool.video.clip import FolderClip as FolderClip
from vas_tool.video.images import ListedImages as ListedImages
from vas_tool.video.importing import import_frames as import_frames
from vas_tool.video.source import ImportedClip as ImportedClip
from vas_tool.video.source import SourceInfo as SourceInfo
from vas_tool.video.writing import write_video as write_video

__all__ = ["FolderClip", "ImportedClip", "ListedImages", "SourceInfo", "import_frames", "write_video"]
