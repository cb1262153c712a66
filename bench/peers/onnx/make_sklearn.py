"""Models of scikit-learn and XGBoost as users export them, each with Python's own answers. Usage: make_sklearn.py OUT"""
import sys

import numpy as np
import onnxmltools
import skl2onnx
import sklearn
import xgboost
from cases import classification, numbers, random_table, regression, scores, to_rows, write_case
from onnxmltools.convert import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as XgbFloat
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from skl2onnx.sklapi import CastTransformer
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

out = sys.argv[1]
rng = np.random.default_rng(20261120)
SKL = f"scikit-learn {sklearn.__version__}, skl2onnx {skl2onnx.__version__}"
XGB = f"XGBoost {xgboost.__version__}, onnxmltools {onnxmltools.__version__}"
NAMES = [f"f{i}" for i in range(11)]
TRAIN, TEST = 2000, 300

x = random_table(rng, TRAIN, 11)
x_test = random_table(rng, TEST, 11)
y = 3 * x[:, 0] - x[:, 1] * x[:, 2] + np.sin(x[:, 3]) + 0.1 * rng.normal(size=TRAIN) + 100
labels = np.where(y > 101.5, 2, np.where(y > 99, 1, 0))
words = np.array(["bad", "fair", "good"])[labels]
rows = to_rows(NAMES, x_test)
matrix = [("float_input", FloatTensorType([None, 11]))]
one = {"features": numbers(NAMES), "outputs": [regression("variable")]}


def regressor(name, model, inputs=matrix, made_by=SKL, test=x_test, schema=one, convert=convert_sklearn, given=rows):
    onnx_model = convert(model, initial_types=inputs)
    write_case(out, name, made_by, onnx_model, schema, given, {schema["outputs"][0]["name"]: model.predict(test).ravel()})


def classifier(name, model, classes, options, inputs=matrix, probabilities="probabilities"):
    """Both of its outputs: the label, and the probabilities beside it."""
    onnx_model = convert_sklearn(model, initial_types=inputs, options=options)
    schema = {"features": numbers(NAMES), "outputs": [classification("label", classes), scores(probabilities, len(classes))]}
    answers = {"label": [str(label) for label in model.predict(x_test)], probabilities: model.predict_proba(x_test)}
    write_case(out, name, SKL, onnx_model, schema, rows, answers)


def no_zipmap(model):
    return {id(model): {"zipmap": False}}


# Regression, one matrix in.
hgb = make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=50)).fit(x, y)
regressor("scaler_boosted_trees", hgb)
# skl2onnx writes trees of doubles in a way that onnxruntime refuses in Python too: the output is said to be double, and the operator makes floats.
doubles = convert_sklearn(hgb, initial_types=[("X", DoubleTensorType([None, 11]))])
write_case(out, "scaler_boosted_trees_double", SKL, doubles, one, rows, refused="MW_MODEL_UNREADABLE")
# Values of few digits fall on thresholds, which are values of the training data; scaled in 32 bits, some would go the other way. Scaled in 64 and rounded then
# none does: skl2onnx's own advice for such pipelines.
coarse, coarse_test = x.round(1), x_test.round(1)
coarse_hgb = make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=50)).fit(coarse, y)
cast = CastTransformer(dtype=np.float32).fit(coarse)
write_case(
    out, "scaler_boosted_trees_coarse", SKL,
    convert_sklearn(make_pipeline(coarse_hgb[0], cast, coarse_hgb[1]), initial_types=[("X", DoubleTensorType([None, 11]))]),
    one, to_rows(NAMES, coarse_test), {"variable": coarse_hgb.predict(coarse_test)},
)
regressor("random_forest", RandomForestRegressor(n_estimators=50, random_state=1).fit(x, y))
linear = LinearRegression().fit(x, y)
regressor("linear", linear)
regressor("linear_double", linear, [("X", DoubleTensorType([None, 11]))])
regressor("scaler_perceptron", make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(32, 16), max_iter=300, random_state=1)).fit(x, y))
# Several numbers a row.
two = LinearRegression().fit(x, np.stack([y, 2 * y - x[:, 4]], axis=1))
write_case(
    out, "linear_two_targets", SKL, convert_sklearn(two, initial_types=matrix),
    {"features": numbers(NAMES), "outputs": [regression("variable", shape=[2])]}, rows, {"variable": two.predict(x_test)},
)
# Missing numbers, which these trees know what to do with.
holes = x.copy()
holes[rng.random(holes.shape) < 0.1] = np.nan
holes_test = x_test.copy()
holes_test[rng.random(holes_test.shape) < 0.1] = np.nan
nullable = {"features": numbers(NAMES, nullable=True), "outputs": [regression("variable")]}
regressor(
    "boosted_trees_missing", HistGradientBoostingRegressor(max_iter=50).fit(holes, y),
    test=holes_test, schema=nullable, given=to_rows(NAMES, holes_test),
)

# Whole numbers: counts, sent as int64.
counts = rng.integers(0, 1000, size=(TRAIN, 4))
counts_test = rng.integers(0, 1000, size=(TEST, 4))
whole_names = ["a", "b", "c", "d"]
whole = {"features": [{"name": name, "type": "integer"} for name in whole_names], "outputs": [regression("variable")]}
regressor(
    "random_forest_int64", RandomForestRegressor(n_estimators=20, random_state=1).fit(counts, counts @ [1.0, 0.5, -2, 0.1]),
    [("X", Int64TensorType([None, 4]))], test=counts_test, schema=whole, given=to_rows(whole_names, counts_test),
)

