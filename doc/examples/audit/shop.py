"""A shop's web service, as small as it can be: it answers requests, which it makes itself, and then waits for more."""
import itertools
import json
import time

PRICES = {"tea": 4, "coffee": 6, "sugar": 2}


class Session:
    """What the shop knows of a client."""
    __slots__ = ("number", "cart")
    numbers = itertools.count(1)

    def __init__(self):
        self.number, self.cart = next(self.numbers), []


class Shop:
    """Answers requests."""

    def __init__(self):
        self.sessions = {}

    def login(self):
        session = Session()
        self.sessions[session.number] = session
        return session.number

    def buy(self, number, thing):
        self.sessions[number].cart.append(thing)

    def pay(self, number):
        return json.dumps({"sum": sum(map(PRICES.get, self.sessions[number].cart))})


def visit(shop):
    """What one client does."""
    number = shop.login()
    for thing in PRICES:
        shop.buy(number, thing)
    return shop.pay(number)


shop = Shop()
for _ in range(500):
    visit(shop)
print("ready", flush=True)
time.sleep(3600)
