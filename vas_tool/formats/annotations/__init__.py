"""Reads annotations with masks that other tools made, one module a form; all give ``AnnotatedFile``.

image_level       COCO, COCOA-cls, D2SA, KINS: one annotation per object and picture
cocoa_regions     COCOA: one annotation per picture, with a region for each object
video_level       YouTube-VIS, OVIS: one annotation per object, with a list of masks
burst_sequences   BURST: one record per video, with a list of masks by track
cvat_tracks       CVAT for video 1.1: XML with tracks of polygons, boxes and masks
labelme_shapes    labelme: one JSON file per picture
mask_trees        DAVIS and YouTube-VOS: folders of pictures and of masks

annotated_videos defines the result, picture_videos joins pictures into videos, checked_records checks lists of
records, drawn_masks draws run lengths and polygons.
"""
