"""Small video models of transformers with random weights, in folders as ``save_pretrained`` writes them."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

SIZE = 64
"""Side of the models' input."""
WIDTH = 128
"""Channels. EdgeTAM's memory has 64, and a pointer must be longer."""
GRID = SIZE // 16
LEVELS = [[4 * GRID] * 2, [2 * GRID] * 2, [GRID] * 2]


def skip_without_transformers() -> None:
    """At the top of a test file. REQUIRE_TRANSFORMERS=1 forbids the skip."""
    needed = ("torch", "torchvision", "transformers", "timm")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing and os.environ.get("REQUIRE_TRANSFORMERS") == "1":
        pytest.fail(f"REQUIRE_TRANSFORMERS=1, but {', '.join(missing)} is not installed")
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed", allow_module_level=True)
    import torch

    torch.set_num_threads(1)  # sums in another order are other bits


def edgetam_config() -> Any:
    from transformers import EdgeTamVideoConfig, EdgeTamVisionConfig, TimmWrapperConfig

    widths = [8, 16, 24, 32]
    arguments = {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]}
    backbone = TimmWrapperConfig(
        architecture="repvit_m1", model_args={**arguments, "embed_dim": widths, "depth": [1, 1, 1, 1]}
    )
    vision = EdgeTamVisionConfig(
        backbone_config=backbone,
        backbone_channel_list=widths[::-1],
        backbone_feature_sizes=LEVELS,
        fpn_hidden_size=WIDTH,
    )
    return EdgeTamVideoConfig(
        vision_config=vision,
        memory_attention_mlp_hidden_size=32,
        memory_attention_rope_k_sizes=[2, 2],
        perceiver_resampler_num_latents=4,
        perceiver_resampler_num_latents_2d=4,
        perceiver_resampler_mlp_intermediate_size=32,
        **tracker_options(),
    )


def sam2_config() -> Any:
    from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VisionConfig

    backbone = Sam2HieraDetConfig(
        hidden_size=8,
        num_attention_heads=1,
        image_size=[SIZE, SIZE],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 4, 2, 2],
        global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=LEVELS,
        fpn_hidden_size=WIDTH,
    )
    return Sam2VideoConfig(vision_config=vision, memory_attention_feed_forward_hidden_size=32, **tracker_options())


def tracker_options() -> dict[str, Any]:
    """What the models have in common."""
    return {
        "prompt_encoder_config": {"hidden_size": WIDTH, "image_size": SIZE},
        "mask_decoder_config": {
            "hidden_size": WIDTH,
            "mlp_dim": 32,
            "iou_head_hidden_dim": 32,
            "num_attention_heads": 2,
        },
        "image_size": SIZE,
        "memory_attention_hidden_size": WIDTH,
        "memory_attention_num_layers": 1,
        "memory_attention_rope_feat_sizes": [GRID, GRID],
        "memory_encoder_hidden_size": WIDTH,
        "mask_downsampler_embed_dim": WIDTH,
        "memory_fuser_embed_dim": WIDTH,
        "memory_fuser_intermediate_dim": 32,
    }


SAM3_SIZE, PATCH = 56, 14
LETTERS = "abcdefghijklmnopqrstuvwxyz"
START, END = "<|startoftext|>", "<|endoftext|>"


def sam3_config() -> Any:
    from transformers import (
        CLIPTextConfig,
        Sam3Config,
        Sam3TrackerVideoConfig,
        Sam3VideoConfig,
        Sam3VisionConfig,
        Sam3ViTConfig,
    )

    grid = SAM3_SIZE // PATCH
    backbone = Sam3ViTConfig(
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SAM3_SIZE,
        patch_size=PATCH,
        window_size=2,
        global_attn_indexes=[1],
        pretrain_image_size=28,
    )
    vision = Sam3VisionConfig(
        backbone_config=backbone.to_dict(),
        fpn_hidden_size=WIDTH,
        backbone_feature_sizes=[[4 * grid] * 2, [2 * grid] * 2, [grid] * 2],
    ).to_dict()
    num_tokens = 2 * len(LETTERS) + 2
    text = CLIPTextConfig(
        vocab_size=num_tokens,
        hidden_size=32,
        intermediate_size=32,
        projection_dim=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32,
        bos_token_id=num_tokens - 2,
        eos_token_id=num_tokens - 1,
        pad_token_id=num_tokens - 1,
    )
    small = {"hidden_size": WIDTH, "num_attention_heads": 4}
    detector = Sam3Config(
        vision_config=vision,
        text_config=text.to_dict(),
        geometry_encoder_config={**small, "intermediate_size": 32, "num_layers": 1},
        detr_encoder_config={**small, "intermediate_size": 32, "num_layers": 1},
        detr_decoder_config={**small, "intermediate_size": 32, "num_layers": 2, "num_queries": 6},
        mask_decoder_config=small,
    )
    options = tracker_options()
    options["prompt_encoder_config"] = {"hidden_size": WIDTH, "image_size": SAM3_SIZE, "patch_size": PATCH}
    options |= {"image_size": SAM3_SIZE, "memory_attention_rope_feat_sizes": [grid, grid]}
    tracker = Sam3TrackerVideoConfig(vision_config=vision, memory_attention_feed_forward_hidden_size=32, **options)
    return Sam3VideoConfig(
        detector_config=detector.to_dict(),
        tracker_config=tracker.to_dict(),
        low_res_mask_size=4 * grid,
        det_nms_thresh=0.9,
        hotstart_delay=3,
        hotstart_unmatch_thresh=3,
        hotstart_dup_thresh=3,
    )


CONFIGS = {"edgetam": edgetam_config, "sam2.1-tiny-hf": sam2_config, "sam3": sam3_config}
"""Name of the engine -> configuration of a small model of its architecture."""


def write_folder(folder: Path, name: str, *, seed: int = 0) -> Path:
    """Write random weights under which objects are seen (mostly) and each frame differs."""
    import torch
    import transformers

    from vas_tool.engines.video_sessions.hub_model import quiet
    from vas_tool.engines.video_sessions.released import VIDEO_MODELS

    with torch.random.fork_rng(), quiet():
        torch.manual_seed(seed)
        model = getattr(transformers, VIDEO_MODELS[name].model_class)(CONFIGS[name]())
        shake(model)
        if name == "sam3":
            make_find(model)
            write_tokenizer(folder)
        model.save_pretrained(folder)
    return folder


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer that knows letters."""
    from transformers import CLIPTokenizer

    tokens = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), START, END]
    CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[]).save_pretrained(folder)


def make_find(model: Any) -> None:
    """Let the detector find things, at different places."""
    import torch

    with torch.no_grad():
        for name, value in model.detector_model.named_parameters():
            if name.endswith(("presence_head.layer3.bias", "text_proj.bias", "query_proj.bias")):
                value.add_(4.0)
            elif name.endswith("query_embed.weight"):
                value.copy_(torch.randn_like(value) * 5)
            elif "mask_embedder" in name and name.endswith("weight"):
                value.copy_(torch.randn_like(value) * 0.1)
            elif name.endswith("instance_projection.bias"):
                value.zero_()


def shake(model: Any) -> None:
    """Give every parameter that starts at a constant a random value, and let the model see objects."""
    import torch

    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.numel() > 1 and bool((value == value.flatten()[0]).all()) and "norm" not in name:
                value.copy_(torch.randn_like(value) * 0.5)
            elif value.dim() > 1 and "embed" not in name:
                value.mul_(4.0)
        for name, value in model.named_parameters():
            if name.endswith("pred_obj_score_head.proj_out.bias"):
                value.add_(3.0)
