# SPDX-License-Identifier: MIT
"""A small session service, as one finds them, that leaks in two ways.

It serves pages to people who log in from their phones and computers. Nobody meant it to keep anything:

1. pages are cached by user and query, and nothing ever leaves the cache;
2. a session knows its client and the client its session. Such a pair is a cycle: only Python's collector
   frees it, and somebody switched the collector off "because it costs latency".

It stands in for the network with a loop of its own: python3 service.py REQUESTS
"""
import collections
import ctypes
import datetime
import gc
import sys
import time

Query = collections.namedtuple("Query", "user path page")


class Page:
    """What the service answers, rendered."""

    def __init__(self, query):
        self.query = query
        self.created = datetime.datetime.now()
        self.fragments = ["<h1>%s</h1>" % query.path, "<p>Hello, %s</p>" % query.user]


class Client:
    """The phone or computer at the other end."""

    def __init__(self, address):
        self.address = address
        self.session = None


class Session:
    """One login, from its first request to its last."""

    def __init__(self, user, client):
        self.user = user
        self.client = client
        self.seen = []
        client.session = self


class Service:
    def __init__(self):
        self.cache = {}
        self.requests = 0

    def page(self, query):
        if query not in self.cache:
            self.cache[query] = Page(query)
        return self.cache[query]

    def handle(self, number):
        """One person logs in, looks at a page and leaves; each page is looked at three times."""
        self.requests += 1
        visit = number // 3
        session = Session("user-%d" % (visit % 500), Client(("10.0.%d.%d" % divmod(visit % 65536, 256), 443)))
        page = self.page(Query(session.user, "/news", visit))
        session.seen.append(page.query.path)
        return "".join(page.fragments)


def allow_other_processes_to_look():
    """Some systems let only parents trace a process (Yama); a demonstration asks not to be one of them."""
    pr_set_ptracer, anybody = 0x59616D61, ctypes.c_ulong(-1)
    ctypes.CDLL(None).prctl(pr_set_ptracer, anybody, 0, 0, 0)


def main():
    allow_other_processes_to_look()
    gc.disable()
    service = Service()
    for number in range(int(sys.argv[1])):
        service.handle(number)
    print("ready", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
