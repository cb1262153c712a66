"""A prediction service as one finds it: it knows nothing of modelwatch, and needs nothing but Python.

POST /predict with the eleven named features of one wine -> {"quality": number}; GET /health -> {"status": "ok"}.
It stands in for a service on FastAPI, whose wire it speaks: a wrong field is answered 422 with a "detail" that names it.
"""
import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Ordinary least squares on the 1,599 red wines of the UCI set; mean squared error on them 0.4168.
INTERCEPT = 21.9652
WEIGHTS = {
    "fixed_acidity": 0.0249906,
    "volatile_acidity": -1.08359,
    "citric_acid": -0.182564,
    "residual_sugar": 0.0163313,
    "chlorides": -1.87423,
    "free_sulfur_dioxide": 0.00436133,
    "total_sulfur_dioxide": -0.00326458,
    "density": -17.8812,
    "ph": -0.413653,
    "sulphates": 0.916334,
    "alcohol": 0.276198,
}


def faults(wine):
    if not isinstance(wine, dict):
        return [{"loc": ["body"], "msg": "value is not a valid dict"}]
    wrong = [name for name in WEIGHTS if type(wine.get(name)) not in (int, float)]
    return [{"loc": ["body", name], "msg": "field required" if name not in wine else "value is not a valid float"} for name in wrong]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Connections are kept.
    wbufsize = -1  # Headers and body leave in one packet.

    def do_GET(self):
        self.answer(*((200, {"status": "ok"}) if self.path == "/health" else (404, {"detail": "Not Found"})))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path != "/predict":
            return self.answer(404, {"detail": "Not Found"})
        try:
            wine = json.loads(body)
        except ValueError as error:
            return self.answer(422, {"detail": [{"loc": ["body"], "msg": str(error)}]})
        if faults(wine):
            return self.answer(422, {"detail": faults(wine)})
        self.answer(200, {"quality": INTERCEPT + sum(weight * wine[name] for name, weight in WEIGHTS.items())})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=5001)
    server = ThreadingHTTPServer(("127.0.0.1", options.parse_args().port), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
