// Every member of the client, as a program in TypeScript uses it; compiled where there is a compiler.
import { Anaquel, Closed, Refused, type Change, type Live, type Result, type State } from "./anaquel.js";

const stream: Anaquel = new Anaquel("https://stock.example", { key: "anaquel_…", quiet_ms: 10_000 });
stream.onstate = (state: State, error: Error | null) => void [state, error?.message];
stream.onheartbeat = ({ seq, lag_ms }) => void (seq + lag_ms);
stream.onrefused = (refused) => void [refused.status, refused.problem?.detail];

const live: Live = stream.subscribe({ skus: ["A"], locations: ["s1"], channel: "web", mode: "lossless" });
live.onchange = ({ items, removed, seq }: Change) => void [items[0]?.available, removed[0]?.sku, seq];
live.onreset = (reason) => void reason.length;
live.onrefused = (refused) => void refused.message;
live.track(["B"]);
live.untrack(["B"]);
const available: number | undefined = live.cells.get("A\ns1")?.available;

interface Reservation { id: string; state: string }
const order = { channel: "web", lines: [{ sku: "A", location: "s1", quantity: available ?? 1 }] };
stream.request<Reservation>("reserve", order).then(
  ({ status, body, replayed }: Result<Reservation>) => void [status, body.id, replayed],
  (error: unknown) => {
    if (error instanceof Refused) return error.status;
    if (error instanceof Closed) return error.name;
    throw error;
  },
);
// @ts-expect-error: there is no such operation.
stream.request("destroy");
live.close();
stream.close();
