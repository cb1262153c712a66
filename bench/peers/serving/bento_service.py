"""The wine model behind BentoML, with the eleven named features and a list of rows. The model is named by WINE_MODEL."""
import os

import bentoml
import joblib
import numpy as np
from pydantic import BaseModel


class Wine(BaseModel):
    fixed_acidity: float
    volatile_acidity: float
    citric_acid: float
    residual_sugar: float
    chlorides: float
    free_sulfur_dioxide: float
    total_sulfur_dioxide: float
    density: float
    ph: float
    sulphates: float
    alcohol: float


NAMES = list(Wine.model_fields)


@bentoml.service(workers=1)
class WineService:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["WINE_MODEL"])

    @bentoml.api
    def predict(self, wine: Wine) -> dict:
        row = np.array([[getattr(wine, name) for name in NAMES]])
        return {"quality": float(self.model.predict(row)[0])}

    @bentoml.api
    def predict_batch(self, wines: list[Wine]) -> dict:
        rows = np.array([[getattr(wine, name) for name in NAMES] for wine in wines])
        return {"quality": self.model.predict(rows).tolist()}
