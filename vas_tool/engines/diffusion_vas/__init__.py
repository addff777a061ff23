"""Diffusion-VAS (CVPR 2025): amodal masks and content of a window of 25 frames, by two video diffusion models.

    masks, depth --(conversions)--> conditions --(conditioning)--> tokens, latents --(denoising)--> frames --> masks
A clip of any length is divided into windows (``window_plan``, ``window_runs``). ``amodal`` and ``content`` are the
engines;
``diffusion_pipeline`` is the model itself, which takes the conditions of one window.
"""
