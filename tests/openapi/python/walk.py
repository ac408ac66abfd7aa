"""From a question to a refusal, with a client that comes from the document alone."""

import os
import time

from client import Client
from client.api.reservations import (
    post_reservations,
    post_reservations_by_id_cancel,
    post_reservations_by_id_collect,
    post_reservations_by_id_confirm,
)
from client.api.stock import get_availability
from client.models import CancelBody, CollectBody, ConfirmBody, LineBody, Problem, Reservation, ReserveBody

client = Client(base_url=os.environ["ANAQUEL_URL"])
SKU, LOCATION = "TSHIRT-RED-M", "mx-w01"


def available() -> int:
    answer = get_availability.sync(client=client, sku=[SKU], location=[LOCATION], channel="web")
    return answer.items[0].available


def reserve(quantity: int):
    body = ReserveBody(channel="web", lines=[LineBody(sku=SKU, location=LOCATION, quantity=quantity)])
    return post_reservations.sync(client=client, body=body, idempotency_key=f"walk-{time.time_ns()}")


before = available()
held = reserve(2)
assert isinstance(held, Reservation), held
assert held.state == "held", held
assert available() == before - 2
confirmed = post_reservations_by_id_confirm.sync(held.id, client=client, body=ConfirmBody())
assert confirmed.state == "confirmed", confirmed
collected = post_reservations_by_id_collect.sync(held.id, client=client, body=CollectBody())
assert collected.state == "collected", collected
refused = reserve(100_000)
assert isinstance(refused, Problem) and refused.type_ == "/problems/insufficient-stock", refused
assert refused.lines[0].available == before - 2, refused
wrong = post_reservations_by_id_cancel.sync(held.id, client=client, body=CancelBody())
assert isinstance(wrong, Problem) and wrong.state == "collected", wrong
print("Python: reserved, confirmed, collected, refused")
