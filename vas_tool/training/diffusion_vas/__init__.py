"""Fine-tuning of Diffusion-VAS: the amodal stage and the content stage share one step.

    sources --> pictures (first, second, target) --> step: noise, latents, the UNet, the loss --> train
                       cache: depth, latents and tokens computed once
``recipe`` says what can be chosen. ``released`` writes the result: a folder that the engines load.
"""
