"""One case is a folder: model.onnx, and case.json with the schema, rows as clients send them, and what Python itself answers for those rows."""
import json
import math
import os

import numpy as np


def write_case(out, name, made_by, model, schema, rows, answers=None, refused=None, settings=None):
    """`answers`: by output, one value a row. `refused`: the code with which the model must be refused in place of being served."""
    folder = os.path.join(out, name)
    os.makedirs(folder)
    with open(os.path.join(folder, "model.onnx"), "wb") as f:
        f.write(model if isinstance(model, bytes) else model.SerializeToString())
    case = {
        "name": name,
        "made_by": made_by,
        "schema": {"name": name, **schema},
        "rows": [{key: plain(value) for key, value in row.items()} for row in rows],
        "answers": {key: [plain(value) for value in values] for key, values in (answers or {}).items()},
        "refused": refused,
    }
    with open(os.path.join(folder, "case.json"), "w") as f:
        json.dump(case, f, allow_nan=False)
    print(f"  {name}: {len(rows)} rows, made by {made_by}", flush=True)


def plain(value):
    """A value as JSON has it; a missing number is null."""
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def numbers(names, nullable=False):
    return [{"name": name, "type": "number", "nullable": nullable} for name in names]


def regression(name, **more):
    return {"name": name, "kind": "regression", **more}


def classification(name, classes):
    return {"name": name, "kind": "classification", "classes": [str(label) for label in classes]}


def scores(name, width):
    return {"name": name, "kind": "value", "type": "number", "shape": [width]}


def to_rows(names, table):
    return [dict(zip(names, row)) for row in table]


def random_table(rng, rows, columns):
    """Numbers that 32 bits hold exactly: a client's row is then the same number in Python and in the model, and differences are the model's own."""
    return rng.normal(size=(rows, columns)).astype(np.float32).astype(np.float64)
