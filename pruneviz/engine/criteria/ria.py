"""Removes the weights that matter least among those of their output and those of their input.

A weight's size is taken relative to all weights of the same output and to all weights of the same input, so that no
channel is emptied because its weights are small throughout; inputs count by the root of their size. A channel of nothing
but zeros counts zero.
"""

from pruneviz.engine.criterion import Evidence, Paper

name = "RIA"
formula = r"\left( \frac{|W_{ij}|}{\sum_i |W_{ij}|} + \frac{|W_{ij}|}{\sum_j |W_{ij}|} \right) \lVert X_j \rVert_2^{1/2}"
paper = Paper(
    "Zhang, Bai, Lin, Zhao, Hou & Cannistraci 2024",
    "Plug-and-Play: an efficient post-training pruning method for large language models, ICLR 2024",
    "https://iclr.cc/virtual/2024/poster/18549",
)
needs = ("weight", "input_norm")


def saliency(evidence: Evidence):
    size = evidence.weight.abs().double().nan_to_num(nan=0, posinf=0)
    output = 1 - evidence.inputs
    of_input = size.sum(output, keepdim=True)
    of_output = size.sum([axis for axis in range(size.ndim) if axis != output], keepdim=True)
    # Where a sum is zero all its weights are: 0 / 1 = 0.
    relative = size / (of_input + (of_input == 0)) + size / (of_output + (of_output == 0))
    return relative * evidence.input_norm.double().sqrt()
