"""Files that other tools read: one module for each format. ``exports`` lists the writers.

coco                               image-level, exact RLE masks
youtube_vis                        video-level
kins, cocoa                        image-level, polygons
burst                              video-level, modal masks by track
hf_dataset                         Parquet files and a card for ``datasets``
diffusion_vas, sample_reading      samples of 25 frames; two forms are read
tao_amodal, tao_reading            annotations with amodal boxes; tao_predictions: predicted boxes
sequences, tabe                    folders of pictures
layers, layers_reading             every mask, content and depth as pictures and videos
exr, openraster, psd               one file for each frame, with a layer for each object
alpha_videos                       each object as a video with alpha
gen_omnimatte, sv4d                inputs of other methods
scene_video                        the clip with objects moved, scaled, left out, frozen or reordered
annotations                        what other tools made, read for an import
verify                             reads an export of any format and lists everything that is wrong with it
"""

from vas_tool.formats.coco import write_coco as write_coco
from vas_tool.formats.coco_reading import CocoFile as CocoFile
from vas_tool.formats.coco_reading import read_coco as read_coco
from vas_tool.formats.layers import write_layers as write_layers
from vas_tool.formats.sequences import is_sequences_folder as is_sequences_folder
from vas_tool.formats.sequences import read_sequences as read_sequences
from vas_tool.formats.sequences import write_sequences as write_sequences
from vas_tool.formats.tally import ExportSummary as ExportSummary

__all__ = [
    "CocoFile",
    "ExportSummary",
    "is_sequences_folder",
    "read_coco",
    "read_sequences",
    "write_coco",
    "write_layers",
    "write_sequences",
]
