"""Runs the whole method over many objects of many videos, from a manifest: ``run_batch``.

On Ray Data where it is installed (extra ``batch``), else one row after the other in this process.
"""

from vas_tool.batch.batch_run import BatchOptions as BatchOptions
from vas_tool.batch.batch_run import run_batch as run_batch
