"""Calls a server with the MessagePack-RPC client of pynvim, and prints what it gets: one JSON value a line.

Usage: rpc_peer.py ADDRESS, the address unix:PATH or tcp:HOST:PORT
"""
import json
import sys

from pynvim.msgpack_rpc import socket_session, tcp_session

scheme, _, place = sys.argv[1].partition(":")
if scheme == "unix":
    session = socket_session(place)
else:
    host, _, port = place.rpartition(":")
    session = tcp_session(host, int(port))
# What the server sends in the place of an error is otherwise taken for Neovim's.
session.error_wrapper = lambda error: RuntimeError(json.dumps(error))


def show(value):
    print(json.dumps(value), flush=True)


show(session.request("recommend", {"user": 3, "limit": 5}))
show(session.request("ping"))
show(session.request("recommend", {"user": "3"}, {"timeout": 5000}))
for params in [("recommned", {}), ("recommend", 3)]:
    try:
        session.request(*params)
    except RuntimeError as error:
        show(json.loads(str(error)))

# A bunch of calls at once, below the part of the library that waits for each.
answers = {}


def answered(user):
    def on_answer(error, result):
        answers[user] = error or [item["item"] for item in result["items"]]
        if len(answers) == 200:
            session.stop()

    return on_answer


for user in range(200):
    session._async_session.request("recommend", ({"user": user, "limit": 3},), answered(user))
session.run(lambda *_: None, lambda *_: None)
show([answers[user] for user in range(200)])

session.request("record", {"id": "from python", "user": "pythonista", "item": "i5"}, async_=True)
while session.request("recommend", {"user": "pythonista"}).get("after") is None:
    pass
show(session.request("recommend", {"user": "pythonista"})["after"])
session.close()
