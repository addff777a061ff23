"""Measures amodal masks twice: as the scripts of the papers do, and strictly, where every miss counts.

evaluate(benchmark, order)     reads files and returns an Evaluation
overlap, boxes_overlap         the measures: pure functions of arrays
averages                       means, Top-K, visibility buckets
"""

from vas_tool.evaluation.benchmarks import BENCHMARKS as BENCHMARKS
from vas_tool.evaluation.benchmarks import EvaluationRun as EvaluationRun
from vas_tool.evaluation.benchmarks import Order as Order
from vas_tool.evaluation.benchmarks import evaluate as evaluate
from vas_tool.evaluation.tables import Evaluation as Evaluation

__all__ = ["BENCHMARKS", "Evaluation", "EvaluationRun", "Order", "evaluate"]
