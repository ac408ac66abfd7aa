// Checkpoint and backup, and when the disk is full.

import { fill, h } from "/screens/elements.js";
import { day, duration, number } from "/screens/format.js";
import { t } from "/screens/texts.js";
import { measures } from "./measures.js";

const bytes = (value) => number(value / 1e9, { style: "unit", unit: "gigabyte", maximumFractionDigits: value < 1e10 ? 2 : 0 });
const age = ({ seq, taken_at }) => (taken_at
  ? t("o_age", { d: () => duration((Date.now() - Date.parse(taken_at)) / 1000), n: () => number(seq) })
  : t("o_seq_age", { n: () => number(seq) }));
const OLD_LOGS = new Set(["whole", "damaged", "checking"]);

export function backupPanel() {
  const place = h("dl", { class: "facts" });
  const draw = () => {
    const { info } = measures;
    if (!info) return;
    const { checkpoint, backup, disk, old_log, seq } = info;
    const rows = [
      ["o_checkpoint", checkpoint ? age(checkpoint) : t("o_no_checkpoint")],
      ["o_to_replay", t("o_records", { n: () => number(seq - (checkpoint?.seq ?? 0)) })],
      ["o_last_backup", backup ? [age(backup), " · ", t(backup.whole ? "o_whole_backup" : "o_partial_backup")] : t("o_no_backup")],
      disk && ["o_disk_free", t("o_free_of", { free: () => bytes(disk.free_bytes), all: () => bytes(disk.size_bytes) })],
      disk && ["o_full_on", disk.full_in_seconds === null ? t("o_not_filling") : () => day(Date.now() + disk.full_in_seconds * 1000)],
      old_log && ["o_old_log", OLD_LOGS.has(old_log.state) ? t(`ol_${old_log.state}`) : old_log.state],
    ].filter(Boolean);
    fill(place, rows.map(([name, value]) => [h("dt", {}, t(name)), h("dd", {}, typeof value === "function" ? value() : value)]));
  };
  measures.addEventListener("change", draw);
  draw();
  return h("div", { class: "stack" }, place, h("p", {}, h("a", { href: "/guides/backup" }, t("o_backup_guide"))));
}
