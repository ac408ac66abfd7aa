"""Recomputes the chains of receipts of a server from `GET /v1/receipts`, by the published rules alone.

    python3 tests/scripts/receipt_chain.py http://127.0.0.1:7070 [API_KEY]

Standard library only, and no code of the project: the rules of both schemes are written here a second time. For each
issuer: positions 1 to n, each receipt with the hash of the one before, numbers of each series without a gap and rising
with `seq`, lines, taxes and totals that add up. Prints a summary as JSON; exit code 1 names the first receipt that is
wrong.
"""

import hashlib
import json
import sys
import urllib.parse
import urllib.request
from datetime import datetime
from zoneinfo import ZoneInfo

PAGE = 1000


def wrong(receipt, reason):
    sys.exit(f"{receipt}: {reason}")


def equal(receipt, name, told, computed):
    if told != computed:
        wrong(receipt, f"{name} is {told!r}, and {computed!r} by the rules")


class Server:
    def __init__(self, url, key=None):
        self.url, self.key = url.rstrip("/"), key

    def get(self, path):
        request = urllib.request.Request(self.url + path)
        if self.key:
            request.add_header("Authorization", f"Bearer {self.key}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def all(self, path, **filters):
        after = {}
        while True:
            page = self.get(f"{path}?{urllib.parse.urlencode({**filters, 'limit': PAGE, **after})}")
            yield from page["items"]
            if page["next"] is None:
                return
            after = {"after": page["next"]}


def decimal(amount):
    """Cents as VERI*FACTU writes euros: two decimals, a minus sign in front."""
    size = abs(amount)
    return f"{'-' if amount < 0 else ''}{size // 100}.{size % 100:02}"


def sha256(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest().upper()


def verifactu(tax_id, number, date, kind, tax, total, previous, registered):
    return sha256(
        f"IDEmisorFactura={tax_id}&NumSerieFactura={number}&FechaExpedicionFactura={date}&TipoFactura={kind}"
        f"&CuotaTotal={tax}&ImporteTotal={total}&Huella={previous}&FechaHoraHusoGenRegistro={registered}"
    )


def check_published_example():
    """The example that the Spanish tax authority publishes; without it the rules above are only believed."""
    first = verifactu(
        "89890001K", "12345678/G33", "01-01-2024", "F1", "12.35", "123.45", "", "2024-01-01T19:20:30+01:00"
    )
    second = verifactu(
        "89890001K", "12345679/G34", "01-01-2024", "F1", "12.35", "123.45", first, "2024-01-01T19:20:35+01:00"
    )
    equal("the published example", "the first hash", first, "3C464DAF61ACB827C65FDA19F352A4E3BDC2C640E9E9FC4CC058073F38F12F60")
    equal("the published example", "the second hash", second, "F7B94CFD8924EDFF273501B01EE5153E4CE8F259766F88CF6ACB8935802A2B97")


def fiscal_type(receipt, types):
    if receipt["kind"] == "credit_note":
        return "R5" if all(types[of] == "F2" for of in receipt["corrects"]) else "R1"
    if receipt["kind"] == "invoice":
        return "F3" if receipt["replaces"] else "F1"
    return "F1" if receipt["recipient"] else "F2"


def computed_hash(issuer, receipt, previous):
    if issuer["scheme"] == "none":
        said = {name: value for name, value in receipt.items() if name not in ("chain", "fiscal", "key")}
        return sha256(previous + json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    issued_at = datetime.fromisoformat(receipt["issued_at"].replace("Z", "+00:00"))
    local = issued_at.astimezone(ZoneInfo(issuer["timezone"]))
    return verifactu(
        issuer["tax_id"],
        receipt["number"],
        local.strftime("%d-%m-%Y"),
        receipt["fiscal"]["type"],
        decimal(sum(tax["tax"] for tax in receipt["taxes"])),
        decimal(receipt["total"]),
        previous,
        local.isoformat(timespec="seconds"),
    )


def computed_qr(issuer, receipt):
    host = "www2.agenciatributaria.gob.es" if issuer["environment"] == "production" else "prewww2.aeat.es"
    issued_at = datetime.fromisoformat(receipt["issued_at"].replace("Z", "+00:00"))
    date = issued_at.astimezone(ZoneInfo(issuer["timezone"])).strftime("%d-%m-%Y")
    values = {
        "nif": issuer["tax_id"],
        "numserie": receipt["number"],
        "fecha": date,
        "importe": decimal(receipt["total"]),
    }
    query = "&".join(f"{name}={urllib.parse.quote(value, safe='')}" for name, value in values.items())
    return f"https://{host}/wlpl/TIKE-CONT/ValidarQR?{query}"


def check_sums(receipt):
    """Lines and charges, added up by rate. The tax of a credit note depends on other receipts, and is not computed."""
    name, by_rate = receipt["receipt"], {}
    for line in receipt["lines"]:
        amount = line["unit_amount"] * line["quantity"] - line["discount"]
        equal(name, f"amount of line {line['line']}", line["amount"], amount)
    for item in receipt["lines"] + receipt["charges"]:
        by_rate[item["tax_rate"]] = by_rate.get(item["tax_rate"], 0) + item["amount"]
    told = {tax["rate"]: tax["base"] + tax["tax"] for tax in receipt["taxes"]}
    # A rate at which nothing is owed need not be named.
    owed = lambda sums: {rate: amount for rate, amount in sums.items() if amount}
    equal(name, "base and tax by rate", owed(told), owed(by_rate))
    equal(name, "total", receipt["total"], sum(by_rate.values()))
    if receipt["kind"] != "credit_note":
        for tax in receipt["taxes"]:
            rate, amount = tax["rate"], by_rate[tax["rate"]]
            # Half a unit is rounded up.
            computed = (2 * amount * rate + 10000 + rate) // (2 * (10000 + rate))
            equal(name, f"tax at {rate}", tax["tax"], computed)


def check_issuer(server, issuer, all_series):
    previous, position, seq = "", 0, 0
    numbers, types, last = {}, {}, {}
    for receipt in server.all("/v1/receipts", issuer=issuer["issuer"]):
        name, chain = receipt["receipt"], receipt["chain"]
        series = all_series[receipt["series"]]
        position += 1
        equal(name, "position", chain["position"], position)
        equal(name, "previous", chain["previous"], previous)
        if receipt["seq"] < seq:
            wrong(name, f"seq {receipt['seq']} comes after {seq}")
        n = numbers.get(receipt["series"], series["first"] - 1) + 1
        equal(name, "receipt", name, f"{receipt['series']}:{n}")
        equal(name, "number", receipt["number"], f"{series['prefix']}{n:0{series['digits']}}")
        check_sums(receipt)
        if issuer["scheme"] == "verifactu":
            types[name] = receipt["fiscal"]["type"]
            equal(name, "fiscal.type", receipt["fiscal"]["type"], fiscal_type(receipt, types))
            if receipt["fiscal"]["at"] is None:
                equal(name, "fiscal.qr", receipt["fiscal"]["qr"], computed_qr(issuer, receipt))
        equal(name, "hash", chain["hash"], computed_hash(issuer, receipt, previous))
        previous, seq = chain["hash"], receipt["seq"]
        numbers[receipt["series"]] = n
        last[receipt["series"]] = {"receipt": name, "hash": chain["hash"]}
    for name, series in all_series.items():
        if series["issuer"] == issuer["issuer"]:
            issued = numbers.get(name, series["first"] - 1) - series["first"] + 1
            equal(name, "issued", series["issued"], issued)
            equal(name, "next", series["next"], series["first"] + issued)
            equal(name, "last", series["last"], last.get(name))
    return {"scheme": issuer["scheme"], "receipts": position, "series": numbers, "last_hash": previous}


def main(url, key=None):
    check_published_example()
    server = Server(url, key)
    all_series = {series["series"]: series for series in server.all("/v1/series")}
    issuers = list(server.all("/v1/issuers"))
    print(json.dumps({issuer["issuer"]: check_issuer(server, issuer, all_series) for issuer in issuers}))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: receipt_chain.py URL [API_KEY]")
    main(*sys.argv[1:])
