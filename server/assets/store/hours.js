// Hours of a store, as people say them.

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** The hours of today, such as "10:00-21:00"; null where they are not known. */
export function hoursToday(hours, now = new Date()) {
  const told = hours?.[DAYS[now.getDay()]];
  return told && told !== "closed" ? told.replaceAll("-", "–").replaceAll(",", ", ") : null;
}
