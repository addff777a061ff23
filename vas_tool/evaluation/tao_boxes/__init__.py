"""TAO-Amodal's own figures: detection AP and track AP of amodal boxes, federated as LVIS's and TAO's.

Source: Hsieh et al., *TAO-Amodal* (arXiv 2312.12433) and its toolkit, which adds visibility filters to LVIS's and TAO's
evaluation. The figures that Diffusion-VAS calls AP are other ones (``evaluation.tao_amodal``).
"""

from vas_tool.evaluation.tao_boxes.figures import BoxFigures as BoxFigures
from vas_tool.evaluation.tao_boxes.figures import measure as measure
