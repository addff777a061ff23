"""Fine-tuning of Diffusion-VAS: the amodal stage and the content stage share one training step.

    data_sources --> object_samples (first, second, target) --> training_step: noise, latents, the UNet, loss --> train
                            sample_cache: depth, latents and tokens computed once
``recipe`` holds the settings. ``result_folder`` writes the result: a folder that the engines load.
"""
