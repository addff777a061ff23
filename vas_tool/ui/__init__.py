"""The browser tool: Gradio blocks, the workbench, and the routes that feed it. Holds no logic."""
