"""Run the whole method on many objects of many videos, from a manifest: ``run_batch``.

The rows run on Ray Data (extra ``batch``) or one after the other in this process.
"""

from vas_tool.batch.batch_run import BatchOptions as BatchOptions
from vas_tool.batch.batch_run import run_batch as run_batch
