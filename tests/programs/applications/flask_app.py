# SPDX-License-Identifier: MIT
"""A Flask application that has answered requests, with some still open, and a server waiting in a thread."""
import sqlite3
import threading

import flask
import jinja2
import werkzeug.serving

app = flask.Flask(__name__)
app.secret_key = b"not secret"
app.jinja_loader = jinja2.DictLoader({
    "base.html": "<html><body>{% block body %}{% endblock %}</body></html>",
    "page.html": "{% extends 'base.html' %}{% block body %}{% for each in items %}<p>{{ each.name|upper }} "
                 "{{ loop.index }}</p>{% else %}nothing{% endfor %}{% endblock %}",
})
database = sqlite3.connect(":memory:", check_same_thread=False)
database.row_factory = sqlite3.Row
database.execute("create table items (id integer primary key, name text, price real)")
database.executemany("insert into items (name, price) values (?, ?)", [("item %d" % i, i / 3) for i in range(200)])


@app.route("/")
def index():
    flask.session["count"] = flask.session.get("count", 0) + 1
    return flask.render_template("page.html", items=database.execute("select * from items").fetchall())


@app.route("/item/<int:number>", methods=["GET", "POST"])
def item(number):
    row = database.execute("select * from items where id = ?", (number,)).fetchone()
    if row is None:
        flask.abort(404)
    return flask.jsonify(item=dict(row), form=flask.request.form)


@app.route("/stream")
def stream():
    def parts():
        for row in database.execute("select name from items"):
            yield row["name"] + "\n"
    return flask.Response(flask.stream_with_context(parts()), mimetype="text/plain")


@app.errorhandler(404)
def missing(error):
    return "no such thing: %s" % error, 404


class Broken(Exception):
    pass


@app.route("/broken")
def broken():
    local = {"where": "here"}
    raise Broken(local)


app.testing = True
kept, failures = [], []
for number in range(60):
    client = app.test_client()
    kept += [client, client.get("/"), client.get("/item/%d" % (number * 5)), client.post("/item/3", data={"a": str(number)})]
    kept.append(client.get("/stream", buffered=False))
    kept.append(next(kept[-1].iter_encoded()))
    try:
        client.get("/broken")
    except Broken as error:
        failures.append(error)
context = app.test_request_context("/item/1?x=1&y=2")
context.push()
server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 3600}, daemon=True)
thread.start()
