"""Models of PyTorch as torch.onnx exports them, each with PyTorch's own answers. Usage: make_torch.py OUT"""
import os
import sys
import tempfile

import numpy as np
import torch
from cases import classification, numbers, regression, to_rows, write_case

out = sys.argv[1]
torch.manual_seed(1)
torch.set_num_threads(1)
TORCH = f"PyTorch {torch.__version__.split('+')[0]}"
NAMES = [f"f{i}" for i in range(11)]
rng = np.random.default_rng(20261120)
table = rng.normal(size=(300, 11)).astype(np.float32)
series = rng.normal(size=(300, 6, 1)).astype(np.float32)


def export(model, sample, dynamic=True, **names):
    """As bytes, weights within: one file is what a revision holds."""
    file = os.path.join(tempfile.mkdtemp(), "model.onnx")
    shapes = ({0: torch.export.Dim("rows")},) if dynamic else None
    program = torch.onnx.export(model.eval(), (torch.from_numpy(sample[:2]),), dynamo=True, dynamic_shapes=shapes, verbose=False, **names)
    program.save(file, external_data=False)
    with open(file, "rb") as f:
        return f.read()


def answer(model, sample):
    with torch.no_grad():
        return model.eval()(torch.from_numpy(sample)).numpy().astype(np.float64)


mlp = torch.nn.Sequential(torch.nn.Linear(11, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
schema = {"features": numbers(NAMES), "outputs": [regression("score")]}
rows = to_rows(NAMES, table.astype(np.float64))
write_case(
    out, "torch_perceptron", TORCH, export(mlp, table, input_names=["x"], output_names=["score"]), schema, rows,
    {"score": answer(mlp, table).ravel()},
)
write_case(out, "torch_fixed_batch", TORCH, export(mlp, table, dynamic=False, output_names=["score"]), schema, rows, refused="MW_MODEL_MISMATCH")

logits = torch.nn.Sequential(torch.nn.Linear(11, 32), torch.nn.ReLU(), torch.nn.BatchNorm1d(32), torch.nn.Linear(32, 3))
classes = ["cat", "dog", "horse"]
write_case(
    out, "torch_classifier_logits", TORCH, export(logits, table, output_names=["animal"]),
    {"features": numbers(NAMES), "outputs": [classification("animal", classes)]}, rows,
    {"animal": [classes[i] for i in answer(logits, table).argmax(axis=1)]},
)


class Sequence(torch.nn.Module):
    """A window of six values in, the next one out."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(1, 16, batch_first=True)
        self.head = torch.nn.Linear(16, 1)

    def forward(self, window):
        states, _ = self.lstm(window)
        return self.head(states[:, -1])


lstm = Sequence()
write_case(
    out, "torch_lstm", TORCH, export(lstm, series, output_names=["next"]),
    {"features": [{"name": "window", "type": "number", "shape": [6, 1]}], "outputs": [regression("next")]},
    [{"window": window.astype(np.float64)} for window in series], {"next": answer(lstm, series).ravel()},
)

picture = rng.random(size=(50, 1, 16, 16)).astype(np.float32)
convolution = torch.nn.Sequential(
    torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(512, 4),
)
write_case(
    out, "torch_convolution", TORCH, export(convolution, picture, output_names=["scores"]),
    {"features": [{"name": "pixels", "type": "number", "shape": [1, 16, 16]}],
     "outputs": [{"name": "scores", "kind": "value", "type": "number", "shape": [4]}]},
    [{"pixels": one.astype(np.float64)} for one in picture], {"scores": answer(convolution, picture)},
)
