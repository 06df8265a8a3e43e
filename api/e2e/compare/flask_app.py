"""A small image server of the usual kind: Flask, and a folder of files.

gunicorn runs it for the comparison; IMAGES is the folder. It stores an upload without a sync.
"""
import os
import shutil

from flask import Flask, abort, request, send_from_directory
from werkzeug.utils import secure_filename

folder = os.environ["IMAGES"]
app = Flask(__name__)


@app.get("/images/<name>")
def get(name):
    return send_from_directory(folder, secure_filename(name))


@app.put("/images/<name>")
def put(name):
    name = secure_filename(name)
    if not name:
        abort(400)
    with open(os.path.join(folder, name), "wb") as file:
        shutil.copyfileobj(request.stream, file, 1 << 16)
    return "", 201
