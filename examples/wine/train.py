"""Trains the wine model and exports it: train.py DATA.csv REVISION_FOLDER. Needs scikit-learn, skl2onnx, and onnx before 1.18 with protobuf before 6."""
import csv
import hashlib
import json
import pathlib
import sys
from datetime import datetime, timezone

import numpy as np
import sklearn
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from skl2onnx.sklapi import CastTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

data_file, folder = sys.argv[1], pathlib.Path(sys.argv[2])
with open(data_file, newline="") as file:
    rows = list(csv.DictReader(file))
names = [name for name in rows[0] if name != "quality"]
x = np.array([[float(row[name]) for name in names] for row in rows])
y = np.array([float(row["quality"]) for row in rows])

x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=1)
# Scaled in 64 bits, then rounded for the trees, here and in ONNX: else values that lie on a threshold would go one way in Python and the other there.
model = make_pipeline(StandardScaler(), CastTransformer(dtype=np.float32), HistGradientBoostingRegressor(max_iter=50, random_state=1))
model.fit(x_train, y_train)
print(f"mean squared error on {len(y_test)} rows that the model has not seen: {((model.predict(x_test) - y_test) ** 2).mean():.4f}")

onnx = convert_sklearn(
    model,
    initial_types=[("features", DoubleTensorType([None, len(names)]))],
    final_types=[("quality", FloatTensorType([None, 1]))],
    target_opset={"": 17, "ai.onnx.ml": 3},
).SerializeToString()

folder.mkdir(parents=True, exist_ok=True)
(folder / "model.onnx").write_bytes(onnx)
(folder / "revision.yaml").write_text(
    f"trained_at: {datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}\n"
    f"framework: scikit-learn {sklearn.__version__}\n"
    f"training_data: sha256:{hashlib.sha256(pathlib.Path(data_file).read_bytes()).hexdigest()}\n"
    f"digest: sha256:{hashlib.sha256(onnx).hexdigest()}\n"
    "notes: HistGradientBoostingRegressor(max_iter=50) on scaled features, four fifths of the rows.\n"
)
golden = [
    {"inputs": {name: float(value) for name, value in zip(names, row)}, "outputs": {"quality": float(prediction)}, "tolerance": 1e-5}
    for row, prediction in zip(x[:20], model.predict(x[:20]))
]
(folder / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
print(f"wrote model.onnx, revision.yaml and golden.json to {folder}")
