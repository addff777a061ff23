"""Files that other tools read: one module a format, reading and writing.

write_coco, read_coco                 image-level COCO with exact amodal and modal masks
write_sequences, import_sequences     rgbs/ + masks/, the layout of Diffusion-VAS; out and in
write_layers                          PNG, RGBA PNG, MP4 and GIF of every layer
verify                                reads an export back and lists everything that is wrong
"""

from vas_tool.formats.coco import write_coco as write_coco
from vas_tool.formats.coco_reading import CocoFile as CocoFile
from vas_tool.formats.coco_reading import read_coco as read_coco
from vas_tool.formats.layers import write_layers as write_layers
from vas_tool.formats.sequences import import_masks as import_masks
from vas_tool.formats.sequences import import_sequences as import_sequences
from vas_tool.formats.sequences import is_sequences_folder as is_sequences_folder
from vas_tool.formats.sequences import read_sequences as read_sequences
from vas_tool.formats.sequences import write_sequences as write_sequences
from vas_tool.formats.tally import ExportSummary as ExportSummary

__all__ = [
    "CocoFile",
    "ExportSummary",
    "import_masks",
    "import_sequences",
    "is_sequences_folder",
    "read_coco",
    "read_sequences",
    "write_coco",
    "write_layers",
    "write_sequences",
]
