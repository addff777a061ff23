"""Processor time per tracked frame of EdgeTAM, SAM 2.1 tiny and its fast preset, with random weights, on a CPU.

    python benchmarks/trackers_speed.py [FRAMES]

The models take turns frame by frame, so that a busy computer slows all of them alike. The time grows until the memory
holds seven frames.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from sam_integration.checkpoints import build_model
from sam_integration.predictor import Predictor
from sam_integration.presets import EXACT, FAST
from sam_integration.prompts import FramePrompt, Point
from sam_integration.sam2_network import Network
from sam_integration.zoo import MODELS
from vas_tool.engines.video_sessions.session_network import SessionNetwork
from vas_tool.types import ArrayClip

CLICK = FramePrompt((Point(300.0, 200.0),))


def edgetam() -> SessionNetwork:
    from transformers import (
        EdgeTamVideoConfig,
        EdgeTamVideoInferenceSession,
        EdgeTamVideoModel,
        EdgeTamVisionConfig,
        TimmWrapperConfig,
    )

    arguments = {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]}
    backbone = TimmWrapperConfig(architecture="repvit_m1", model_args=arguments)
    config = EdgeTamVideoConfig(vision_config=EdgeTamVisionConfig(backbone_config=backbone))
    return SessionNetwork(EdgeTamVideoModel(config).eval().requires_grad_(False), EdgeTamVideoInferenceSession)


def main() -> None:
    import torch

    torch.set_num_threads(1)
    num_frames = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    tiny = next(spec for spec in MODELS if spec.name == "sam2.1-tiny")
    networks: dict[str, Any] = {
        "edgetam": edgetam(),
        "sam2.1-tiny": Network(build_model(tiny, EXACT, device="cpu")),
        "sam2.1-tiny-fast": Network(build_model(tiny, FAST, device="cpu")),
    }
    clip = ArrayClip(np.random.default_rng(0).integers(0, 255, (num_frames, 480, 854, 3), np.uint8))
    tracks = {name: Predictor(network).track(clip, {0: CLICK}, range(num_frames)) for name, network in networks.items()}
    for frame_index in range(num_frames):
        for name, track in tracks.items():
            start = time.process_time()
            next(track)
            print(f"frame {frame_index}  {name:<17} {time.process_time() - start:6.2f} s", flush=True)


if __name__ == "__main__":
    main()
