// From a question to a refusal, with types that come from the document alone.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const client = createClient<paths>({ baseUrl: process.env["ANAQUEL_URL"] ?? "http://127.0.0.1:7070" });
const cell = { sku: "TSHIRT-RED-M", location: "mx-w01" };

async function available(): Promise<number> {
    const { data } = await client.GET("/v1/availability", { params: { query: { sku: [cell.sku], location: [cell.location], channel: "web" } } });
    const count = data?.items[0]?.available;
    if (count === undefined) throw new Error("no availability");
    return count;
}

function is(what: string, actual: unknown, expected: unknown): void {
    if (actual !== expected) throw new Error(`${what}: ${String(actual)}, and ${String(expected)} was expected`);
}

const before = await available();
const reserved = await client.POST("/v1/reservations", {
    params: { header: { "Idempotency-Key": `walk-${Date.now()}` } },
    body: { channel: "web", purpose: "delivery", lines: [{ ...cell, quantity: 2 }] },
});
const held: components["schemas"]["Reservation"] | undefined = reserved.data;
if (held === undefined) throw new Error(`not reserved: ${JSON.stringify(reserved.error)}`);
is("state", held.state, "held");
is("available", await available(), before - 2);
const path = { id: held.id };
is("confirmed", (await client.POST("/v1/reservations/{id}/confirm", { params: { path }, body: {} })).data?.state, "confirmed");
is("collected", (await client.POST("/v1/reservations/{id}/collect", { params: { path }, body: {} })).data?.state, "collected");
is("history", (await client.GET("/v1/reservations/{id}", { params: { path } })).data?.history?.length, 3);
const refused = await client.POST("/v1/reservations", { body: { channel: "web", lines: [{ ...cell, quantity: 100_000 }] } });
const problem: components["schemas"]["Problem"] | undefined = refused.error;
is("type", problem?.type, "/problems/insufficient-stock");
is("what is left", problem?.lines?.[0]?.available, before - 2);
const wrong = await client.POST("/v1/reservations/{id}/cancel", { params: { path }, body: {} });
is("wrong state", wrong.error?.state, "collected");
console.log("TypeScript: reserved, confirmed, collected, refused");