# Classification: labels that are words, and labels that are numbers.
logistic = LogisticRegression(max_iter=1000)
with_words = make_pipeline(StandardScaler(), logistic).fit(x, words)
classifier("scaler_logistic_words", with_words, ["bad", "fair", "good"], no_zipmap(with_words))
forest = RandomForestClassifier(n_estimators=50, random_state=1).fit(x, labels)
classifier("random_forest_int_labels", forest, [0, 1, 2], no_zipmap(forest))
boosted = HistGradientBoostingClassifier(max_iter=30).fit(x, labels == 2)
# Of two classes; its labels are booleans, which ONNX holds as whole numbers.
write_case(
    out, "boosted_trees_binary", SKL, convert_sklearn(boosted, initial_types=matrix, options=no_zipmap(boosted)),
    {"features": numbers(NAMES), "outputs": [classification("label", ["no", "yes"]), scores("probabilities", 2)]}, rows,
    {"label": ["yes" if label else "no" for label in boosted.predict(x_test)], "probabilities": boosted.predict_proba(x_test)},
)
# As skl2onnx exports where nobody says otherwise: probabilities in a sequence of maps. Its labels can be served, those probabilities cannot.
zipped = convert_sklearn(forest, initial_types=matrix)
label_only = {"features": numbers(NAMES), "outputs": [classification("output_label", [0, 1, 2])]}
write_case(out, "zipmap_label", SKL, zipped, label_only, rows, {"output_label": [str(label) for label in forest.predict(x_test)]})
with_maps = {"features": numbers(NAMES), "outputs": [classification("output_label", [0, 1, 2]), scores("output_probability", 3)]}
write_case(out, "zipmap_probabilities", SKL, zipped, with_maps, rows, refused="MW_MODEL_MISMATCH")

# Columns of several kinds, one input each.
colours = np.array(["red", "green", "blue"])


def columns(count):
    frame = np.empty((count, 4), dtype=object)
    frame[:, 0] = rng.choice(colours, count)
    frame[:, 1] = rng.choice(np.array(["shop", "web"]), count)
    frame[:, 2:] = random_table(rng, count, 2)
    return frame


mixed, mixed_test = columns(TRAIN), columns(TEST)
mixed_labels = np.where((mixed[:, 0] == "red") ^ (mixed[:, 2] > 0.3), "churns", "stays")
pipeline = make_pipeline(
    ColumnTransformer([("words", OneHotEncoder(handle_unknown="ignore"), [0, 1]), ("numbers", StandardScaler(), [2, 3])]),
    LogisticRegression(max_iter=1000),
)
mixed_names = ["colour", "channel", "age", "spent"]
mixed_features = [
    {"name": "colour", "type": "category", "categories": [*colours.tolist(), "violet"]},
    {"name": "channel", "type": "category"},
    {"name": "age", "type": "number"},
    {"name": "spent", "type": "number"},
]
# A colour that was never seen: the encoder gives it zeros.
mixed_test[:5, 0] = "violet"


def fit_frame():
    import pandas

    frame = lambda table: pandas.DataFrame({name: table[:, i] if i < 2 else table[:, i].astype(float) for i, name in enumerate(mixed_names)})
    named = make_pipeline(
        ColumnTransformer([
            ("words", OneHotEncoder(handle_unknown="ignore"), mixed_names[:2]), ("numbers", StandardScaler(), mixed_names[2:]),
        ]),
        LogisticRegression(max_iter=1000),
    )
    return named.fit(frame(mixed), mixed_labels), frame(mixed_test)


named, frame_test = fit_frame()
inputs = [(name, StringTensorType([None, 1]) if i < 2 else FloatTensorType([None, 1])) for i, name in enumerate(mixed_names)]
write_case(
    out, "columns_one_hot_logistic", SKL, convert_sklearn(named, initial_types=inputs, options=no_zipmap(named)),
    {"features": mixed_features, "outputs": [classification("label", ["churns", "stays"]), scores("probabilities", 2)]},
    to_rows(mixed_names, mixed_test), {"label": named.predict(frame_test).tolist(), "probabilities": named.predict_proba(frame_test)},
)

# XGBoost.
boost = xgboost.XGBRegressor(n_estimators=50, max_depth=5, base_score=float(y.mean())).fit(x, y)
xgb_inputs = [("input", XgbFloat([None, 11]))]
regressor("xgboost", boost, xgb_inputs, XGB, convert=convert_xgboost)
boost_holes = xgboost.XGBRegressor(n_estimators=50, max_depth=5).fit(holes, y)
regressor("xgboost_missing", boost_holes, xgb_inputs, XGB, holes_test, nullable, convert_xgboost, to_rows(NAMES, holes_test))
boost_labels = xgboost.XGBClassifier(n_estimators=30, max_depth=4).fit(x, labels)
write_case(
    out, "xgboost_classifier", XGB, convert_xgboost(boost_labels, initial_types=xgb_inputs),
    {"features": numbers(NAMES), "outputs": [classification("label", [0, 1, 2]), scores("probabilities", 3)]}, rows,
    {"label": [str(label) for label in boost_labels.predict(x_test)], "probabilities": boost_labels.predict_proba(x_test)},
)
