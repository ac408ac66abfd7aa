"""Compares the sales ledger of a server with sums over the raw file of a web shop's invoices.

    python3 tests/scripts/shop_sums.py http://127.0.0.1:7070 FOLDER [LINES] [HOW]

FOLDER has `online_retail.csv.gz`; LINES takes only the first so many of its lines, `all` every one. HOW is `live` if the
invoices were sold with the time at which they happened, `now` if they were sold on one day, `history` if they were
imported. Standard library only, and no code of the project.

What counts, line by line in the order of the file:

- A line of an invoice is sold, 100 lines an order, to its customer (channel `web`) or to nobody known (`counter`).
- A line of a cancellation (C…) takes units back: those that its customer has of the SKU, bought less taken back. It is
  taken if they are enough: from the newest order that has enough, or else from several, the newest first. Otherwise more
  comes back than was bought, or, of none left, what was never bought, and nothing is taken.
- Without a customer it is of no sale: each unit is worth the first price that the file has for the SKU.
- Adjustments of the books (A…) and write-offs (negative units on an invoice) are no sales.

Compares units and amounts: in total, of what was sold and what came back, by channel, by location, by month with channel
and location, by SKU and location, and the money by tender. Prints a summary as JSON; exit code 1 names the first sum that
differs.
"""

import calendar
import csv
import gzip
import itertools
import json
import sys
import urllib.parse
import urllib.request
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

PAGE = 1000
LINES_MAX = 100


def get(url, path, **parameters):
    with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(parameters)}", timeout=600) as answer:
        return json.load(answer)


def pages(url, path, **parameters):
    while True:
        page = get(url, path, limit=PAGE, **parameters)
        yield from page["items"]
        if page["next"] is None:
            return
        parameters["after"] = page["next"]


def cents(amount):
    return int((amount * 100).to_integral_value(ROUND_HALF_UP))


class Order:
    """What an order has of each SKU: its lines, as units, amount and units that came back."""

    def __init__(self):
        self.lines = defaultdict(list)

    def left(self, sku):
        return sum(units - back for units, _, back in self.lines[sku])

    def take(self, sku, units):
        """Takes units back, of the first line first; returns their worth."""
        worth = 0
        for line in self.lines[sku]:
            bought, amount, back = line
            here = min(units, bought - back)
            worth += amount * (back + here) // bought - amount * back // bought
            line[2] += here
            units -= here
        assert units == 0
        return worth


