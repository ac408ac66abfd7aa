"""Compares the sales ledger of a server with sums over the raw files of a quarter of tills.

    python3 tests/scripts/till_sums.py http://127.0.0.1:7070 FOLDER [LINES] [BY_DAY]

FOLDER has `transactions.csv.gz`; LINES takes only the first so many of its lines, `all` every one. BY_DAY is `by-day`
if the sales were told with the time at which they happened, else `now`. Standard library only, and no code of the
project.

One basket in twenty, by its number, brings one of its first 100 lines of at least one unit back half an hour later.
Compares amounts, units and rows of what was sold less what came back: in total, by store, by day, by store and day; the
money by tender; receipts and credit notes; and the units of every SKU in every store. Prints a summary as JSON; exit code
1 names the first sum that differs.
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
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

PAGE = 1000
BASKETS_A_RETURN = 20
RETURNED = 3
LINES_MAX = 100
TO_RETURN = timedelta(minutes=30)


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


def raw(folder, lines):
    """Store, day, SKU, units and cents of each line that is a sale, and the raw baskets."""
    baskets, rows = defaultdict(list), []
    with gzip.open(f"{folder}/transactions.csv.gz", "rt", newline="") as file:
        for line in itertools.islice(csv.DictReader(file), lines):
            basket = baskets[line["basket_id"]]
            units = int(Decimal(line["quantity"]))
            # Some amounts of the file carry the noise of a floating-point number.
            cents = int((Decimal(line["sales_value"]) * 100).to_integral_value(ROUND_HALF_UP))
            # A line of no units and no money is nothing; money without units is a charge.
            if units or cents:
                store, time = f"store-{line['store_id']}", line["transaction_timestamp"]
                rows.append((store, time[:10], line["product_id"], units, cents))
                if units:
                    basket.append((store, time, line["product_id"], units, cents))
    return baskets, rows


def returned(baskets):
    """The same of what comes back."""
    rows = []
    for number, lines in baskets.items():
        number, lines = int(number), lines[:LINES_MAX]
        if number % BASKETS_A_RETURN == RETURNED and lines:
            store, _, sku, units, cents = lines[number // BASKETS_A_RETURN % len(lines)]
            # A basket is sold at the moment of its first line.
            day = datetime.strptime(lines[0][1][:19].replace("T", " "), "%Y-%m-%d %H:%M:%S") + TO_RETURN
            rows.append((store, day.strftime("%Y-%m-%d"), sku, -units, -cents))
    return rows


def summed(rows, key):
    sums = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        of = sums[key(row)]
        of[0] += row[4]
        of[1] += row[3]
        of[2] += 1
    return {key: tuple(sums) for key, sums in sums.items()}


def told(url, by, **parameters):
    items = get(url, "/v1/sales/totals", by=",".join(by), **parameters)["items"]
    return {tuple(item[name] for name in by): (item["amount"], item["quantity"], item["rows"]) for item in items}


def compare(what, told, computed):
    for key in sorted(set(told) | set(computed), key=str):
        if told.get(key) != computed.get(key):
            sys.exit(f"{what} {key}: the server tells {told.get(key)}, and the files come to {computed.get(key)}")
    return len(computed)


def main(url, folder, lines="all", by_day="now"):
    baskets, sold = raw(folder, None if lines == "all" else int(lines))
    back = returned(baskets)
    rows = sold + back
    sums = summed(rows, lambda row: ())
    compared = {
        "total": compare("total", told(url, ()), sums),
        "stores": compare("store", told(url, ("location",)), summed(rows, lambda row: (row[0],))),
    }
    if by_day == "by-day":
        compared["days"] = compare("day", told(url, ("business_date",)), summed(rows, lambda row: (row[1],)))
        # A month at a time: an answer has at most 10,000 sums.
        compared["store days"] = 0
        for month in sorted({row[1][:7] for row in rows}):
            of_month = [row for row in rows if row[1].startswith(month)]
            last = calendar.monthrange(int(month[:4]), int(month[5:]))[1]
            answer = told(url, ("location", "business_date"), **{"from": f"{month}-01", "to": f"{month}-{last}"})
            computed = summed(of_month, lambda row: (row[0], row[1]))
            compared["store days"] += compare("store and day", answer, computed)
    money = get(url, "/v1/sales/totals", by="tender")["items"]
    paid = sum(item["amount"] if item["kind"] == "payment" else -item["amount"] for item in money)
    if paid != sums[()][0]:
        sys.exit(f"payments come to {paid}, and the files to {sums[()][0]}")
    kinds = defaultdict(lambda: [0, 0])
    for receipt in pages(url, "/v1/receipts"):
        of = kinds[receipt["kind"]]
        of[0] += 1
        of[1] += receipt["total"]
    on_receipts = sum(row[4] for row in sold)
    if kinds["receipt"][1] != on_receipts:
        sys.exit(f"receipts come to {kinds['receipt'][1]}, and the files to {on_receipts}")
    on_notes = [len(back), sum(row[4] for row in back)]
    if kinds["credit_note"] != on_notes:
        sys.exit(f"credit notes come to {kinds['credit_note']}, and the files to {on_notes}")
    cells = defaultdict(int)
    for row in pages(url, "/v1/sales"):
        if row["sku"] is not None:
            cells[row["location"], row["sku"]] += row["quantity"]
    computed = defaultdict(int)
    for store, _, sku, units, _ in rows:
        if units:
            computed[store, sku] += units
    compared["cells"] = compare("units of", dict(cells), dict(computed))
    summary = {"baskets": len(baskets), "compared": compared}
    for name, of in [("sold", sold), ("returned", back), ("net", rows)]:
        amount, units, count = summed(of, lambda row: ()).get((), (0, 0, 0))
        summary[name] = {"amount": amount, "units": units, "rows": count}
    print(json.dumps(summary))


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5:
        sys.exit("usage: till_sums.py URL FOLDER [LINES|all] [by-day|now]")
    main(*sys.argv[1:])
