"""TAO-Amodal's own measures: detection AP and track AP of amodal boxes, federated as in LVIS and TAO.

Source: Hsieh et al., *TAO-Amodal* (arXiv 2312.12433), and its toolkit, which adds visibility filters to the evaluation
of LVIS and TAO. Diffusion-VAS calls other numbers AP (``evaluation.tao_amodal``).
"""

from vas_tool.evaluation.tao_boxes.figures import BoxFigures as BoxFigures
from vas_tool.evaluation.tao_boxes.figures import measure as measure