class Shop:
    def __init__(self, folder, lines):
        self.counts = defaultdict(int)
        # Month, channel, location, SKU, units and cents; negative of what came back.
        self.rows = []
        self.cancels = {
            "taken": 0,
            "of_several_orders": 0,
            "more_than_bought": 0,
            "never_bought": 0,
            "all_taken_before": 0,
            "unreferenced": 0,
        }
        self.orders, self.lines_of, self.month_of = {}, defaultdict(int), {}
        # By customer and SKU: units, and the orders that had them, oldest first.
        self.has, self.had = defaultdict(int), defaultdict(list)
        with gzip.open(f"{folder}/online_retail.csv.gz", "rt", newline="") as file:
            rows = list(itertools.islice(csv.DictReader(file), lines))
        self.prices = {}
        for row in rows:
            price = cents(Decimal(row["UnitPrice"]))
            if price > 0 and not row["InvoiceNo"].startswith("A"):
                self.prices.setdefault(row["StockCode"], price)
        for row in rows:
            self.read(row)

    def read(self, row):
        invoice, sku, units = row["InvoiceNo"], row["StockCode"], int(row["Quantity"])
        customer, location = row["CustomerID"], row["Country"].lower().replace(" ", "-")
        month = row["InvoiceDate"][:7]
        self.counts["lines"] += 1
        if invoice.startswith("A"):
            self.counts["adjustments"] += 1
        elif invoice.startswith("C"):
            self.cancel(customer, location, sku, -units, month)
        elif units < 0:
            self.counts["write_offs"] += 1
        else:
            amount = cents(Decimal(row["UnitPrice"]) * units)
            self.counts["free_lines"] += amount == 0
            name = (invoice, self.lines_of[invoice] // LINES_MAX)
            self.lines_of[invoice] += 1
            order = self.orders.setdefault(name, Order())
            order.lines[sku].append([units, amount, 0])
            month = self.month_of.setdefault(invoice, month)
            self.rows.append((month, "web" if customer else "counter", location, sku, units, amount))
            if customer:
                self.has[customer, sku] += units
                had = self.had[customer, sku]
                if order not in had:
                    had.append(order)

    def cancel(self, customer, location, sku, units, month):
        if not customer:
            self.cancels["unreferenced"] += 1
            self.rows.append((month, "desk", location, sku, -units, -units * self.prices[sku]))
            return
        has = self.has[customer, sku]
        if has < units:
            self.cancels["more_than_bought" if has else "never_bought"] += 1
            self.cancels["all_taken_before"] += not has and (customer, sku) in self.had
            return
        self.cancels["taken"] += 1
        self.has[customer, sku] -= units
        newest_first = self.had[customer, sku][::-1]
        enough = [order for order in newest_first if order.left(sku) >= units]
        self.cancels["of_several_orders"] += not enough
        worth, rest = 0, units
        for order in enough[:1] or newest_first:
            here = min(rest, order.left(sku))
            worth += order.take(sku, here)
            rest -= here
        assert rest == 0
        self.rows.append((month, "web", location, sku, -units, -worth))


def summed(rows, key):
    sums = defaultdict(lambda: [0, 0])
    for row in rows:
        of = sums[key(row)]
        of[0] += row[5]
        of[1] += row[4]
    return {key: tuple(sums) for key, sums in sums.items()}


def told(url, by, **parameters):
    items = get(url, "/v1/sales/totals", by=",".join(by), **parameters)["items"]
    return {tuple(item[name] for name in by): (item["amount"], item["quantity"]) for item in items}


def compare(what, told, computed):
    for key in sorted(set(told) | set(computed), key=str):
        if told.get(key) != computed.get(key):
            sys.exit(f"{what} {key}: the server tells {told.get(key)}, and the file comes to {computed.get(key)}")
    return len(computed)


def main(url, folder, lines="all", how="now"):
    shop = Shop(folder, None if lines == "all" else int(lines))
    rows = shop.rows
    compared = {
        "total": compare("total", told(url, ()), summed(rows, lambda row: ())),
        "channels": compare("channel", told(url, ("channel",)), summed(rows, lambda row: (row[1],))),
        "locations": compare("location", told(url, ("location",)), summed(rows, lambda row: (row[2],))),
    }
    if how != "now":
        by, compared["months, channels and locations"] = ("channel", "location"), 0
        for month in sorted({row[0] for row in rows}):
            last = calendar.monthrange(int(month[:4]), int(month[5:]))[1]
            answer = told(url, by, **{"from": f"{month}-01", "to": f"{month}-{last}"})
            computed = summed([row for row in rows if row[0] == month], lambda row: (row[1], row[2]))
            compared["months, channels and locations"] += compare(f"{month}, channel and location", answer, computed)
    net = sum(row[5] for row in rows)
    money = get(url, "/v1/sales/totals", by="tender")["items"]
    paid = sum(item["amount"] if item["kind"] == "payment" else -item["amount"] for item in money)
    if paid != net:
        sys.exit(f"payments less refunds come to {paid}, and the file to {net}")
    ledger = [
        (None, None, row["location"], row["sku"], row["quantity"], row["amount"], row["kind"])
        for row in pages(url, "/v1/sales")
    ]
    kinds = summed(ledger, lambda row: row[6])
    compare("kind", kinds, summed(rows, lambda row: "sale" if row[4] > 0 else "return"))
    of_cell = lambda row: (row[2], row[3])
    compared["cells"] = compare("SKU and location", summed(ledger, of_cell), summed(rows, of_cell))
    summary = {
        "counts": dict(shop.counts) | {"orders": len(shop.orders)},
        "cancels": shop.cancels,
        "sums": {kind: {"units": units, "amount": amount} for kind, (amount, units) in kinds.items()},
        "net": net,
        "compared": compared,
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5:
        sys.exit("usage: shop_sums.py URL FOLDER [LINES|all] [live|now|history]")
    main(*sys.argv[1:])
